"""What `new-loss` and `new-backbone` share: where the new file goes, and what to do with it."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rankbench.errors import UserError

if TYPE_CHECKING:
    from rankbench.registry import Kind


def write_part(kind: Kind, stem: str, out: Path | None, text_of: Callable[[str], str]) -> Path:
    """Write a new loss or backbone and return its file; `text_of` gives its text for the file's name without `.py`.

    Raises:
        UserError: there is such a file, or a part of that name, or it cannot be written.
    """
    path = _place(out, stem)
    _refuse_built_in(kind, stem)
    _write(path, text_of(path.stem))
    return path


def tell(path: Path, what: str, run: str) -> None:
    """Print the file, and on stderr what it is and how to go on: `run` is a command with {path}."""
    from rankbench.cli.console import notes

    typer.echo(path)
    console, typed = notes(), shlex.quote(str(path) if path.parent != Path() else f"./{path}")
    console.print(what, markup=False, soft_wrap=True)
    console.print("It works as it is. Change its formula, then:", markup=False, soft_wrap=True)
    for command in (f"rankbench check {typed}", run.format(path=typed)):
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


def _refuse_built_in(kind: Kind, name: str) -> None:
    """Refuse a name that a built-in or published part has: tables could not tell them apart."""
    from rankbench.registry import names

    if name in {known.replace("-", "_") for known in names(kind)}:
        raise UserError(f"There is a {kind} {name!r} already, and tables would call both so.", f"Try my-{name}.")


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
