"""NDCG under a graded popularity shift: one test weighted by popularity^-gamma, as a curve with its slope.

The values are those at K = `AT`, the cut-off at which single users are kept, on the test `iid`. Exponents and weights
are explained in `rankbench.evaluation.graded`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rankbench.evaluation.meanings import GAMMAS
from rankbench.evaluation.metrics import AT
from rankbench.results.bootstrap import interval, resampled_sums
from rankbench.results.leaderboard import BEYOND_ACCURACY, Leaderboard, Line
from rankbench.results.per_user import user_values

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curve:
    """NDCG(gamma) of a line, means over the seeds.

    Args:
        line: the line.
        values: at gamma = 0 and at each of `GAMMAS`.
        slope: by least squares, in NDCG for each unit of gamma; low and high its 95 % interval over users.
    """

    line: Line
    values: tuple[float, ...]
    slope: float
    low: float
    high: float


def curves_of(board: Leaderboard, lines: Sequence[Line]) -> tuple[Curve, ...]:
    """Return the curves of the lines of a board that have numbers; none of runs that do not store them."""
    if board.numbers < BEYOND_ACCURACY:
        return ()
    return tuple(_curve(board, line) for line in lines if line.scores)


def _curve(board: Leaderboard, line: Line) -> Curve:
    query = board.query
    names = [f"ndcg@{AT}", *(f"{what}_{gamma:g}" for what in ("gain", "weight") for gamma in GAMMAS)]
    place = (query.select, query.convention, board.test)
    of_runs = [user_values(run.stored, names, [place])[place][1] for run in line.choice.runs]
    mean = {name: np.mean([values[name] for values in of_runs], axis=0) for name in names}  # (n,) each
    gains = np.stack([mean[name] for name in names[: 1 + len(GAMMAS)]], axis=1)  # (n, 1 + G)
    ones = np.ones((len(gains), 1))  # (n, 1)
    weights = np.concatenate([ones, *(mean[name][:, None] for name in names[1 + len(GAMMAS) :])], axis=1)  # (n, 1 + G)
    sums = resampled_sums(np.concatenate([gains, weights], axis=1))  # (R, 2 + 2 G)
    curve = gains.sum(axis=0) / weights.sum(axis=0)  # (1 + G,)
    resampled = _slope(sums[:, : gains.shape[1]] / sums[:, gains.shape[1] :])  # (R,)
    return Curve(line, tuple(curve.tolist()), float(_slope(curve[None])[0]), *interval(resampled))


def _slope(curves: Floats) -> Floats:
    """Return the least-squares slope (R,) of each curve (R, 1 + G) against gamma."""
    gamma = np.array([0.0, *GAMMAS])  # (1 + G,)
    centred = gamma - gamma.mean()  # (1 + G,)
    slope: Floats = (curves * centred).sum(axis=1) / np.square(centred).sum()
    return slope
