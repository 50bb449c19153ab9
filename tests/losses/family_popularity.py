"""Losses that learn from popularity alone: variants, float64 loops and exemptions."""

from __future__ import annotations

import math

from naive import Case, Params, sigmoid

N_KNOWN = 5
"""Items of the train set that the contract binds losses to which occur in it, all once; its users do, too."""


def bc_loss(case: Case, p: Params, at: Case) -> list[float]:
    """NeurIPS 2022: softmax whose positive has the cosine of a wider angle; vectors from the state."""
    values = []
    for s_i, row, item in zip(case.pos, case.neg, case.pos_item, strict=True):
        x, y = case.state["user_popularity"][0], case.state["item_popularity"][int(item < N_KNOWN)]
        x, y = ([v * p["popularity_rate"] for v in vector] for vector in (x, y))
        product = math.fsum(a * b for a, b in zip(x, y, strict=True))
        angle = math.acos(product / (math.hypot(*x) * math.hypot(*y)))
        margin = 1 - sigmoid(product) if p["margin"] == "sigmoid" else angle
        own = math.exp(math.cos(min(math.acos(s_i) + margin, math.pi)) / p["tau1"])
        others = math.fsum(math.exp(s_j / p["tau1"]) for s_j in row)
        values.append((1 - p["weight"]) * -math.log(own / (own + others)))
    return values


VARIANTS = {
    "bc-loss": ["bc-loss", "bc-loss:margin=angle,tau1=0.3", "bc-loss:tau1=0.07,weight=0.2,popularity_rate=1"],
}
NAIVE = {"bc-loss": bc_loss}
EXEMPT: dict[str, dict[str, str]] = {
    "positive falls": {"bc-loss": "one that its margin takes to the opposite of its user is not pulled"},
}
