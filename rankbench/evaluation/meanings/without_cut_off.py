"""What is said of a model or of a test as a whole."""

from __future__ import annotations

from collections.abc import Mapping

from rankbench.evaluation.meanings.meaning import Meaning

WITHOUT_CUT_OFF: Mapping[str, Meaning] = {
    "effective_rank": Meaning(
        "Effective rank",
        r"$\exp(-\sum_k p_k \ln p_k)$, $p_k$ the shares of the singular values of all scores.",
        "neither",
        "Near 1: all users have one ranking; at most d.",
        "Roy, Vetterli, EUSIPCO 2007",
        of="model",
    ),
    "shift_tv": Meaning(
        "Shift (TV)",
        r"$\frac{1}{2} \sum_i |q_i - p_i|$, $q_i$ the share of item i in the test: total variation.",
        "neither",
        "Of the test and not of the model: how far it is from train.",
        of="test",
    ),
    "shift_kl": Meaning(
        "Shift (KL)",
        r"$\sum_i q_i \ln(q_i / p_i)$ in nats, $q_i$ the share of item i in the test.",
        "neither",
        "Of the test and not of the model. Infinite where an item of the test has no train interaction.",
        of="test",
    ),
}
