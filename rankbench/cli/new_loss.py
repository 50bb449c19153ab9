"""`rankbench new-loss NAME`: a loss of one's own to begin with."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rankbench.cli.new_part import tell, write_part


class Kind(StrEnum):
    """What the new loss sees."""

    scores = "scores"
    lists = "lists"
    vectors = "vectors"


_SEES = {
    Kind.scores: "the scores of positives and sampled negatives",
    Kind.lists: "the scores of all items for some users",
    Kind.vectors: "the vectors of users and their positives",
}


def new_loss(
    name: Annotated[str, typer.Argument(help="Its name, as in my-loss: writes my_loss.py with the class MyLoss.")],
    kind: Annotated[
        Kind,
        typer.Option(
            help="What it sees: scores of positives and sampled negatives, lists of all items' scores, or vectors."
        ),
    ] = Kind.scores,
    out: Annotated[
        Path | None, typer.Option(metavar="PATH", help="File or folder to write; here if left out.", show_default=False)
    ] = None,
) -> None:
    """Write a working loss to begin with, with comments; nothing is overwritten."""
    from rankbench.contract.template import named, text_of

    names = named(name)
    path = write_part("loss", names.file, out, lambda stem: text_of(kind.value, replace(names, file=stem)))
    tell(path, f"Wrote the class {names.owner}, which sees {_SEES[kind]}.", "rankbench run --loss {path},softmax")
