"""`rankbench report --html FILE` and `--plots DIR`: leaderboards in files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rankbench.errors import UserError

if TYPE_CHECKING:
    from rankbench.report.sections import Section
    from rankbench.results.leaderboard import Query
    from rankbench.results.sound import Fault, Reading

SUFFIXES = (".svg", ".pdf", ".png")
"""What every plot is written as: for a page, for a paper, for a chat."""


def check_places(html: Path | None, plots: Path | None, form: str) -> None:
    """Raise UserError unless the files can be written and figures drawn, and nothing else is asked for."""
    from rankbench.drawing import need_matplotlib

    if form != "terminal":
        raise UserError(f"--{form} is printed, --html and --plots are written.", "Ask for one, then for the other.")
    need_matplotlib()
    if html and html.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"{html} does not end in .html.", "For example report.html.")
    if html and not html.absolute().parent.is_dir():
        raise UserError(f"{str(html)!r} cannot be written: there is no such folder.", "Make the folder first.")
    if plots and plots.exists() and not plots.is_dir():
        raise UserError(f"{plots} is a file.", "Name a folder for the plots.")


def write_files(
    reading: Reading, query: Query, html: Path | None, plots: Path | None, both: bool
) -> tuple[int, tuple[str, ...], tuple[Fault, ...]]:
    """Write what is asked for; return how many leaderboards it shows, what it cannot show, and damaged runs."""
    from rankbench.report.sections import sections_of
    from rankbench.results.sound import surviving

    sections, damaged = surviving(reading.runs, lambda kept: sections_of(kept, query, both))
    if html and sections.found:
        from rankbench.report.page.document import page_of

        _write(html, page_of(sections.found, sections.omitted, [*reading.faults, *damaged]))
        typer.echo(f"{html}, {html.stat().st_size / 1e6:.1f} MB.")
    if plots and sections.found:
        for path in _plots(sections.found, plots):
            typer.echo(path)
    return len(sections.found), sections.omitted, damaged


def _write(path: Path, text: str) -> None:
    """Write a file, which appears as a whole or not at all."""
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}.", "Name another place.") from error
    finally:
        temporary.unlink(missing_ok=True)


def _plots(sections: Sequence[Section], folder: Path) -> list[Path]:
    from rankbench.drawing import save

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made: {error.strerror or error}.", "Name another folder.") from error
    written = []
    for section in sections:
        for drawing in section.drawings:
            for suffix in SUFFIXES:
                path = folder / f"{section.name}-{drawing.name}{suffix}"
                save(drawing.draw, path)
                written.append(path)
    return written
