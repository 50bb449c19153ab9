"""How training went: the validation value of each line of a leaderboard by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from rankbench.report.figures.series import MOST, SIZE, Drawing, Series, best_of
from rankbench.results.leaderboard import Line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Curve = tuple[list[int], list[float]]
"""Epochs, and the value after each."""


def of_lines(lines: Sequence[Line], select: str, series: Sequence[Series]) -> Drawing | None:
    """Return the figure of the lines of a leaderboard; None where no epoch was validated."""
    curves = {one: _curve(line, select) for one, line in zip(series, lines, strict=True)}
    measured = [(one, curve) for one, curve in curves.items() if curve[0]]
    if not measured:
        return None
    return Drawing(
        name="training",
        title="Validation NDCG@20 while training",
        caption=f"{best_of([one for one, _ in measured])} On the validation set `{select}`, mean over the seeds that "
        "got as far; the configuration that it chose.".strip(),
        draw=lambda: _draw(measured[:MOST], select),
        titles=tuple(one.full for one in series),
    )


def _curve(line: Line, select: str) -> Curve:
    found: dict[int, list[float]] = {}
    for run in line.choice.runs:
        table = run.stored.table("curve")
        name = f"valid-{select}"
        if name not in table.schema.names:
            continue
        for epoch, value in zip(table["epoch"].to_pylist(), table[name].to_pylist(), strict=True):
            if value is not None:
                found.setdefault(epoch, []).append(value)
    return sorted(found), [fmean(found[epoch]) for epoch in sorted(found)]


def _draw(measured: Sequence[tuple[Series, Curve]], select: str) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    for one, (epochs, values) in measured:
        mark = one.marker if len(epochs) < 16 else ""
        (drawn,) = axes.plot(epochs, values, one.style, color=one.colour, marker=mark, markersize=3, label=one.label)
        drawn.set_gid(one.gid)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"NDCG@20, validation {select}")
    figure.legend(loc="outside lower center", ncol=2 if len(measured) > 1 else 1, fontsize=8)
    return figure
