"""Tables on a terminal: fitted to its width without cutting a number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as Grid
from rich.text import Text

if TYPE_CHECKING:
    from rankbench.report.table import Cell, Column, Table

CAPTION = 120
"""Columns of text at most: longer lines are hard to read."""

_ANY = 10_000
_LABELS = (_ANY, 28, 20, 14)
"""Widths to which labels such as dsl:tau=0.1,tau_std=1 are folded, one after the other."""


@dataclass(frozen=True)
class _Fit:
    """How a table is squeezed: what joins mean and ±, the width of labels, and from which `spare` on columns go."""

    plus_minus: str = " ± "
    label: int = _ANY
    spare: int = _ANY

    def keeps(self, column: Column) -> bool:
        return column.spare < self.spare


def draw(table: Table, console: Console) -> None:
    """Print a table: in one line a row if the width allows, else folded, else without its least important columns.

    Where there is no terminal nothing is left out or folded, however wide the table is.
    """
    width = console.width
    fit = _fit(table, console, width) if console.is_terminal else _Fit()
    grid = _grid(table, fit)
    console.print(Text(table.title, style="bold"), soft_wrap=True)
    console.width = max(width, _width(grid, console))  # no number is cut: at worst the terminal breaks the line
    console.print(grid)
    console.width = width
    for text, style in ((table.caption, "dim"), *((note, "") for note in table.notes), (_dropped(table, fit), "")):
        if text:
            console.print(Text(text, style=style), width=min(width, CAPTION))
    console.print()


def _dropped(table: Table, fit: _Fit) -> str:
    headings = [column.heading for column in table.columns if not fit.keeps(column)]
    return f"No room for {', '.join(headings)}: widen the terminal, or use --json." if headings else ""


def _fit(table: Table, console: Console, width: int) -> _Fit:
    """Return the least squeeze that fits."""
    spares = sorted({column.spare for column in table.columns if column.spare}, reverse=True)
    ladder = [
        _Fit(),
        *(_Fit("±", label) for label in _LABELS),
        *(_Fit("\n±", label) for label in _LABELS),
        *(_Fit("\n±", label, spare) for spare in spares for label in _LABELS),
    ]
    return next((fit for fit in ladder if _width(_grid(table, fit), console) <= width), ladder[-1])


def _width(grid: Grid, console: Console) -> int:
    return Measurement.get(console, console.options.update(max_width=_ANY), grid).maximum


def _grid(table: Table, fit: _Fit) -> Grid:
    kept = [i for i, column in enumerate(table.columns) if fit.keeps(column)]
    two_lines = any(table.columns[i].above for i in kept)
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for i in kept:
        column = table.columns[i]
        head = f"{column.above}\n{column.title}" if two_lines else column.title
        grid.add_column(Text(head), justify="right" if column.number else "left", no_wrap=True)
    for row in table.rows:
        grid.add_row(*(_text(row[i], fit, table.columns[i].number) for i in kept))
    return grid


def _text(cell: Cell, fit: _Fit, number: bool) -> Text:
    text = "\n".join(_folded(line, fit.label) for line in _ways(cell.text, fit))
    drawn = Text(text, style="bold" if cell.best else "dim" if cell.faint else "")
    if cell.spread:
        drawn.append(fit.plus_minus + cell.spread)
    if cell.detail:
        detail = _folded(cell.detail, fit.label)
        below = "\n" if number else "\n  "
        drawn.append(" " + detail if fit.label == _ANY else below + detail, style="dim")
    return drawn


def _ways(text: str, fit: _Fit) -> list[str]:
    """Return the label of each training on a line of its own where labels are folded."""
    return [text] if fit.label == _ANY else text.split(" | ")


def _folded(text: str, width: int) -> str:
    """Break a label after its colon, commas and spaces so that lines have at most `width` columns where that can be."""
    if len(text) <= width:
        return text
    lines = [""]
    for piece in re.findall(r"[^:, ]+[:, ]*", text):
        if lines[-1].strip() and len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("  ")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)
