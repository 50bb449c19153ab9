"""Losses with a margin: variants, float64 loops and exemptions."""

from __future__ import annotations

import math

from naive import Case, Params, mean

N_ITEMS = 9
"""Items of the train set that the contract binds losses to."""

VARIANTS = {
    "hinge": ["hinge", "hinge:margin=0.2"],
    "warp": ["warp", "warp:margin=0.2", "warp:weight=log,margin=0.2"],
    "cml": ["cml", "cml:margin=2", "cml:violators=all"],
    "ccl": ["ccl", "ccl:margin=-0.2,weight=10", "ccl:margin=-0.6,capped=true"],
    "simce": ["simce", "simce:margin=0.5"],
}


def hinge(case: Case, p: Params, at: Case) -> list[float]:
    """[m + d]_+, averaged."""
    return [mean([max(p["margin"] + s_j - s_i, 0) for s_j in row]) for s_i, row in zip(case.pos, case.neg, strict=True)]


def warp(case: Case, p: Params, at: Case) -> list[float]:
    """Draw until one violates the margin; weigh it by the rank that the number of draws stands for."""
    values = []
    for s_i, row, fixed_i, fixed in zip(case.pos, case.neg, at.pos, at.neg, strict=True):
        value = 0.0
        for trial, (s_j, fixed_j) in enumerate(zip(row, fixed, strict=True), start=1):
            if fixed_j > fixed_i - p["margin"]:
                rank = (N_ITEMS - 1) // trial
                if p["weight"] == "harmonic":
                    weight = math.fsum(1 / k for k in range(1, rank + 1))
                else:
                    weight = math.log(max(1, rank))
                value = weight * max(p["margin"] + s_j - s_i, 0)
                break
        values.append(value)
    return values


def cml(case: Case, p: Params, at: Case) -> list[float]:
    """WWW 2017 in squared distances, those of unit vectors: 2 - 2 cos."""
    values = []
    for s_i, row, fixed_i, fixed in zip(case.pos, case.neg, at.pos, at.neg, strict=True):
        impostors = sum(p["margin"] + (2 - 2 * fixed_i) - (2 - 2 * s_j) > 0 for s_j in fixed)
        rank = math.floor(N_ITEMS * impostors / len(row) + 1e-9)
        found = [max(p["margin"] + (2 - 2 * s_i) - (2 - 2 * s_j), 0) for s_j in row]
        values.append(math.log(rank + 1) * (max(found) if p["violators"] == "hardest" else math.fsum(found)))
    return values


def ccl(case: Case, p: Params, at: Case) -> list[float]:
    """CIKM 2021: (1 - s_i) + w/N sum [s_j - m]_+."""
    most = 1 if p["capped"] else math.inf
    return [
        (1 - s_i) + p["weight"] / len(row) * math.fsum(min(max(0, s_j - p["margin"]), most) for s_j in row)
        for s_i, row in zip(case.pos, case.neg, strict=True)
    ]


def simce(case: Case, p: Params, at: Case) -> list[float]:
    """2024: relu(margin - s_i + max s_j)."""
    return [max(p["margin"] - s_i + max(row), 0) for s_i, row in zip(case.pos, case.neg, strict=True)]


NAIVE = {"hinge": hinge, "warp": warp, "cml": cml, "ccl": ccl, "simce": simce}

KEPT = "a margin that is kept pulls no more"

EXEMPT = {
    "positive falls": {"hinge": KEPT, "warp": KEPT, "cml": KEPT, "simce:margin=0.5": KEPT},
    "negatives rise": {"hinge": KEPT, "warp": KEPT, "cml": KEPT, "simce:margin=0.5": KEPT, "ccl": KEPT},
    "equal negatives share alike": {"warp": "the first of them is looked at"},
    "order of the negatives": {"warp": "they are looked at in the order in which they are drawn"},
    "published formula": dict.fromkeys(("warp", "cml"), "our reading"),
    "cosine": dict.fromkeys(("hinge", "warp", "simce"), "published on inner products"),
}
