"""How much better one line is than another, paired by user: gain, interval, p-values, what is within noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rankbench.results.bootstrap import interval, p_value
from rankbench.results.leaderboard import Key
from rankbench.results.paired import effect_size, holm, t_test_of, wilcoxon

Floats = NDArray[np.float64]

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Contrast:
    """A line against another one, the base, on one test; percentages are of the base.

    Args:
        difference: of the means over users.
        low, high: 95 % interval of the gain, in percent.
        effect: Cohen's d of the paired differences; NaN where all are equal.
        p, p_holm: by t over users, plain and corrected over the lines of the table.
        p_wilcoxon, p_bootstrap, p_seeds: by the other tests; over seeds NaN with fewer than two in common.
        users: how many are paired.
        noise: the larger standard deviation over seeds of the two, in percent; None with one seed.
        within_noise: whether the gain is not significant, or less than `noise`.
    """

    difference: float
    low: float
    high: float
    effect: float
    p: float
    p_holm: float
    p_wilcoxon: float
    p_bootstrap: float
    p_seeds: float
    users: int
    noise: float | None
    within_noise: bool


def contrast_of(difference: Floats, gains: Floats, seeds: Floats, noise: float | None) -> Contrast:
    """Return a contrast, not yet corrected for how many there are.

    Args:
        difference: (n,) the line less the base, by user.
        gains: (R,) the resampled gain in percent.
        seeds: (s,) the difference of the means, by seed in common.
        noise: the larger standard deviation over seeds, in percent.
    """
    return Contrast(
        float(difference.mean()),
        *interval(gains),
        effect=effect_size(difference),
        p=t_test_of(difference),
        p_holm=float("nan"),
        p_wilcoxon=wilcoxon(difference),
        p_bootstrap=p_value(gains),
        p_seeds=t_test_of(seeds),
        users=len(difference),
        noise=noise,
        within_noise=False,
    )


def corrected(contrasts: Mapping[Key, Contrast], gains: Mapping[Key, float | None]) -> dict[Key, Contrast]:
    """Return the contrasts corrected by Holm, and which gains (in percent, of the means) are within noise."""
    p = holm(np.array([contrast.p for contrast in contrasts.values()])).tolist()
    return {
        key: replace(one, p_holm=own, within_noise=not (own < SIGNIFICANT and _large(one, gains[key])))
        for (key, one), own in zip(contrasts.items(), p, strict=True)
    }


def _large(contrast: Contrast, gain: float | None) -> bool:
    return contrast.noise is None or gain is None or abs(gain) >= contrast.noise
