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
    spelled = [_spellings(line) for line in lines]
    common = [Counter(level) for level in zip(*spelled, strict=True)]  # how often each is found, from short to long
    labels = [
        next((label for label, count in zip(words, common, strict=True) if count[label] == 1), words[-1])
        for words in spelled
    ]
    titles = [f"{line.loss} · {line.backbone}" if line.has_loss else line.backbone for line in lines]
    return [Series(i, label, title) for i, (label, title) in enumerate(zip(labels, titles, strict=True))]


def best_of(series: Sequence[Series]) -> str:
    """Return the sentence about lines that are not drawn; empty if all are."""
    return f"The first {MOST} of {len(series)} lines of the table." if len(series) > MOST else ""


def _spellings(line: Line) -> tuple[str, str, str]:
    """Return what a line may be called, from short to long: without its parameters and backbone, and with them."""
    if not line.has_loss:
        short = line.backbone.partition(":")[0]
        return short, line.backbone, line.backbone
    loss = line.loss.partition(":")[0]
    return loss, f"{loss}, {line.backbone}", f"{line.loss}, {line.backbone}"
