"""Recall by popularity of the item: whom in the catalogue each line of a leaderboard serves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rankbench.report.captions import of_groups
from rankbench.report.figures.series import MOST, SIZE, Drawing, Series, best_of
from rankbench.results.compare_tests import Group

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def of_groups_on(test: str, K: int, groups: Sequence[tuple[Group, ...]], series: Sequence[Series]) -> Drawing | None:
    """Return the figure of a test; None where nothing was measured.

    Args:
        test: the test set.
        K: the cut-off.
        groups: for each series its popularity groups from head to tail, or none.
        series: the series.
    """
    measured = [(one, own) for one, own in zip(series, groups, strict=True) if own]
    if not measured:
        return None
    caption = f"{best_of([one for one, _ in measured])} {of_groups(measured[0][1])}".strip()
    return Drawing(
        name=f"recall-by-popularity-{test}",
        title=f"Recall@{K} by popularity of the item, test {test}",
        caption=caption,
        draw=lambda: _draw(measured[:MOST], f"Recall@{K}, test {test}"),
        titles=tuple(f"{one.full}: {_spelled(own)}" for one, own in zip(series, groups, strict=True)),
    )


def _spelled(groups: tuple[Group, ...]) -> str:
    return " ".join("-" if group.recall is None else f"{group.recall:.4f}" for group in groups)


def _draw(measured: Sequence[tuple[Series, tuple[Group, ...]]], metric: str) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    n = len(measured[0][1])
    width = 0.8 / len(measured)
    for place, (one, groups) in enumerate(measured):
        for i, group in enumerate(groups):
            bar = axes.bar(i - 0.4 + (place + 0.5) * width, group.recall or 0.0, width * 0.9, color=one.colour)
            bar[0].set_gid(one.gid)
        axes.bar(0, 0, color=one.colour, label=one.label)
    axes.set_xticks(range(n), ["head", *map(str, range(2, n)), "tail"])
    axes.grid(visible=False, axis="x")
    axes.set_ylabel(metric)
    figure.legend(loc="outside lower center", ncol=2 if len(measured) > 1 else 1, fontsize=8)
    return figure
