"""NDCG with a smooth rank or after a soft sort: variants, float64 loops and exemptions."""

from __future__ import annotations

import math

from naive import Case, Params, mean, sigmoid

N_ITEMS = 9
"""Items of the train set that the contract binds losses to."""

VARIANTS = {
    "approxndcg": ["approxndcg", "approxndcg:tau=1", "approxndcg:catalogue=true,tau=0.2"],
    "neuralndcg": [
        "neuralndcg",
        "neuralndcg:sinkhorn=0,tau=0.5",
        "neuralndcg:k=3,sinkhorn=5,tau=2",
    ],
}


def approxndcg(case: Case, p: Params, at: Case) -> list[float]:
    """Information Retrieval 2010: DCG at a rank made of sigmoids."""
    values = []
    for s_i, row in zip(case.pos, case.neg, strict=True):
        beaten = [sigmoid((s_j - s_i) / p["tau"]) for s_j in row]
        rank = 1 + (mean(beaten) * (N_ITEMS - 1) if p["catalogue"] else math.fsum(beaten))
        values.append(-1 / math.log2(1 + rank))
    return values


def softmax(logits: list[float]) -> list[float]:
    top = max(logits)
    total = math.fsum(math.exp(x - top) for x in logits)
    return [math.exp(x - top) / total for x in logits]


def neuralndcg(case: Case, p: Params, at: Case) -> list[float]:
    """2021: NeuralSort, scale columns and rows in turn, read off the positive's column."""
    values = []
    for s_i, negatives in zip(case.pos, case.neg, strict=True):
        s = [s_i, *negatives]
        n = len(s)
        spread = [math.fsum(abs(x - y) for y in s) for x in s]
        P = [softmax([((n + 1 - 2 * r) * s[x] - spread[x]) / p["tau"] for x in range(n)]) for r in range(1, n + 1)]
        for _ in range(p["sinkhorn"]):
            column = [math.fsum(row[x] for row in P) for x in range(n)]
            P = [[row[x] / column[x] for x in range(n)] for row in P]
            P = [[value / math.fsum(row) for value in row] for row in P]
        k = p["k"] or n
        values.append(-math.fsum(P[r - 1][0] / math.log2(1 + r) for r in range(1, min(k, n) + 1)))
    return values


NAIVE = {"approxndcg": approxndcg, "neuralndcg": neuralndcg}

EXEMPT = {
    "positive falls": {"neuralndcg": "a soft permutation is not monotone"},
    "negatives rise": {"neuralndcg": "a soft permutation is not monotone"},
}
