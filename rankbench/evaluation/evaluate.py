"""One pass over a test set: all metrics at all K, per user, per item and per group."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rankbench.data.interactions import Interactions, Split
from rankbench.evaluation.auc import mean_auc
from rankbench.evaluation.audience import UserGroups, user_groups
from rankbench.evaluation.beyond import Beyond, beyond
from rankbench.evaluation.lists import Lists
from rankbench.evaluation.lists_on_device import ListsOnDevice
from rankbench.evaluation.lists_on_host import ListsOnHost
from rankbench.evaluation.metrics import KS
from rankbench.evaluation.ranking import hits_of
from rankbench.evaluation.scorers import InnerProduct, Scorer
from rankbench.evaluation.spectrum import effective_rank

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
        lists = _lists(scorer, users, mask, relevant, KS, spare=1)
    else:
        most = max(int(exposed.user_counts[users].max(initial=0)), max(KS) + 1)
        ranked = scorer.top_exposed(users, exposed, most)  # (n, most)
        auc = mean_auc(hits_of(ranked, users, relevant), ranked >= 0)
        top = np.ascontiguousarray(ranked[:, : max(KS) + 1])  # (n, max K + 1)
        lists = ListsOnHost(users, top, hits_of(top, users, relevant), mask, exposed)
    n_relevant = relevant.user_counts[users]  # (n,)
    values = lists.accuracy(n_relevant)
    n_averaged = len(users)
    if convention == "ir-benchmark" and split.fold_in is None:
        known = split.train.user_counts + sum(v.user_counts for v in split.valids.values()) + relevant.user_counts
        n_averaged = int(np.count_nonzero(known))
    found = beyond(lists, split.train, relevant)
    groups = user_groups(split.inputs, split.train.item_counts, users, values)
    rank, tied = math.nan, np.full((len(users), len(KS)), np.nan)  # (n, len(KS))
    if isinstance(scorer, InnerProduct):
        rank = effective_rank(scorer.user_vec, scorer.item_vec)
        tied = lists.tie_rate(scorer.user_vec, scorer.item_vec)  # (n, len(KS))
    found.values["tie_rate"] = tied
    return Evaluation(users, n_relevant, values, n_averaged, found, groups, rank, auc)


def validate(scorer: Scorer, split: Split, valid: str, K: int = 20) -> float:
    """Return the mean NDCG@K on a validation set, over the users that have an item in it; inputs are masked."""
    relevant = split.valids[valid]
    users = np.flatnonzero(relevant.user_counts)  # (n,)
    lists = _lists(scorer, users, split.mask_of_valid(), relevant, (K,))
    return float(lists.accuracy(relevant.user_counts[users], ["ndcg"])["ndcg"][:, 0].mean())


def _lists(
    scorer: Scorer,
    users: NDArray[np.int64],
    mask: Interactions,
    relevant: Interactions,
    ends: tuple[int, ...],
    spare: int = 0,
) -> Lists:
    """Return the lists of users (n,) up to the last cut-off, and some spare items, where they were ranked."""
    there = scorer.rank_there(users, mask, ends[-1] + spare)
    if there is not None:
        return ListsOnDevice.of(there, users, mask, relevant, ends)
    top = scorer.top_items(users, mask, ends[-1] + spare)  # (n, K + spare)
    return ListsOnHost(users, top, hits_of(top, users, relevant), mask, None, ends)
