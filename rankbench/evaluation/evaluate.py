"""One pass over a test set: all metrics at all K, per user and per popularity group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rankbench.data.interactions import Split
from rankbench.evaluation.groups import GROUPS, popularity_groups
from rankbench.evaluation.metrics import KS, METRICS, ndcg
from rankbench.evaluation.ranking import hits_of
from rankbench.evaluation.scorers import Scorer

Convention = Literal["standard", "ir-benchmark"]

CONVENTIONS: tuple[Convention, ...] = ("standard", "ir-benchmark")
"""How a test set is measured. "standard": train, validation and the other test sets are not ranked; means are over the
users with a test item. "ir-benchmark", that of the published tables: only train is left out, so validation items take
up ranks; means are over all users that occur in train or test, those without a test item counting 0 (but where train
has no user of the test, over the users with a test item). Where a split says which items were exposed, only those are
ranked, in both."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The metrics of one model on one test set.

    Args:
        users: (n,) int64, the users with a test item.
        values: values[metric] is (n, len(KS)) float64, one row a user.
        n_averaged: how many users a mean is taken over: n, or more where users without a test item count 0.
        group_items: (GROUPS,) int64, items in each popularity group.
        group_relevant: (GROUPS,) int64, test interactions with the items of each group.
        group_hits: (GROUPS, len(KS)) int64, how many of them are in the first K.
    """

    users: NDArray[np.int64]
    values: dict[str, NDArray[np.float64]]
    n_averaged: int
    group_items: NDArray[np.int64]
    group_relevant: NDArray[np.int64]
    group_hits: NDArray[np.int64]

    def mean(self, metric: str, K: int) -> float:
        """Return the mean of a metric at K over the users."""
        return float(self.values[metric][:, KS.index(K)].sum() / self.n_averaged)


def evaluate(scorer: Scorer, split: Split, test: str, convention: Convention = "standard") -> Evaluation:
    """Rank the whole catalogue, or what was exposed, for each user with an item in the test set and measure the lists.

    Args:
        scorer: the model.
        split: the split.
        test: name of the test set.
        convention: what is masked and what the mean is over, see `CONVENTIONS`.
    """
    relevant = split.tests[test]
    users = np.flatnonzero(relevant.user_counts)  # (n,)
    mask = split.mask_of_test(test) if convention == "standard" else split.inputs
    if split.exposed is None:
        top = scorer.top_items(users, mask, max(KS))  # (n, max K)
    else:
        top = scorer.top_exposed(users, split.exposed.without(mask), max(KS))  # (n, max K)
    hits = hits_of(top, users, relevant)  # (n, max K)
    n_relevant = relevant.user_counts[users]  # (n,)
    values = {
        name: np.stack([metric(hits, n_relevant, K) for K in KS], axis=1)  # (n, len(KS))
        for name, metric in METRICS.items()
    }
    n_averaged = len(users)
    if convention == "ir-benchmark" and split.fold_in is None:
        known = split.train.user_counts + sum(v.user_counts for v in split.valids.values()) + relevant.user_counts
        n_averaged = int(np.count_nonzero(known))
    group = popularity_groups(split.train)  # (I,)
    group_hits = np.stack([np.bincount(group[top[:, :K][hits[:, :K]]], minlength=GROUPS) for K in KS], axis=1)
    return Evaluation(
        users,
        values,
        n_averaged,
        group_items=np.bincount(group, minlength=GROUPS),
        group_relevant=np.bincount(group[relevant.items], minlength=GROUPS),
        group_hits=group_hits,
    )


def validate(scorer: Scorer, split: Split, valid: str, K: int = 20) -> float:
    """Return the mean NDCG@K on a validation set, over the users that have an item in it; inputs are masked."""
    relevant = split.valids[valid]
    users = np.flatnonzero(relevant.user_counts)  # (n,)
    top = scorer.top_items(users, split.mask_of_valid(), K)  # (n, K)
    return float(ndcg(hits_of(top, users, relevant), relevant.user_counts[users], K).mean())
