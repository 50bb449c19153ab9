"""Ranking metrics, stated once: functions of which ranks are hits and how many relevant items there are.

For user u, `hit[r]` says whether the item at rank r (from 1) is relevant, and R_u is the set of relevant items. Every
metric takes `hits` (n, L) bool, `n_relevant` (n,) int64 with n_relevant >= 1, and a cut-off K <= L, and returns one
float64 value per user (n,). A list shorter than K counts as having no hits beyond its end.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Hits = NDArray[np.bool_]
Counts = NDArray[np.int64]
Values = NDArray[np.float64]

KS = (5, 10, 20, 50, 100)
"""The cut-offs that every evaluation reports."""

AT = 20
"""The cut-off at which single users and items are kept."""


def ideal(n_relevant: Counts, ends: tuple[int, ...] = KS) -> Values:
    r"""Return what the best list gains, $\sum_{r \le \min(K, |R_u|)} 1 / \log_2(r + 1)$, (n, len(ends)), or NaN."""
    best = np.append(np.nan, np.cumsum(1 / np.log2(np.arange(2, max(ends) + 2))))  # (max K + 1,)
    found: Values = best[np.minimum(n_relevant[:, None], ends)]  # (n, C)
    return found


def ndcg(hits: Hits, n_relevant: Counts, K: int) -> Values:
    r"""Return NDCG@K with binary gains: $\sum_{r \le K} hit_r / \log_2(r + 1)$ over the same for an ideal ranking.

    The ideal ranking has $\min(K, |R_u|)$ hits at the top. Järvelin, Kekäläinen, TOIS 2002.
    """
    discount = 1 / np.log2(np.arange(2, K + 2))  # (K,)
    gain: Values = (hits[:, :K] * discount).sum(axis=1)  # (n,)
    return gain / ideal(n_relevant, (K,))[:, 0]  # (n,)


def recall(hits: Hits, n_relevant: Counts, K: int) -> Values:
    r"""Return Recall@K: $\sum_{r \le K} hit_r / |R_u|$."""
    found: Counts = hits[:, :K].sum(axis=1)  # (n,)
    return found / n_relevant  # (n,)


def precision(hits: Hits, n_relevant: Counts, K: int) -> Values:
    r"""Return Precision@K: $\sum_{r \le K} hit_r / K$."""
    found: Counts = hits[:, :K].sum(axis=1)  # (n,)
    return found / K  # (n,)


def hit_rate(hits: Hits, n_relevant: Counts, K: int) -> Values:
    """Return HitRate@K: 1 if any of the first K ranks is a hit, else 0."""
    found: Counts = hits[:, :K].sum(axis=1)  # (n,)
    return np.minimum(found, 1).astype(np.float64)  # (n,)


def mrr(hits: Hits, n_relevant: Counts, K: int) -> Values:
    """Return the reciprocal rank of the first hit among the first K ranks, 0 without one; its mean is MRR@K."""
    top = hits[:, :K]  # (n, K)
    reciprocal: Values = np.where(top.any(axis=1), 1 / (top.argmax(axis=1) + 1), 0.0)  # (n,)
    return reciprocal


METRICS: Mapping[str, Callable[[Hits, Counts, int], Values]] = {
    "ndcg": ndcg,
    "recall": recall,
    "precision": precision,
    "hit_rate": hit_rate,
    "mrr": mrr,
}
"""The metrics of accuracy by the name that results and commands know them by; `meanings` has all metrics."""
