"""In distribution against under shift: a point for each line, and those that no other beats on both tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rankbench.report.captions import title_of
from rankbench.report.figures.series import SIZE, Drawing, Series
from rankbench.results.compare_shift import Pair, Robustness
from rankbench.results.leaderboard import PLAIN, SHIFTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""


def of_shift(table: Robustness, series: Sequence[Series]) -> Drawing | None:
    """Return the figure of a table of robustness; None with fewer than two lines measured on both tests."""
    metric = table.plain.query.metrics[0]
    points = {
        one: (pair.plain.scores[metric].mean, pair.shifted.scores[metric].mean)
        for one, pair in zip(series, table.pairs, strict=True)
        if pair.plain and pair.shifted and pair.plain.scores and pair.shifted.scores
    }
    if len(points) < 2:
        return None
    name = title_of(metric)
    return Drawing(
        name="iid-and-shift",
        title=f"{name} in distribution and under shift",
        caption=f"The line joins those that no other beats on both tests, the Pareto front of the means. Bars: "
        f"± sample standard deviation over seeds. Right: better on `{PLAIN}`; up: better on `{SHIFTED}`.",
        draw=lambda: _draw(table.pairs, points, name),
        titles=tuple(
            f"{one.full}: {points[one][0]:.4f} and {points[one][1]:.4f} under shift" if one in points else one.full
            for one in series
        ),
    )


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return which points no other one beats: none is at least as great in both and greater in one."""
    order = sorted(range(len(points)), key=lambda i: (-points[i][0], -points[i][1]))
    kept: list[int] = []
    for i in order:
        if not kept or points[i][1] > points[kept[-1]][1] or points[i] == points[kept[-1]]:
            kept.append(i)
    return kept


def _draw(pairs: Sequence[Pair], points: dict[Series, tuple[float, float]], name: str) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    places = list(points.values())
    on_front = [places[i] for i in front(places)]
    axes.plot(*zip(*on_front, strict=True), color="#999999", linewidth=1, linestyle=":", zorder=1)
    for one, (x, y) in points.items():
        pair = pairs[one.number]
        spread = [None if side is None else next(iter(side.scores.values())).sd for side in (pair.plain, pair.shifted)]
        drawn = axes.errorbar(
            x, y, xerr=spread[0], yerr=spread[1], fmt=one.marker, color=one.colour, markersize=6, elinewidth=0.8
        )
        for part in (drawn.lines[0], *drawn.lines[2]):
            part.set_gid(one.gid)
    axes.margins(0.12)
    baselines = {one: at for one, at in points.items() if (line := pairs[one.number].line).key == line.baseline_key}
    _name_points(axes, {one: at for one, at in points.items() if at in on_front} | baselines | points)
    axes.set_xlabel(f"{name}, test {PLAIN}")
    axes.set_ylabel(f"{name}, test {SHIFTED}")
    return figure


def _name_points(axes: Axes, points: Mapping[Series, tuple[float, float]]) -> None:
    """Write names beside points, those first in order first; one that finds no free place is left out."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    across, up = SIZE[0] * 60 / (right - left), SIZE[1] * 60 / (high - low)  # points a unit, the axes taking 5/6
    at = {one: ((x - left) * across, (y - low) * up) for one, (x, y) in points.items()}
    taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in at.values()]
    for one, (x, y) in at.items():
        width = 4.6 * len(one.label)
        for dx, dy, align in ((6, 2, "left"), (-6, 2, "right"), (6, -9, "left"), (-6, -9, "right")):
            start = x + dx - (width if align == "right" else 0)
            box = (start, y + dy, start + width, y + dy + 8)
            if box[0] >= 0 and box[2] <= (right - left) * across and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                axes.annotate(
                    one.label, points[one], (dx, dy), textcoords="offset points", ha=align, fontsize=8
                ).set_gid(one.gid)
                break


def _overlap(one: _Box, other: _Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
