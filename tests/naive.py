"""The losses as their papers write them: float64 loops over single numbers, without a vector and without a trick.

Each function returns the list of the examples' values. `at` is the case at which what carries no gradient is computed:
the same case, unless one takes finite differences.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Value = bool | int | float | str


@dataclass(frozen=True)
class Case:
    """One batch in plain lists: positives (B), negatives (B, N), users (B), similarities (B, N), thresholds by user.

    `pos_item` (B) and `neg_item` (B, N) are the items, `log_q` (B, N) and `pos_log_q` (B) the log-probabilities of
    the negatives and positives, `state` the buffers and parameters of the loss by name.
    """

    pos: list[float]
    neg: list[list[float]]
    user: list[int]
    similarity: list[list[float]]
    threshold: dict[int, float]
    pos_item: list[int] = field(default_factory=list)
    neg_item: list[list[int]] = field(default_factory=list)
    log_q: list[list[float]] = field(default_factory=list)
    pos_log_q: list[float] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)

    def with_pos(self, row: int, value: float) -> "Case":
        return replace(self, pos=[value if b == row else x for b, x in enumerate(self.pos)])

    def with_neg(self, row: int, column: int, value: float) -> "Case":
        changed = [value if j == column else x for j, x in enumerate(self.neg[row])]
        return replace(self, neg=[changed if b == row else x for b, x in enumerate(self.neg)])


Params = Mapping[str, Value]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def deviation(values: list[float]) -> float:
    """Standard deviation of the population."""
    centre = mean(values)
    return math.sqrt(mean([(x - centre) ** 2 for x in values]))


def z(values: list[float]) -> list[float]:
    centre, width = mean(values), max(deviation(values), 1e-4)
    return [(x - centre) / width for x in values]


def clip(x: float, bound: float) -> float:
    return min(max(x, -bound), bound)


def bpr(case: Case, p: Params, at: Case) -> list[float]:
    """UAI 2009: -log sigma(s_i - s_j)."""
    return [mean([-math.log(sigmoid(s_i - s_j)) for s_j in row]) for s_i, row in zip(case.pos, case.neg, strict=True)]


def softmax(case: Case, p: Params, at: Case) -> list[float]:
    """-log of e^{s_i/tau} over the sum of e^{s_j/tau}, which has the positive in it or not."""
    if p.get("logq", "none") != "none":
        return corrected_softmax(case, p, at)
    values = []
    for s_i, row in zip(case.pos, case.neg, strict=True):
        own = math.exp(s_i / p["tau"])
        others = math.fsum(math.exp(s_j / p["tau"]) for s_j in row)
        value = -math.log(own / (own + others if p["incl"] else others))
        values.append(value + (1 - p.get("rho", 1)) * s_i / p["tau"])
    return values


def corrected_softmax(case: Case, p: Params, at: Case) -> list[float]:
    """RecSys 2019, every probability divided by that of a draw; RecSys 2025, weighted by the chance of being wrong."""
    values = []
    for b, (s_i, row) in enumerate(zip(case.pos, case.neg, strict=True)):
        q = [math.exp(x) for x in case.log_q[b]]
        if p["logq"] == "standard":
            own = math.exp(s_i / p["tau"]) / math.exp(case.pos_log_q[b])
            others = math.fsum(math.exp(s_j / p["tau"]) / q_j for s_j, q_j in zip(row, q, strict=True))
            values.append(-math.log(own / (own + others)))
            continue
        fixed = math.exp(at.pos[b] / p["tau"])
        fixed_others = mean([math.exp(s_j / p["tau"]) / q_j for s_j, q_j in zip(at.neg[b], q, strict=True)])
        others = mean([math.exp(s_j / p["tau"]) / q_j for s_j, q_j in zip(row, q, strict=True)])
        values.append(fixed_others / (fixed + fixed_others) * (math.log(others) - s_i / p["tau"]))
    return values


def bsl(case: Case, p: Params, at: Case) -> list[float]:
    """The three forms: per row, released with ratio, and per user."""
    values = []
    for s_i, row, user in zip(case.pos, case.neg, case.user, strict=True):
        log_sum = math.log(math.fsum(math.exp(s_j / p["tau2"]) for s_j in row))
        if p["mode"] == "pair":
            values.append(-s_i / p["tau1"] + p["tau2"] / p["tau1"] * log_sum)
        elif p["mode"] == "ratio":
            values.append(-s_i / p["tau2"] + p["ratio"] * log_sum)
        else:
            own = [s for s, other in zip(case.pos, case.user, strict=True) if other == user]
            positive = math.log(mean([math.exp(s / p["tau1"]) for s in own]))
            values.append(-p["tau1"] * positive + p["tau2"] * log_sum)
    return values


ACTIVATION: dict[str, Callable[[float], float]] = {
    "relu": lambda x: max(1 + x, 1e-6),
    "atan": lambda x: max(1 + math.atan(x), 1e-6),
    "tanh": lambda x: 1 + math.tanh(x),
    "softplus": lambda x: 1 + math.exp(x),
    "exp": math.exp,
}


def psl(case: Case, p: Params, at: Case) -> list[float]:
    """NeurIPS 2024: log of the sum of sigma(d / 2)^{1/tau}."""
    sigma = ACTIVATION[str(p["activation"])]
    return [
        math.log(math.fsum(sigma((s_j - s_i) / 2) ** (1 / p["tau"]) for s_j in row))
        for s_i, row in zip(case.pos, case.neg, strict=True)
    ]


def slatk(case: Case, p: Params, at: Case) -> list[float]:
    """KDD 2025: sigma((s_i - beta_u) / tau_w) times the softmax loss."""
    plain = softmax(case, {"tau": p["tau"], "incl": False}, at)
    weighed = at.pos if p["detach_weight"] else case.pos
    weight = [sigmoid((s - case.threshold[u]) / p["tau_weight"]) for s, u in zip(weighed, case.user, strict=True)]
    return [w * value for w, value in zip(weight, plain, strict=True)]


def kappa(case: Case, p: Params) -> list[list[float]]:
    """Weights of the negatives: mean 1 in each example."""
    weights = []
    for s_i, row, alike in zip(case.pos, case.neg, case.similarity, strict=True):
        hard = z(row) if p["hardness"] == "zscore" else [sigmoid((s_j - s_i) / p["tau"]) for s_j in row]
        omega = [
            clip(p["lambda_hardness"] * h + p["lambda_similarity"] * a, math.log(p["clip_kappa"]))
            for h, a in zip(hard, z(alike), strict=True)
        ]
        total = mean([math.exp(x) for x in omega])
        weights.append([math.exp(x) / total for x in omega])
    return weights


def competition(case: Case, p: Params) -> list[float]:
    """What the temperature follows: log-odds of the slate, or the log of the spread of the gaps."""
    found = []
    for s_i, row, weight in zip(case.pos, case.neg, kappa(case, p), strict=True):
        if p["competition"] == "log-odds":
            odds = sorted(
                (w * math.exp((s_j - s_i) / p["tau"]) for w, s_j in zip(weight, row, strict=True)), reverse=True
            )
            found.append(math.log(mean(odds[: p["slate"]])))
        else:
            share = [w / len(row) for w in weight]
            centre = math.fsum(q * (s_j - s_i) for q, s_j in zip(share, row, strict=True))
            spread = math.fsum(q * (s_j - s_i - centre) ** 2 for q, s_j in zip(share, row, strict=True))
            found.append(math.log(max(math.sqrt(spread), 1e-4)))
    return found


def temperatures(case: Case, p: Params) -> list[float]:
    """Temperature of each example: the mean of 1/tau_b is 1/tau."""
    bound = math.log(p["clip_temperature"])
    sharpness = [math.exp(-clip(p["gamma"] * x, bound)) for x in z(competition(case, p))]
    return [p["tau"] * mean(sharpness) / g for g in sharpness]


def dsl(case: Case, p: Params, at: Case) -> list[float]:
    """Our reading of arXiv 2602.07206."""
    values = []
    rows = zip(case.pos, case.neg, kappa(at, p), temperatures(at, p), strict=True)
    for s_i, row, weight, tau in rows:
        total = math.fsum(w * math.exp((s_j - s_i) / tau) for w, s_j in zip(weight, row, strict=True))
        value = math.log(1 + total) if p["incl"] else math.log(total)
        values.append(value * tau / p["tau"] if p["weight"] == "dro" else value)
    return values


LOSS: dict[str, Callable[[Case, Params, Case], list[float]]] = {
    "bpr": bpr,
    "softmax": softmax,
    "bsl": bsl,
    "psl": psl,
    "slatk": slatk,
    "dsl": dsl,
}


def gradient(name: str, case: Case, p: Params, step: float = 1e-5) -> tuple[list[float], list[list[float]]]:
    """Central differences of the mean loss by the positives (B) and the negatives (B, N); what is detached stays."""

    def value(changed: Case) -> float:
        return mean(LOSS[name](changed, p, case))

    def slope(change: Callable[[float], Case], x: float) -> float:
        return (value(change(x + step)) - value(change(x - step))) / (2 * step)

    pos = [slope(lambda x, b=b: case.with_pos(b, x), s) for b, s in enumerate(case.pos)]
    neg = [
        [slope(lambda x, b=b, j=j: case.with_neg(b, j, x), s) for j, s in enumerate(row)]
        for b, row in enumerate(case.neg)
    ]
    return pos, neg
