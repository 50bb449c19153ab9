"""Losses that an adversary has a hand in: variants, references and exemptions."""

import math

from naive import Case, Params, mean, sigmoid

TRAINED = "what it learns beside the model needs the whole batch"


def llpauc(case: Case, p: Params, at: Case) -> list[float]:
    """WWW 2024, with the seven scalars from the state."""

    def scalar(name: str, low: float, high: float, rate: int = 1) -> float:
        return min(max(case.state[name] * rate, low), high)

    def r(x: float) -> float:
        return math.log(1 + math.exp(p["kappa"] * x)) / p["kappa"]

    climbing = p["mode"] == "min-max"
    a, b = scalar("a", 0, 1), scalar("b", 0, 1)
    gamma = scalar("gamma", -1 if climbing else max(-a, b - 1), 1, 2)
    s_pos, s_neg = scalar("s_pos", -1, 4, 2), scalar("s_neg", 0, 5, 2)
    least = 0 if climbing else -math.inf
    theta_a, theta_b = scalar("theta_a", least, math.inf), scalar("theta_b", least, math.inf)
    values = []
    for s_i, row in zip(case.pos, case.neg, strict=True):
        f_i = sigmoid(s_i)
        own = (f_i - a) ** 2 - 2 * (1 + gamma) * f_i
        others = [(f - b) ** 2 + 2 * (1 + gamma) * f for f in map(sigmoid, row)]
        value = -s_pos - r(-own - s_pos) / p["alpha"]
        value += s_neg + mean([r(x - s_neg) for x in others]) / p["beta"]
        values.append(value - gamma**2 + theta_a * (a + gamma) + theta_b * (gamma + 1 - b))
    return values


def advinfonce(case: Case, p: Params, at: Case) -> list[float]:
    """NeurIPS 2023, with the adversary's vectors from the state."""
    user, item = case.state["user"], case.state["item"]

    def g(u: int, j: int) -> float:
        x, y = ([v * p["adversary_rate"] for v in vector] for vector in (user[u], item[j]))
        product = math.fsum(a * b for a, b in zip(x, y, strict=True))
        length = math.hypot(*x) * math.hypot(*y)
        return product / length if p["adversary"] == "cosine" else product

    values = []
    for s_i, row, u, ids in zip(case.pos, case.neg, case.user, case.neg_item, strict=True):
        strength = [math.exp(g(u, j)) for j in ids]
        weight = [x / mean(strength) for x in strength]
        own = math.exp(s_i / p["tau"])
        others = math.fsum(w * math.exp(s_j / p["tau"]) for w, s_j in zip(weight, row, strict=True))
        values.append(-math.log(own / (own + p["negative_weight"] * others)))
    return values


VARIANTS = {
    "llpauc": ["llpauc", "llpauc:mode=min-min,alpha=0.3,beta=0.1", "llpauc:alpha=1,beta=1,kappa=20"],
    "advinfonce": [
        "advinfonce",
        "advinfonce:adversary=cosine,tau=0.05",
        "advinfonce:negative_weight=1,adversary_rate=1,together=true",
    ],
}
NAIVE = {"llpauc": llpauc, "advinfonce": advinfonce}
EXEMPT: dict[str, dict[str, str]] = {
    "divisible": {"llpauc": TRAINED, "advinfonce": TRAINED},
}
