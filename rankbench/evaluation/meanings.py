"""What every metric means: formula, which direction is better, what to know when reading it, where it comes from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

SYMBOLS = (
    r"$L_u$ is the list of user u up to K, $T_u$ the user's test items, $d_r = 1/\log_2(r+1)$, $pop_i$ the train "
    "interactions of item i, $p_i$ their share of all, $I$ and $U$ the numbers of items and users. Means run over the "
    "users for whom a metric is defined."
)
"""What the formulas of all metrics have in common."""

GAMMAS = (0.25, 0.5, 0.75, 1.0)
"""The exponents of the graded popularity shift, beside 0, which is the test as it is."""

Better = Literal["higher", "lower", "near 0", "neither"]


@dataclass(frozen=True)
class Meaning:
    """What a metric means.

    Args:
        title: its name as tables print it.
        text: formula, a sentence with the formula in TeX.
        better: which direction is better, "neither" where it depends.
        note: what to know when reading it.
        source: who defined it; empty for a plain count.
        of: "users", a mean over users; "lists", of all lists together; "model" or "test", without a cut-off.
    """

    title: str
    text: str
    better: Better
    note: str = ""
    source: str = ""
    of: Literal["users", "lists", "model", "test"] = "users"

    @property
    def has_cut_off(self) -> bool:
        """Whether the metric is given with a K."""
        return self.of in ("users", "lists")

    def merit(self, value: float) -> float | None:
        """Return a number that is the greater the better a value is; None where there is none or it cannot be said."""
        if math.isnan(value):
            return None
        return {"higher": value, "lower": -value, "near 0": -abs(value), "neither": None}[self.better]


_TAIL = {
    "": "the tail is all items but the 20 % most popular ones, rounded up",
    "_mass80": "the tail is all items but the fewest that hold 80 % of the train interactions",
    "_groups": "the tail is the last of five groups of items with as many train interactions each",
}
_REFERENCE = (
    "By a fixed reference model, the same for all that are compared: 32 spectral vectors of the train set, 20 tastes "
    "by spherical k-means."
)
_VARGAS = "Vargas, Castells, RecSys 2011"

MEANINGS: Mapping[str, Meaning] = {
    "ndcg": Meaning(
        "NDCG",
        r"$\sum_{r \le K} hit_r d_r / \sum_{r \le \min(K, |T_u|)} d_r$, binary gains.",
        "higher",
        "The ideal list has min(K, |T_u|) hits.",
        "Järvelin, Kekäläinen, TOIS 2002",
    ),
    "recall": Meaning("Recall", r"$|L_u \cap T_u| / |T_u|$.", "higher", "Cannot reach 1 for more than K test items."),
    "precision": Meaning("Precision", r"$|L_u \cap T_u| / K$.", "higher", "A list shorter than K still counts K."),
    "hit_rate": Meaning("HitRate", r"1 if any item of $L_u$ is in $T_u$, else 0.", "higher"),
    "mrr": Meaning("MRR", "$1 / r$ for the rank r of the first hit, 0 without one in K.", "higher"),
    "arp": Meaning(
        "ARP",
        r"$\frac{1}{|L_u|} \sum_{i \in L_u} pop_i$, average recommendation popularity.",
        "neither",
        "Context: accuracy in distribution rises with it up to a point, so compare at matched ARP.",
        "Yin et al., VLDB 2012",
    ),
    "arp_ratio": Meaning(
        "ARP ratio",
        "ARP over that of the most popular items that the same users could have been recommended.",
        "neither",
        "1: as popular as lists can be.",
        of="lists",
    ),
    "poplift": Meaning(
        "PopLift",
        r"$(\overline{pop}(L_u) - \overline{pop}(P_u)) / \overline{pop}(P_u)$, $P_u$ the user's train items.",
        "near 0",
        "Popularity calibrated to the user and not to the catalogue; users without train items are left out.",
        "Abdollahpouri et al., RMSE at RecSys 2019",
    ),
    **{
        f"aplt{suffix}": Meaning(
            "APLT" + suffix.replace("_", " "),
            "Average percentage of long tail items: the share of $L_u$ that is in the tail.",
            "higher",
            f"Here {tail}. Exposure alone says nothing of accuracy.",
            "Abdollahpouri, Burke, Mobasher, RecSys 2017",
        )
        for suffix, tail in _TAIL.items()
    },
    **{
        f"aclt{suffix}": Meaning(
            "ACLT" + suffix.replace("_", " "),
            "Average coverage of long tail items: how many items of $L_u$ are in the tail.",
            "higher",
            f"Here {tail}. APLT times the length of the list.",
            "Abdollahpouri, Burke, Mobasher, FLAIRS 2019",
        )
        for suffix, tail in _TAIL.items()
    },
    "novelty": Meaning(
        "Novelty",
        r"$\frac{1}{|L_u|} \sum_{i \in L_u} -\log_2 p_i$, mean self-information.",
        "higher",
        "Items without train interactions count as the least popular ones.",
        "Zhou et al., PNAS 2010",
    ),
    "efd": Meaning(
        "EFD",
        r"$\sum_r d_r hit_r (-\log_2 p_{L_r}) / \sum_r d_r$, expected free discovery.",
        "higher",
        "Novelty of hits alone, so it rewards accuracy, too.",
        _VARGAS,
    ),
    "epc": Meaning(
        "EPC",
        r"$\sum_r d_r hit_r (1 - pop_{L_r} / U) / \sum_r d_r$, expected popularity complement.",
        "higher",
        "U: users with train interactions. Novelty of hits alone, so it rewards accuracy, too.",
        _VARGAS,
    ),
    "ild": Meaning(
        "ILD",
        r"$1 - \cos(x_i, x_j)$, the mean over pairs of items of $L_u$: intra-list diversity.",
        "higher",
        _REFERENCE,
        "Ziegler et al., WWW 2005",
    ),
    "miscalibration": Meaning(
        "Miscalibration",
        r"$KL(P_u \Vert (1 - \alpha) Q_u + \alpha P_u)$ in nats, $\alpha = .01$: tastes of history and list.",
        "lower",
        _REFERENCE,
        "Steck, RecSys 2018",
    ),
    "taste_js": Meaning(
        "Taste JS",
        r"Jensen-Shannon divergence of $P_u$ and $Q_u$ in bits: tastes of history and list.",
        "lower",
        _REFERENCE,
        "Lin, IEEE Transactions on Information Theory 1991",
    ),
    "tail_ndcg": Meaning(
        "tail NDCG",
        "NDCG with $T_u$ restricted to tail items, the ranking unchanged.",
        "higher",
        f"Here {_TAIL['']}. Over the users with such a test item, whose number is stored beside it.",
    ),
    "tie_rate": Meaning(
        "Tie rate",
        "Share of $L_u$ whose score is equal to that of the best item left out.",
        "lower",
        "Such places are decided by item id, or by a seeded key where items share rows; high where vectors collapse.",
    ),
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
    **{
        f"unbiased_recall_{gamma}": Meaning(
            f"unbiased Recall {gamma}",
            rf"$\sum hit_{{ui}} pop_i^{{-\gamma}} / \sum pop_i^{{-\gamma}}$ over all test pairs, $\gamma = {gamma}$.",
            "higher",
            "Pooled over pairs, as in the popularity-stratified recall; that it is this one is our reading.",
            "Steck, RecSys 2011",
            of="lists",
        )
        for gamma in ("0.5", "1")
    },
    **{
        f"ndcg_gamma_{gamma}": Meaning(
            f"NDCG({gamma})",
            rf"NDCG with test pairs weighted by $w_i = pop_i^{{-\gamma}}$, $\gamma = {gamma}$: "
            r"$\sum_u \sum_i w_i c_{ui} / \sum_u \overline{w}_u$, where NDCG of u is $\sum_i c_{ui}$ over the hits.",
            "higher",
            "The test as if its pairs had been drawn with these weights; our reading of a graded shift.",
            of="lists",
        )
        for gamma in (f"{exponent:g}" for exponent in GAMMAS)
    },
    "effective_rank": Meaning(
        "Effective rank",
        r"$\exp(-\sum_k p_k \ln p_k)$, $p_k$ the shares of the singular values of all scores.",
        "neither",
        "Near 1: all users have one ranking; at most d.",
        "Roy, Vetterli, EUSIPCO 2007",
        of="model",
    ),
    "auc": Meaning(
        "AUC",
        "Share of the pairs of a test item and another exposed item in which the former ranks higher, mean over users.",
        "higher",
        "Of exposure tests only, where all items that a user was shown are ranked; ties are decided as in the lists.",
        "Hanley, McNeil, Radiology 1982",
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
"""Every metric by the name that results and commands know it by."""
