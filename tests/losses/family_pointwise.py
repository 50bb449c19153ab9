"""Losses that look at one score at a time: variants, float64 loops and exemptions."""

from __future__ import annotations

import math

from naive import Case, Params, mean, sigmoid

N_ITEMS = 9
"""Items of the train set that the contract binds losses to."""

VARIANTS = {
    "bce": [
        "bce",
        "bce:reduction=mean,negative_weight=0.3",
        "bce:reduction=mean-all,positive_weight=2",
        "bce:reduction=balanced,positive_weight=0.5,negative_weight=3",
    ],
    "mse": ["mse", "mse:positive_weight=2,negative_weight=0.1"],
    "gbce": ["gbce", "gbce:t=0", "gbce:t=1"],
}


def bce(case: Case, p: Params, at: Case) -> list[float]:
    """WWW 2017: -log sigma(s_i) - sum log(1 - sigma(s_j)), in the four reductions."""
    values = []
    for s_i, row in zip(case.pos, case.neg, strict=True):
        N = len(row)
        pos = -float(p["positive_weight"]) * math.log(sigmoid(s_i))
        neg = -float(p["negative_weight"]) * math.fsum(math.log(1 - sigmoid(s_j)) for s_j in row)
        values.append(
            {
                "sum": pos + neg,
                "mean": pos + neg / N,
                "mean-all": (pos + neg) / (1 + N),
                "balanced": N * pos + neg,
            }[str(p["reduction"])]
        )
    return values


def mse(case: Case, p: Params, at: Case) -> list[float]:
    """ICDM 2008, with a mean over sampled negatives in place of the sum over all items."""
    return [
        p["positive_weight"] * (1 - s_i) ** 2 + p["negative_weight"] * mean([s_j**2 for s_j in row])
        for s_i, row in zip(case.pos, case.neg, strict=True)
    ]


def gbce(case: Case, p: Params, at: Case) -> list[float]:
    """RecSys 2023: the power beta of the positive's probability, as printed."""
    values = []
    for s_i, row in zip(case.pos, case.neg, strict=True):
        alpha = min(len(row) / (N_ITEMS - 1), 1)
        beta = alpha * (p["t"] * (1 - 1 / alpha) + 1 / alpha)
        total = math.log(sigmoid(s_i) ** beta) + math.fsum(math.log(1 - sigmoid(s_j)) for s_j in row)
        values.append(-total / (len(row) + 1))
    return values


NAIVE = {"bce": bce, "mse": mse, "gbce": gbce}

EXEMPT = {
    "negatives rise": {"mse": "a negative below 0 is pushed up"},
    "cosine": dict.fromkeys(NAIVE, "published on inner products"),
}
