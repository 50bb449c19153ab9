"""Metrics of accuracy: what is found, and how far up."""

from __future__ import annotations

from collections.abc import Mapping

from rankbench.evaluation.meanings.meaning import GAMMAS, TAIL, Meaning

ACCURACY: Mapping[str, Meaning] = {
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
    "tail_ndcg": Meaning(
        "tail NDCG",
        "NDCG with $T_u$ restricted to tail items, the ranking unchanged.",
        "higher",
        f"Here {TAIL['']}. Over the users with such a test item, whose number is stored beside it.",
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
    "auc": Meaning(
        "AUC",
        "Share of the pairs of a test item and another exposed item in which the former ranks higher, mean over users.",
        "higher",
        "Of exposure tests only, where all items that a user was shown are ranked; ties are decided as in the lists.",
        "Hanley, McNeil, Radiology 1982",
        of="model",
    ),
}
