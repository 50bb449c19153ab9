"""`rankbench new-loss NAME`: a loss of one's own to begin with."""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rankbench.errors import UserError


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
    from rankbench.cli.console import notes
    from rankbench.contract.template import Named, named, text_of

    names = named(name)
    path = _place(out, names.file)
    names = Named(path.stem, names.owner)
    _refuse_built_in(names.file)
    _write(path, text_of(kind.value, names))
    typer.echo(path)
    console, typed = notes(), shlex.quote(str(path) if path.parent != Path() else f"./{path}")
    console.print(f"Wrote the class {names.owner}, which sees {_SEES[kind]}.", markup=False, soft_wrap=True)
    console.print("It works as it is. Change its formula, then:", markup=False, soft_wrap=True)
    for command in (f"rankbench check {typed}", f"rankbench run --loss {typed},softmax"):
        console.print(f"  {command}", markup=False, soft_wrap=True)


def _place(out: Path | None, stem: str) -> Path:
    """Return the file to write."""
    if out is None:
        return Path(f"{stem}.py")
    if out.is_dir() or not out.suffix:
        return out / f"{stem}.py"
    if out.suffix != ".py":
        raise UserError(f"--out {str(out)!r}: expected a Python file or a folder.", f"For example --out {stem}.py.")
    return out


def _refuse_built_in(name: str) -> None:
    """Refuse a name that a built-in or published loss has: tables could not tell them apart."""
    from rankbench.registry import names

    if name in {known.replace("-", "_") for known in names("loss")}:
        raise UserError(f"There is a loss {name!r} already, and tables would call both so.", f"Try my-{name}.")


def _write(path: Path, text: str) -> None:
    elsewhere = "Choose another place with --out."
    if path.exists():
        raise UserError(f"{str(path)!r} is there already; it is left as it is.", f"Choose another name. {elsewhere}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UserError(f"{str(path)!r} cannot be written: {error.strerror}.", elsewhere) from error
