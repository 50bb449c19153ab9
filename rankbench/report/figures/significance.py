"""Which lines of a leaderboard are better than which, beyond chance: a field for every pair of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rankbench.drawing import COLOURS
from rankbench.report.captions import title_of
from rankbench.report.figures.series import SIZE, Drawing, Series
from rankbench.results.leaderboard import Key, Leaderboard, Line

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

_BETTER, _WORSE = COLOURS[0], COLOURS[4]

_MOST = 24
"""Lines at most whose names can be read."""


def of_board(
    board: Leaderboard, beats: Mapping[Key, Sequence[Key]], lines: Sequence[Line | None], series: Sequence[Series]
) -> Drawing | None:
    """Return the figure of a test; None with fewer than two lines that were compared.

    Args:
        board: the leaderboard of the test.
        beats: by line, the lines that are significantly worse.
        lines: for each series its line on that test, if any.
        series: the series.
    """
    shown = [(one, line) for one, line in zip(series, lines, strict=True) if line is not None and line.key in beats]
    if len(shown) < 2:
        return None
    few = f"The first {_MOST} of {len(shown)} lines. " if len(shown) > _MOST else ""
    return Drawing(
        name=f"significance-{board.test}",
        title=f"Significantly better in {title_of(board.query.metrics[0])}, test {board.test}",
        caption=f"{few}Blue: the line on the left is better than the one above; yellow: worse; empty: not significant. "
        "Student's t over users, paired, corrected by Holm over all pairs, 5 %.",
        draw=lambda: _draw(shown[:_MOST], beats),
        titles=tuple(one.full for one in series),
    )


def _draw(shown: Sequence[tuple[Series, Line]], beats: Mapping[Key, Sequence[Key]]) -> Figure:
    from matplotlib.figure import Figure

    n = len(shown)
    figure = Figure(figsize=(SIZE[0], max(SIZE[1], 1.6 + 0.16 * n)), layout="constrained")
    axes = figure.subplots()
    for row, (one, line) in enumerate(shown):
        for column, (_, other) in enumerate(shown):
            colour = _BETTER if other.key in beats[line.key] else _WORSE if line.key in beats[other.key] else ""
            if colour:
                axes.add_patch(_field(column, row, colour, one.gid))
    axes.set_xlim(-0.5, n - 0.5)
    axes.set_ylim(n - 0.5, -0.5)
    labels = [one.label for one, _ in shown]
    axes.set_yticks(range(n), labels, fontsize=8)
    axes.set_xticks(range(n), labels, fontsize=8, rotation=90)
    axes.xaxis.tick_top()
    axes.grid(visible=False)
    axes.tick_params(length=0)
    return figure


def _field(column: int, row: int, colour: str, gid: str) -> Rectangle:
    from matplotlib.patches import Rectangle

    field = Rectangle((column - 0.45, row - 0.45), 0.9, 0.9, color=colour, linewidth=0)
    field.set_gid(gid)
    return field
