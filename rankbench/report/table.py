"""A table as data, before it is drawn: text in cells, which ones are best, and what a reader must know to read it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

NOTHING = "-"


@dataclass(frozen=True)
class Cell:
    """A cell.

    Args:
        text: what it says.
        spread: a standard deviation, to be set off by ±.
        detail: a less important second part.
        value: what decides which cell of the column is best; None if it takes no part.
        best, second: whether it is the best, or the next best.
        faint: whether it is to be read past, as what is within noise.
    """

    text: str = NOTHING
    spread: str = ""
    detail: str = ""
    value: float | None = None
    best: bool = False
    second: bool = False
    faint: bool = False


@dataclass(frozen=True)
class Column:
    """A column.

    Args:
        title: its head; `above` is a second line over it, the test set.
        number: whether it is set flush right.
        spare: what goes first where the width does not suffice: the greatest; 0 always stays.
    """

    title: str
    above: str = ""
    number: bool = True
    spare: int = 0

    @property
    def heading(self) -> str:
        """Title and the line over it, as one line."""
        return f"{self.above} {self.title}".strip()


@dataclass(frozen=True)
class Table:
    """A table with its title, and the sentences below it: first the caption, then notes on single lines."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""
    notes: tuple[str, ...] = field(default=())


def mark_best(rows: Sequence[Sequence[Cell]]) -> tuple[tuple[Cell, ...], ...]:
    """Return the rows with the greatest value of each column marked, and the next one, where at least two compete."""
    marked = []
    for column in zip(*rows, strict=True):
        values = [cell.value for cell in column if cell.value is not None]
        order = sorted(set(values), reverse=True) if len(values) > 1 else []
        marked.append([replace(cell, best=cell.value in order[:1], second=cell.value in order[1:2]) for cell in column])
    return tuple(zip(*marked, strict=True))


def decimals(value: float, like: float | None = None) -> str:
    """Return a value with four decimals, fewer where it (or the value it goes with) is great; `-` for none."""
    if math.isnan(value):
        return NOTHING
    size = abs(value if like is None else like)
    return f"{value:.{4 if size < 10 else 2 if size < 1000 else 1}f}"


def number(value: float | None) -> Cell:
    """Return the cell of a value between 0 and 1, four decimals."""
    return Cell() if value is None else Cell(f"{value:.4f}", value=value)


def percent(value: float | None, signed: bool = False) -> Cell:
    """Return the cell of a percentage, one decimal."""
    if value is None:
        return Cell()
    rounded = round(value, 1) + 0.0  # no minus sign before a zero
    return Cell(f"{rounded:+.1f}%" if signed else f"{rounded:.1f}%", value=value)
