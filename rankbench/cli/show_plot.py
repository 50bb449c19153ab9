"""`rankbench show LOSS... --plot`: the weight of a negative as its score moves, drawn on a terminal.

Lines are made of braille dots. Each also carries a letter, that which its line in the legend begins with, so that it is
known without colours too.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table
from rich.text import Text

from rankbench.gradient.caption import LEAST_SHARE, factor, resting, score_axis, weight_axis
from rankbench.gradient.curve import Curve
from rankbench.gradient.typical import NEGATIVE, POSITIVE, SPREAD

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rich.console import Console

    Line = NDArray[np.float64]
    """Heights, from left to right."""

WIDTH, LEAST_WIDTH, ROWS = 100, 40, 16
"""Columns of a drawing at most and at least, and lines of characters in it."""

PIPED = 80
"""Columns where there is no terminal."""

_COLOURS = ("cyan", "magenta", "yellow", "green", "red", "blue")
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of the dots of a braille character, which has four rows of two."""

_LETTERS, _APART = 3, 12
"""Letters on a line at most, and columns between them at least."""


def draw(curves: Sequence[Curve], share: bool, console: Console) -> None:
    """Print a drawing of curves with axes, legend and caption."""
    width = max(min(console.width, WIDTH), LEAST_WIDTH) if console.is_terminal else PIPED
    console.width = width
    heights, ticks = _scaled(curves, share)
    margin = max(len(label) for label in ticks.values()) + 1
    console.print(Text(weight_axis(share), style="bold"))
    columns = width - margin - 1
    labels = {_row(tick): label for tick, label in ticks.items()}
    for number, row in enumerate(_drawn(curves, heights, columns)):
        label = labels.get(number, "")
        console.print(Text(f"{label:>{margin - 1}} {'┤' if label else '│'}") + row, no_wrap=True)
    for line in _below(curves, columns):
        console.print(Text(" " * margin + line), no_wrap=True)
    console.print(Text(" " * margin + score_axis(curves).center(columns).rstrip(), style="bold"), no_wrap=True)
    console.print()
    console.print(_legend(curves))
    console.print()
    console.print(Text(textwrap.fill(resting(curves), width), style="dim"))


def _scaled(curves: Sequence[Curve], share: bool) -> tuple[list[Line], dict[float, str]]:
    """Return lines and ticks by height, 0 at the bottom and 1 at the top; NaN is not drawn."""
    if share:
        with np.errstate(divide="ignore"):
            logs = [np.log10(np.maximum(curve.multiple, 0)) for curve in curves]
        top = math.ceil(max(1.0, *(log.max() for log in logs)))
        lowest = min(log[np.isfinite(log)].min(initial=0) for log in logs)
        bottom = max(round(math.log10(LEAST_SHARE)), math.floor(lowest))
        heights = [np.where(log < bottom, np.nan, (log - bottom) / (top - bottom)) for log in logs]
        return heights, {(d - bottom) / (top - bottom): f"{10.0**d:g}" for d in range(bottom, top + 1)}
    low = -1 if min(curve.relative.min() for curve in curves) < -0.5 / ROWS else 0  # what would be seen
    heights = [np.clip((curve.relative - low) / (1 - low), 0, 1) for curve in curves]
    return heights, {(t - low) / (1 - low): f"{t:g}" for t in np.linspace(low, 1, 5)}


def _row(height: float) -> int:
    return round((1 - height) * (ROWS - 1))


def _drawn(curves: Sequence[Curve], heights: list[Line], columns: int) -> list[Text]:
    """Return the rows of the drawing."""
    bits = np.zeros((ROWS, columns), int)
    colour = np.zeros((ROWS, columns), int)
    place = np.linspace(-1, 1, 2 * columns)  # of the columns of dots
    lines = [np.interp(place, curve.cosine, height) for curve, height in zip(curves, heights, strict=True)]
    for number, line in enumerate(lines):
        _put_dots(bits, colour, line, number)
    letters = _letters([line.reshape(columns, 2).mean(axis=1) for line in lines])
    rows = []
    for r in range(ROWS):
        row = Text()
        for c in range(columns):
            number = letters.get((r, c), int(colour[r, c]))
            text = _letter(number) if (r, c) in letters else chr(0x2800 + bits[r, c]) if bits[r, c] else " "
            style = _COLOURS[number % len(_COLOURS)]
            row.append(text, f"bold {style}" if (r, c) in letters else style if bits[r, c] else "")
        row.rstrip()
        rows.append(row)
    return rows


def _put_dots(bits: NDArray[np.int_], colour: NDArray[np.int_], line: Line, number: int) -> None:
    """Draw a line, each column of dots joined with the next half-way."""
    dot = (1 - line) * (4 * ROWS - 1)
    for x in range(len(dot)):
        near = dot[max(x - 1, 0) : x + 2]
        ends = [(dot[x] + other) / 2 for other in near if np.isfinite(other) and np.isfinite(dot[x])]
        for y in range(round(min(ends)), round(max(ends)) + 1) if ends else ():
            bits[y // 4, x // 2] |= _BITS[y % 4][x % 2]
            colour[y // 4, x // 2] = number


def _letters(lines: list[Line]) -> dict[tuple[int, int], int]:
    """Return where letters stand: where a line is farthest from the others and, among such places, apart from theirs.

    Every line that is drawn has one, and more where it is at least a row away from the others.
    """
    found: dict[tuple[int, int], int] = {}
    for number, line in enumerate(lines):
        others = [np.abs(line - other) for i, other in enumerate(lines) if i != number]
        away = np.min([*others, np.full(len(line), 0.25)], axis=0) * ROWS  # in rows; enough is enough
        middle = (number + 1) / (len(lines) + 1) * len(line)
        rank = np.round(away, 1) - np.abs(np.arange(len(line)) - middle) / len(line)
        taken: list[int] = []
        for c in np.argsort(-np.nan_to_num(rank, nan=-np.inf), kind="stable").tolist():
            cell = (_row(line[c]), c) if np.isfinite(line[c]) else None
            if cell is None or cell in found or any(abs(c - other) < _APART for other in taken):
                continue
            if len(taken) == _LETTERS or (taken and not away[c] >= 1):
                break
            found[cell] = number
            taken.append(c)
    return found


def _letter(number: int) -> str:
    return chr(ord("A") + number % 26)


def _below(curves: Sequence[Curve], columns: int) -> list[str]:
    """Return the axis of scores, its numbers, and where the positive and most negatives rest."""
    axis, numbers, rest = list("└" + "─" * columns), [" "] * (columns + 1), [" "] * (columns + 1)
    for tick in (-1, -0.5, 0, 0.5, 1):
        at = _column(tick, columns)
        axis[at] = "┴"
        label = f"{tick * factor(curves):g}"
        start = min(at - len(label) // 2, columns + 1 - len(label))
        numbers[start : start + len(label)] = label
    first, last = _column(NEGATIVE - 2 * SPREAD, columns), _column(NEGATIVE + 2 * SPREAD, columns)
    rest[first : last + 1] = " negatives ".center(last - first - 1, "─").join("├┤")
    at = _column(POSITIVE, columns)
    rest[at : at + 10] = "▲ positive"
    return ["".join(line).rstrip() for line in (axis, numbers, rest)]


def _column(score: float, columns: int) -> int:
    """Return the place of a cosine in the lines below the drawing, whose first column is the vertical axis."""
    return 1 + round((score + 1) / 2 * (columns - 1))


def _legend(curves: Sequence[Curve]) -> Table:
    table = Table("", "loss", "N", "share at the positive's score", box=None, pad_edge=False)
    table.columns[2].justify = table.columns[3].justify = "right"
    for number, curve in enumerate(curves):
        letter = Text(_letter(number), style=f"bold {_COLOURS[number % len(_COLOURS)]}")
        share = np.interp(POSITIVE, curve.cosine, curve.multiple)
        table.add_row(letter, Text(curve.label), f"{curve.negatives:,}", f"{share:.2g}/N")
    return table
