"""What the lines of a leaderboard are called in its figures, and what they look like there, the same in each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rankbench.drawing import COLOURS, SERIES, STYLES
from rankbench.results.leaderboard import Line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 7
"""Lines of a figure at most where only their colours tell them apart."""

SIZE = (4.8, 3.6)
"""Inches: legible in one column of a paper and on a phone."""

MARKERS = "osD^vPX"


@dataclass(frozen=True)
class Series:
    """A line of a leaderboard in a figure.

    Args:
        number: its place in the table, from 0.
        label: as short as it can be among the others.
        full: loss and backbone.
    """

    number: int
    label: str
    full: str

    @property
    def colour(self) -> str:
        """Its colour."""
        return COLOURS[self.number % len(COLOURS)]

    @property
    def style(self) -> str:
        """How its line is dashed."""
        return STYLES[self.number // len(COLOURS) % len(STYLES)]

    @property
    def marker(self) -> str:
        """The form of its point."""
        return MARKERS[self.number // len(COLOURS) % len(MARKERS)]

    @property
    def gid(self) -> str:
        """What its elements are marked by in a page."""
        return f"{SERIES}{self.number}"


@dataclass(frozen=True)
class Drawing:
    """A figure that can be drawn.

    Args:
        name: for a file, without suffix.
        title: what it shows.
        caption: how to read it, in sentences.
        draw: draws it.
        titles: by number of a series, what a pointer on it shows.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[], Figure]
    titles: tuple[str, ...]


def series_of(lines: Sequence[Line]) -> list[Series]:
    """Return the series of the lines of a leaderboard, in their order."""
    losses = Counter(_name(line) for line in lines)
    backbones = {line.backbone for line in lines}
    labels = []
    for line in lines:
        alone = losses[_name(line)] == 1
        label = _name(line)[0] if alone or len(backbones) > 1 else line.loss
        labels.append(f"{label}, {line.backbone}" if len(backbones) > 1 else label)
    several = Counter(labels)
    return [
        Series(i, label if several[label] == 1 else f"{line.loss}, {line.backbone}", f"{line.loss} · {line.backbone}")
        for i, (label, line) in enumerate(zip(labels, lines, strict=True))
    ]


def best_of(series: Sequence[Series]) -> str:
    """Return the sentence about lines that are not drawn; empty if all are."""
    return f"The first {MOST} of {len(series)} lines of the table." if len(series) > MOST else ""


def _name(line: Line) -> tuple[str, str]:
    return line.loss.partition(":")[0], line.backbone
