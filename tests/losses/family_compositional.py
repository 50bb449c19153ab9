"""Losses that keep running averages from step to step, and one with a network: variants, references and exemptions."""

import math
from typing import Any

from naive import Case, Params, mean, sigmoid

RUNNING = "it is divided by an average that carries no gradient"
TOGETHER = "rows of a user update one average"


def sogclr(case: Case, p: Params, at: Case) -> list[float]:
    """ICML 2022, users as anchors: -s_i / tau + ghat / g_u with g_u updated by the mean of the user's rows."""
    old = {user: math.exp(x) if x > -math.inf else None for user, x in enumerate(case.state["log_average"])}
    sums = [mean([math.exp(s_j / p["tau"]) for s_j in row]) for row in case.neg]
    averages = {}
    for user in set(at.user):
        found = [
            mean([math.exp(s_j / p["tau"]) for s_j in row])
            for row, other in zip(at.neg, at.user, strict=True)
            if user == other
        ]
        before = old[user]
        averages[user] = mean(found) if before is None else (1 - p["gamma"]) * before + p["gamma"] * mean(found)
    return [-s_i / p["tau"] + g / averages[u] for s_i, g, u in zip(case.pos, sums, case.user, strict=True)]


def sogslatk(case: Case, p: Params, at: Case) -> list[float]:
    """The benchmark's form, and the same with the weight on both terms."""
    threshold = case.state["top.threshold"]
    weight = [sigmoid((s - threshold[u]) / p["tau_weight"]) for s, u in zip(at.pos, at.user, strict=True)]
    weight = [w / mean(weight) for w in weight]
    values = []
    for w, s_i, value in zip(weight, case.pos, sogclr(case, p, at), strict=True):
        negative = value + s_i / p["tau"]
        values.append(-w * s_i / p["tau"] + (w * negative if p["weight_both"] else negative))
    return values


def song(case: Case, p: Params, at: Case) -> list[float]:
    """ICML 2022: c g / IDCG, c the derivative of -1/log2(1 + M g) at the average v; psi and its gradient with K."""
    K, state = p["k"], case.state
    detached = [song_constants(at, p, b) for b in range(len(at.pos))]
    curvature = [mean([d["curvature"] for d, v in zip(detached, at.user, strict=True) if v == u]) for u in at.user]
    values = []
    for b, (s_i, row, u) in enumerate(zip(case.pos, case.neg, case.user, strict=True)):
        constants = detached[b]
        g = mean([max(p["margin"] + s_x - s_i, 0) ** 2 for s_x in [s_i, *row]])
        x = 1 + M * constants["v"]
        value = M / (math.log2(x) ** 2 * x * math.log(2)) * g
        if K:
            psi = constants["psi"]
            value *= psi
            if p["version"] == "theoretical":
                H = 0.1 * state["curvature"][u] + 0.9 * curvature[b]
                pairs = zip(constants["h"], [s_i, *row], strict=True)
                moved = mean([h * s_x for h, s_x in pairs]) / H
                value += 2 * psi * (1 - psi) * (-1 / math.log2(x)) * (s_i - moved)
        count = sum(other == u for other, _ in TRAIN)
        places = min(K, count) if K else count
        values.append(value / math.fsum(1 / math.log2(1 + r) for r in range(1, places + 1)))
    return values


TRAIN, M = [(u, u) for u in range(5)], 9
"""The interactions that the losses of the contract are bound to, in the order of their averages, and the items."""


def song_constants(at: Case, p: Params, b: int) -> dict[str, Any]:
    """What carries no gradient in row b: v, psi, and the slopes h of the smooth count with their mean."""
    s_i, row, u = at.pos[b], at.neg[b], at.user[b]
    pair = (u, at.pos_item[b])
    old = at.state["average"][TRAIN.index(pair)] if pair in TRAIN else 0.0
    g = mean([max(p["margin"] + s_x - s_i, 0) ** 2 for s_x in [s_i, *row]])
    found: dict[str, Any] = {"v": (1 - p["gamma0"]) * old + p["gamma0"] * g, "curvature": 0.0}
    if p["k"]:
        threshold = at.state["threshold"][u]
        above = [sigmoid((s_x - threshold) / 0.01) for s_x in [s_i, *row]]
        found["psi"] = sigmoid(2 * (s_i - threshold))
        found["h"] = [x * (1 - x) / 0.01 for x in above]
        found["curvature"] = 1e-4 + mean(found["h"])
    return found


def guidedrec(case: Case, p: Params, at: Case) -> list[float]:
    """SIGIR 2021: balanced cross-entropy, less the predicted DCG, and the squared error of the prediction."""
    values = []
    for s_i, row, fixed_i, fixed in zip(case.pos, case.neg, at.pos, at.neg, strict=True):
        n = int(p["list_size"])
        pointwise = len(row) * softplus(-s_i) + math.fsum(softplus(s_j) for s_j in row)
        rank = 1 + sum(s_j > fixed_i for s_j in fixed[: n - 1])
        error = predicted(at, n, fixed_i, fixed) - 1 / math.log2(1 + rank)
        values.append(pointwise - p["guidance"] * predicted(case, n, s_i, row) + error**2)
    return values


def softplus(x: float) -> float:
    return math.log(1 + math.exp(x))


def predicted(case: Case, n: int, s_i: float, row: list[float]) -> float:
    """The DCG that the network of the state predicts for a list."""

    def through(name: str, x: list[float]) -> list[float]:
        weight, bias = case.state[f"surrogate.{name}.weight"], case.state[f"surrogate.{name}.bias"]
        return [
            math.tanh(math.fsum(w * v for w, v in zip(line, x, strict=True)) + c)
            for line, c in zip(weight, bias, strict=True)
        ]

    items = [[sigmoid(s_i), 1.0], *([sigmoid(s_j), 0.0] for s_j in row[: n - 1])]
    items += [[0.0, 0.0]] * (n - len(items))
    whole = through("second", through("first", [v for item in items for v in item]))
    z = [through("item", item) for item in items]
    match = [mean([math.fsum(a * b for a, b in zip(x, y, strict=True)) for y in z]) for x in z]
    product = [a * b for a, b in zip(whole, through("match", match), strict=True)]
    return through("last", through("joint", product))[0]


VARIANTS = {
    "sogclr": ["sogclr", "sogclr:tau=0.05,gamma=0.1"],
    "sogslatk": ["sogslatk", "sogslatk:tau_weight=0.5,gamma=0.3", "sogslatk:tau=0.1,tau_weight=0.5,weight_both=false"],
    "song": ["song", "song:gamma0=0.7,margin=0.5", "song:k=3,gamma0=0.5", "song:k=3,version=theoretical"],
    "guidedrec": ["guidedrec", "guidedrec:list_size=4,guidance=10"],
}
NAIVE = {"sogclr": sogclr, "sogslatk": sogslatk, "song": song, "guidedrec": guidedrec}
THEORETICAL = "song:k=3,version=theoretical"
SURROGATE = "its network is no monotone function of the scores"
EXEMPT: dict[str, dict[str, str]] = {
    "gradcheck": {"sog": RUNNING, "song": RUNNING, "guidedrec": "the list of its network's error carries no gradient"},
    "positive falls": {"song": "a positive that leads all negatives by the margin is not pulled"},
    "negatives rise": {"song": "a negative that is below the positive by the margin is not pushed"},
    "equal negatives share alike": {"guidedrec": SURROGATE},
    "order of the negatives": {"guidedrec": "its network reads a list"},
    "divisible": {"sog": TOGETHER, "guidedrec": "its network is trained with the model"},
    "halves": {"sog": TOGETHER, THEORETICAL: TOGETHER},
    "published formula": {"sogslatk": "the default weighs both terms, as the paper's loss does and its code does not"},
}
