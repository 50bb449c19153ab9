"""One pass over a test set: all metrics at all K, per user, per item and per group."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rankbench.data.interactions import Split
from rankbench.evaluation.auc import mean_auc
from rankbench.evaluation.audience import UserGroups, user_groups
from rankbench.evaluation.beyond import Beyond, beyond
from rankbench.evaluation.lists import Lists
from rankbench.evaluation.metrics import KS, METRICS, ndcg
from rankbench.evaluation.ranking import hits_of
from rankbench.evaluation.scorers import InnerProduct, Scorer
from rankbench.evaluation.spectrum import effective_rank
from rankbench.evaluation.ties import tie_rate

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
        n_relevant: (n,) int64, how many test items each has.
        values: values[metric] is (n, len(KS)) float64, one row a user.
        n_averaged: how many users a mean is taken over: n, or more where users without a test item count 0.
        beyond: what the lists are beyond accurate.
        user_groups: recall and NDCG by group of users.
        rank: the effective rank of the scores; NaN, like the tie rate, where they are not inner products.
        auc: the area under the ROC curve among the exposed items; NaN where a split does not say which these are.
    """

    users: NDArray[np.int64]
    n_relevant: NDArray[np.int64]
    values: dict[str, NDArray[np.float64]]
    n_averaged: int
    beyond: Beyond
    user_groups: dict[str, UserGroups]
    rank: float
    auc: float = math.nan

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
    exposed = None if split.exposed is None else split.exposed.without(mask)
    auc = math.nan
    if exposed is None:
        best = scorer.top_items(users, mask, max(KS) + 1)  # (n, max K + 1)
    else:
        most = max(int(exposed.user_counts[users].max(initial=0)), max(KS) + 1)
        ranked = scorer.top_exposed(users, exposed, most)  # (n, most)
        auc = mean_auc(hits_of(ranked, users, relevant), ranked >= 0)
        best = ranked[:, : max(KS) + 1]  # (n, max K + 1)
    top = np.ascontiguousarray(best[:, :-1])  # (n, max K)
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
    found = beyond(Lists(users, top, hits, mask, exposed), split.train, relevant)
    groups = user_groups(split.inputs, split.train.item_counts, users, values)
    rank, tied = math.nan, np.full((len(users), len(KS)), np.nan)  # (n, len(KS))
    if isinstance(scorer, InnerProduct):
        rank = effective_rank(scorer.user_vec, scorer.item_vec)
        tied = tie_rate(scorer.user_vec, scorer.item_vec, users, best)  # (n, len(KS))
    found.values["tie_rate"] = tied
    return Evaluation(users, n_relevant, values, n_averaged, found, groups, rank, auc)


def validate(scorer: Scorer, split: Split, valid: str, K: int = 20) -> float:
    """Return the mean NDCG@K on a validation set, over the users that have an item in it; inputs are masked."""
    relevant = split.valids[valid]
    users = np.flatnonzero(relevant.user_counts)  # (n,)
    top = scorer.top_items(users, split.mask_of_valid(), K)  # (n, K)
    return float(ndcg(hits_of(top, users, relevant), relevant.user_counts[users], K).mean())
