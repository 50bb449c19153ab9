"""How what is recommended is spread over the catalogue."""

from __future__ import annotations

from collections.abc import Mapping

from rankbench.evaluation.meanings.meaning import Meaning

EXPOSURE: Mapping[str, Meaning] = {
    "coverage": Meaning(
        "Coverage",
        r"$|\bigcup_u L_u| / I$.",
        "higher",
        "Grows with the number of users, so compare on one test only. Items without any user count in I.",
        of="lists",
    ),
    "gini": Meaning(
        "Gini",
        r"$\sum_i (2i - I - 1) c_i / (I \sum_i c_i)$, how often each item is recommended, ascending, zeros included.",
        "lower",
        "0: all items alike; 1: one item only. Some libraries print 1 minus this, or divide by I - 1.",
        of="lists",
    ),
    "entropy": Meaning(
        "Entropy", r"$-\sum_i q_i \ln q_i$ in nats, $q_i$ the share of recommendations of item i.", "higher", of="lists"
    ),
    "entropy_share": Meaning("Entropy share", r"Entropy over its largest value, $\ln I$.", "higher", of="lists"),
    "popreo": Meaning(
        "PopREO",
        "Standard deviation over mean of the recall of five popularity groups, each pooled over test pairs.",
        "lower",
        "Not defined (NaN, never 0) where a group has no test pair or nothing is found.",
        "Zhu, Wang, Caverlee, SIGIR 2020",
        of="lists",
    ),
    "poprsp": Meaning(
        "PopRSP",
        "Standard deviation over mean, over five popularity groups, of the share recommended of what could be.",
        "lower",
        "Equal exposure whatever users like, so the most accurate list is not the best.",
        "Zhu, Wang, Caverlee, SIGIR 2020",
        of="lists",
    ),
    "exposure_kl": Meaning(
        "Exposure KL",
        r"$\sum_i q_i \ln(q_i / p_i)$ in nats, $q_i$ the share of recommendations of item i, $p_i$ that of train.",
        "neither",
        "0: items are recommended in the proportions of train; it does not say which way they differ. Items without "
        "train interactions count as the least popular ones. Not defined where lists may be shorter than K.",
        of="lists",
        derived=True,
    ),
    "exposure_kl_uniform": Meaning(
        "Exposure KL (uniform)",
        r"$\sum_i q_i \ln(q_i I) = \ln I - H(q)$ in nats, $q_i$ the share of recommendations of item i.",
        "lower",
        "0: all items alike; the entropy, counted from its largest value.",
        of="lists",
        derived=True,
    ),
    "coverage_1000": Meaning(
        "Coverage (1,000 users)",
        r"$\frac{1}{I} \sum_i (1 - C(U - c_i, m) / C(U, m))$, m = 1,000, $c_i$ the lists that have item i, C(n, m) how "
        "many ways there are to choose m of n.",
        "higher",
        "Coverage by 1,000 of the U users, its mean over all such samples. It does not grow with U, so that tests can "
        "be compared. Not defined for fewer users.",
        "Hurlbert, Ecology 1971 (rarefaction)",
        of="lists",
        derived=True,
        only_at=20,
    ),
}
