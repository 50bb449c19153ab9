"""Losses whose temperatures, thresholds or margins follow the user: variants, references and exemptions."""

import math

from naive import Case, Params, mean, sigmoid


def adap_tau(case: Case, p: Params, at: Case) -> list[float]:
    """WWW 2023: -s_i / tau_0 + log of the sum of e^{s_j / tau_u}, or tau_u for both."""
    values = []
    for s_i, row, user in zip(case.pos, case.neg, case.user, strict=True):
        sharpness = case.state["sharpness"][user]
        own = sharpness if p["positive"] == "user" else case.state["common"]
        values.append(-s_i * own + math.log(math.fsum(math.exp(s_j * sharpness) for s_j in row)))
    return values


def talos(case: Case, p: Params, at: Case) -> list[float]:
    """WWW 2026: -log of sigma(s_i - beta)^{1/tau} over the sum of sigma(s_j - beta)^{1/tau}."""
    values = []
    for s_i, row, user in zip(case.pos, case.neg, case.user, strict=True):
        beta = case.state["threshold"][user] * p["threshold_rate"]
        others = math.fsum(sigmoid(s_j - beta) ** (1 / p["tau"]) for s_j in row)
        values.append(-math.log(sigmoid(s_i - beta) ** (1 / p["tau"]) / others))
    return values


def margins(case: Case, p: Params) -> list[float]:
    """Each user's margin after one step of gradient descent on the sum of its rows, by the formula of the slope."""
    moved = list(case.state["user_margin"])
    for row, user in zip(case.neg, case.user, strict=True):
        m = case.state["user_margin"][user]
        x = [p["epsilon"] + p["weight"] * max(s_j - m, 0) for s_j in row]
        norm = mean([a ** p["power"] for a in x]) ** (1 / p["power"] - 1)
        above = mean([a ** (p["power"] - 1) * (s_j > m) for a, s_j in zip(x, row, strict=True)])
        moved[user] -= p["margin_step"] * (1 - p["weight"] * norm * above)
    return moved


def drrl(case: Case, p: Params, at: Case) -> list[float]:
    """AAAI 2025, released: [1 - s_i]_+ + (mean of (eps + w [s_j - m_u]_+)^p)^{1/p} + m_u, with m_u moved before."""
    margin, values = margins(at, p), []
    for s_i, row, user in zip(case.pos, case.neg, case.user, strict=True):
        powers = [(p["epsilon"] + p["weight"] * max(s_j - margin[user], 0)) ** p["power"] for s_j in row]
        values.append(max(1 - s_i, 0) + mean(powers) ** (1 / p["power"]) + margin[user])
    return values


VARIANTS = {
    "adap-tau": ["adap-tau", "adap-tau:positive=user,beta=0.25,quantile=0.9"],
    "talos": ["talos", "talos:tau=0.05,k=3,threshold_rate=1"],
    "drrl": ["drrl", "drrl:power=2,weight=3,margin=0.1,margin_step=0.1", "drrl:power=1,margin=-0.5,margin_step=0.001"],
}
NAIVE = {"adap-tau": adap_tau, "talos": talos, "drrl": drrl}
EXEMPT: dict[str, dict[str, str]] = {
    "gradcheck": {"drrl": "its margins follow the scores and carry no gradient"},
    "negatives rise": {"drrl": "a row whose negatives are all below the margin pushes none"},
    "divisible": {"talos": "its thresholds are trained with the model"},
    "halves": {"drrl": "rows of a user move one margin"},
}
