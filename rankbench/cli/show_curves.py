"""`rankbench show LOSS... --plot`: finds the curves and sends them to the terminal, into a file or out as JSON."""

from __future__ import annotations

import json as writer
from pathlib import Path
from typing import cast

import typer

from rankbench.cli.console import notes, results
from rankbench.cli.show_plot import draw
from rankbench.drawing import check
from rankbench.errors import UserError
from rankbench.gradient import figure
from rankbench.gradient.caption import plain
from rankbench.gradient.curve import Curve, curve
from rankbench.losses import Loss
from rankbench.parallel import set_threads
from rankbench.params import resolve
from rankbench.registry import find, label, names, part
from rankbench.spec import TrainSpec, read_part


def show_curves(words: list[str], share: bool, negatives: int | None, out: Path | None, json: bool) -> None:
    """Print or write the curves of losses as they are typed; those that have none are named on stderr.

    Raises:
        UserError: a word is no loss, no loss has a curve, or the file cannot be written.
    """
    losses = [_built(word) for word in words]
    if out:
        check(out)
    curves = _curves(losses, share, negatives)
    if json:
        typer.echo(writer.dumps(plain(curves), indent=2, ensure_ascii=False))
    if out:
        figure.save(curves, out, share)
        notes().print(f"Written: {out}", markup=False, soft_wrap=True)
    elif not json:
        draw(curves, share, results())


def _built(word: str) -> tuple[Loss, str]:
    """Return the loss that is typed so, and its name with the parameters that are not its defaults."""
    name = read_part(word)[0]
    if name in names("backbone"):
        raise UserError(f"{name} is a backbone: only losses can be plotted.", "`rankbench list losses` lists them.")
    chosen, owner = part("loss", word), find("loss", name)
    return cast(Loss, owner(**dict(chosen.params))), label(owner, chosen)


def _curves(losses: list[tuple[Loss, str]], share: bool, negatives: int | None) -> list[Curve]:
    set_threads(1)  # more would only wait for each other: the batches are small
    found, refused = [], []
    for loss, name in losses:
        try:
            with notes().status(name):
                found.append(curve(loss, name, negatives or (_to_share(loss) if share else None)))
        except UserError as error:
            refused.append(error)
    if not found:
        raise refused[0]
    for refusal in refused:
        notes().print(f"Left out: {refusal}", markup=False, soft_wrap=True)
    return found


def _to_share(loss: Loss) -> int | None:
    """Return how many negatives share the push: those of the training, but the usual number in place of a single one.

    None stands for those of the training.
    """
    return int(resolve(TrainSpec, {})["negatives"]) if resolve(TrainSpec, loss.recipe)["negatives"] == 1 else None
