"""NDCG under a popularity shift of any degree: the test weighted by popularity to the power of -gamma."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from rankbench.evaluation.meanings import GAMMAS
from rankbench.evaluation.metrics import AT
from rankbench.report.figures.series import MOST, SIZE, Drawing, Series, best_of
from rankbench.results.leaderboard import Leaderboard, Line
from rankbench.results.per_user import user_values
from rankbench.results.store import StoredRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def of_board(board: Leaderboard, lines: Sequence[Line | None], series: Sequence[Series]) -> Drawing | None:
    """Return the figure of a test; None where nothing was measured, or by versions that did not measure it.

    Args:
        board: the leaderboard of the test.
        lines: for each series its line on that test, if any.
        series: the series.

    Raises:
        DamagedRunError: the values of users of a run cannot be read.
    """
    if "items" not in _tables(lines):  # what is weighted by gamma is stored since they are
        return None
    place = board.query.select, board.query.convention, board.test
    measured = [
        (one, _curve(line, place)) for one, line in zip(series, lines, strict=True) if line is not None and line.scores
    ]
    if not measured:
        return None
    curves = dict(measured)
    return Drawing(
        name=f"graded-shift-{board.test}",
        title=f"NDCG@{AT} under graded shift, test {board.test}",
        caption=f"{best_of([one for one, _ in measured])} Test pairs weighted by the popularity of the item to the "
        "power of -gamma: 0 is the test as it was drawn, at 1 all its items count alike. Mean over seeds.".strip(),
        draw=lambda: _draw(measured[:MOST]),
        titles=tuple(f"{one.full}: {_spelled(curves[one])}" if one in curves else one.full for one in series),
    )


def _tables(lines: Sequence[Line | None]) -> set[str]:
    """Return the tables that all runs of the lines have."""
    runs = [run for line in lines if line for run in line.choice.runs]
    return set.intersection(*(set(run.stored.tables) for run in runs)) if runs else set()


def _curve(line: Line, place: tuple[str, str, str]) -> list[float]:
    of_each = [_of_run(run.stored, place) for run in line.choice.runs]
    return [fmean(values) for values in zip(*of_each, strict=True)]


def _of_run(stored: StoredRun, place: tuple[str, str, str]) -> list[float]:
    graded = [f"{what}_{gamma:g}" for gamma in GAMMAS for what in ("gain", "weight")]
    _, values = user_values(stored, [f"ndcg@{AT}", *graded], [place])[place]
    ratios = [values[f"gain_{gamma:g}"].sum() / values[f"weight_{gamma:g}"].sum() for gamma in GAMMAS]
    return [float(values[f"ndcg@{AT}"].mean()), *map(float, ratios)]


def _spelled(curve: Sequence[float]) -> str:
    return " ".join(f"{value:.4f}" for value in curve)


def _draw(measured: Sequence[tuple[Series, list[float]]]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    for one, curve in measured:
        (drawn,) = axes.plot((0, *GAMMAS), curve, color=one.colour, marker=one.marker, markersize=4, label=one.label)
        drawn.set_gid(one.gid)
    axes.set_xticks((0, *GAMMAS))
    axes.set_ylim(bottom=0)
    axes.set_xlabel("gamma")
    axes.set_ylabel(f"NDCG@{AT}, weighted")
    figure.legend(loc="outside lower center", ncol=2 if len(measured) > 1 else 1, fontsize=8)
    return figure
