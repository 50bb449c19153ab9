"""More losses of the softmax family, and what takes the hardest negatives only: variants, loops, exemptions."""

from __future__ import annotations

import math

from naive import Case, Params, mean, sigmoid

N_ITEMS = 9
"""Items of the train set that the contract binds losses to."""

VARIANTS = {
    "scaledce": ["scaledce", "scaledce:alpha=0,tau=0.05", "scaledce:alpha=0.5"],
    "opauc": ["opauc", "opauc:hardest=1", "opauc:hardest=3"],
}


def scaledce(case: Case, p: Params, at: Case) -> list[float]:
    """-log of e^{s_i} over e^{s_i} + alpha sum e^{s_j}, all over the temperature."""
    values = []
    for s_i, row in zip(case.pos, case.neg, strict=True):
        alpha = p["alpha"] if p["alpha"] else (N_ITEMS - 1) / len(row)
        own = math.exp(s_i / p["tau"])
        others = alpha * math.fsum(math.exp(s_j / p["tau"]) for s_j in row)
        values.append(-math.log(own / (own + others)))
    return values


def opauc(case: Case, p: Params, at: Case) -> list[float]:
    """WWW 2023: sort the negatives, keep the first m, average -log sigma(s_i - s_j)."""
    return [
        mean([-math.log(sigmoid(s_i - s_j)) for s_j in sorted(row, reverse=True)[: p["hardest"]]])
        for s_i, row in zip(case.pos, case.neg, strict=True)
    ]


NAIVE = {"scaledce": scaledce, "opauc": opauc}

EXEMPT = {
    "gradcheck": {"softmax:logq=refined": "the weight carries no gradient"},
    "equal negatives share alike": {"opauc": "which of them count is no matter of the score"},
    "cosine": {"opauc": "published on inner products"},
}
