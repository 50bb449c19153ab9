"""Paired tests: is one set of values greater than another of the same users, or of the same seeds? Arrays only.

All are two-sided. What cannot be decided is NaN, as with fewer than two pairs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr

Floats = NDArray[np.float64]

EXACT = 50
"""Pairs that are not equal, up to which the distribution of Wilcoxon's statistic is counted out."""


def t_test(values: Floats) -> Floats:
    """Return the p-values (m, m) of Student's paired t-test of every row with every other.

    Args:
        values: (m, n) float64, a row for each of m lines, paired by column.
    """
    m, n = values.shape
    if n < 2:
        return np.full((m, m), np.nan)
    mean = values.mean(axis=1)  # (m,)
    centred = values - mean[:, None]  # (m, n)
    product = centred @ centred.T / (n - 1)  # (m, m)
    both = np.diag(product)[:, None] + np.diag(product)  # (m, m)
    spread = both - 2 * product  # (m, m) variance of the differences
    for i, j in zip(*np.nonzero(spread < 1e-6 * both), strict=True):  # lines so alike that little is left of it
        spread[i, j] = (values[i] - values[j]).var(ddof=1)
    return _p_of_t(mean[:, None] - mean, spread, n)


def t_test_of(difference: Floats) -> float:
    """Return the p-value of Student's paired t-test of differences (n,)."""
    if len(difference) < 2:
        return float("nan")
    return float(_p_of_t(difference.mean(keepdims=True), difference.var(ddof=1, keepdims=True), len(difference))[0])


def effect_size(difference: Floats) -> float:
    """Return Cohen's d of paired differences (n,): their mean over their standard deviation; NaN where that is 0."""
    spread = float(difference.std(ddof=1)) if len(difference) > 1 else 0.0
    return float(difference.mean()) / spread if spread > 0 else float("nan")


def wilcoxon(difference: Floats) -> float:
    """Return the p-value of Wilcoxon's signed-rank test of differences (n,).

    Differences of 0 are left out, as Wilcoxon did; equal ones share the mean of their ranks. The distribution given
    these ranks is exact for up to `EXACT` differences, ties included, and normal with the variance corrected for ties
    beyond. Wilcoxon, Biometrics Bulletin 1945; 1 where all differences are 0.
    """
    kept = difference[difference != 0]  # (n,)
    if not len(kept):
        return 1.0 if len(difference) else float("nan")
    _, place, count = np.unique(np.abs(kept), return_inverse=True, return_counts=True)
    twice = (2 * np.cumsum(count) - count + 1)[place]  # (n,) twice the mean rank, a whole number
    positive = int(twice[kept > 0].sum())
    if len(kept) <= EXACT:
        return _exact(twice, positive)
    total, variance = int(twice.sum()), float(np.square(twice.astype(np.float64)).sum())
    return float(2 * ndtr(-abs(positive - total / 2) / np.sqrt(variance / 4)))


def holm(p: Floats) -> Floats:
    """Return p-values (m,) corrected for how many they are; NaN counts for nothing. Holm, Scand. J. Statistics 1979.

    The chance of any false discovery is at most the level, whatever depends on whatever.
    """
    corrected = np.full(len(p), np.nan)  # (m,)
    known = np.flatnonzero(~np.isnan(p))  # (k,)
    order = known[np.argsort(p[known], kind="stable")]  # (k,)
    factor = np.arange(len(order), 0, -1)  # (k,)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * factor), 1)
    return corrected


def letters(i: int) -> str:
    """Return the letter of line i: a, b, ..., z, aa, ab, ..."""
    text = ""
    i += 1
    while i:
        i, last = divmod(i - 1, 26)
        text = chr(ord("a") + last) + text
    return text


def _p_of_t(mean: Floats, variance: Floats, n: int) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(mean) / np.sqrt(variance / n)
    p: Floats = 2 * stdtr(n - 1, -np.where(mean == 0, 0.0, t))
    return p


def _exact(twice: NDArray[np.int64], positive: int) -> float:
    """Return how likely a sum at least as far from the middle is when every sign is a fair coin."""
    ways = np.zeros(int(twice.sum()) + 1)  # how likely each sum is
    ways[0] = 1
    for rank in twice.tolist():
        ways[rank:] += ways[: len(ways) - rank].copy()
        ways /= 2
    low = min(positive, len(ways) - 1 - positive)
    return float(min(1.0, 2 * ways[: low + 1].sum()))
