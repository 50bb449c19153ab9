"""How popular, and how novel, what is recommended is."""

from __future__ import annotations

from collections.abc import Mapping

from rankbench.evaluation.meanings.meaning import TAIL, Meaning

_VARGAS = "Vargas, Castells, RecSys 2011"

POPULARITY: Mapping[str, Meaning] = {
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
        for suffix, tail in TAIL.items()
    },
    **{
        f"aclt{suffix}": Meaning(
            "ACLT" + suffix.replace("_", " "),
            "Average coverage of long tail items: how many items of $L_u$ are in the tail.",
            "higher",
            f"Here {tail}. APLT times the length of the list.",
            "Abdollahpouri, Burke, Mobasher, FLAIRS 2019",
        )
        for suffix, tail in TAIL.items()
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
    "log_arp": Meaning(
        "log ARP",
        r"$\frac{1}{|L_u|} \sum_{i \in L_u} \ln p_i$, the mean of the logarithm in the place of popularity.",
        "neither",
        "Novelty in other units (times -ln 2). A few very popular items move it less than they move ARP.",
        derived=True,
    ),
}
