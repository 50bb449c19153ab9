"""The bootstrap over users: what figures would have been with other users of the same kind. Arrays only.

Users are drawn with replacement, all columns of a user together, so that whatever is made of the sums is paired.
Efron, Annals of Statistics 1979. The draws are a function of the seed and of the number of users alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rankbench.randomness import key

Floats = NDArray[np.float64]

RESAMPLES = 2000
LEVEL = 0.95

_AT_ONCE = 40
"""Resamples that are drawn together."""


def resampled_sums(columns: Floats, seed: int = 0, resamples: int = RESAMPLES) -> Floats:
    """Return the sums over the users drawn, (resamples, m) float64.

    Args:
        columns: (n, m) float64, values of each user; 0 where a user has none.
        seed: the seed.
        resamples: how often to draw.
    """
    n = len(columns)
    sums = np.zeros((resamples, columns.shape[1]))  # (R, m)
    if not n:
        return sums
    for start in range(0, resamples, _AT_ONCE):
        rows = min(_AT_ONCE, resamples - start)
        draws = np.random.default_rng(key(seed, "bootstrap", start)).integers(n, size=(rows, n), dtype=np.int32)
        draws += np.arange(0, rows * n, n, dtype=np.int32)[:, None]  # (rows, n)
        times = np.bincount(draws.ravel(), minlength=rows * n).reshape(rows, n)  # (rows, n)
        sums[start : start + rows] = times.astype(np.float64) @ columns  # (rows, m)
    return sums


def interval(statistic: Floats, level: float = LEVEL) -> tuple[float, float]:
    """Return the percentile interval of a resampled statistic (R,); NaN where it is not defined in some of them."""
    low, high = np.quantile(statistic, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def p_value(statistic: Floats) -> float:
    """Return how likely a value as far from 0 is, two-sided, by how many resamples (R,) lie beyond it; NaN for NaN."""
    if np.isnan(statistic).any():
        return float("nan")
    beyond = min(int((statistic <= 0).sum()), int((statistic >= 0).sum()))
    return min(1.0, 2 * (beyond + 1) / (len(statistic) + 1))
