"""Everything about the lists of a test set that is beyond accuracy, from one matrix of the best items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rankbench.data.interactions import Interactions
from rankbench.data.measures import gini, kl_divergence, total_variation
from rankbench.evaluation.exposure import coverage, entropy, group_recall, inequality
from rankbench.evaluation.graded import UNBIASED, graded_gains, graded_weights, item_weights
from rankbench.evaluation.groups import GROUPS, popularity_groups, tail_of_items
from rankbench.evaluation.lists import Lists, Values, of_novel_hits, of_popularity, of_reference
from rankbench.evaluation.meanings import GAMMAS
from rankbench.evaluation.metrics import ideal
from rankbench.evaluation.reference import reference

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ItemGroups:
    """Popularity groups of items, from head to tail, in a test set; `C` are the cut-offs.

    Args:
        items: (G,) items of the group.
        relevant: (G,) test pairs with them.
        hits: (G, C) how many of these are found.
        recommended: (G, C) places of the lists that they take.
        rankable: (G,) pairs of a user of the test and an item of the group that could be recommended.
        users: (G,) users with a test item of the group.
        ndcg: (G, C) NDCG of these users with the group's test items alone, ranking unchanged; NaN without any.
        contribution: (G, C) what the group's hits add to NDCG: the sum over the groups is NDCG.
    """

    items: Counts
    relevant: Counts
    hits: Counts
    recommended: Counts
    rankable: Counts
    users: Counts
    ndcg: Floats
    contribution: Floats


@dataclass(frozen=True, eq=False)
class Beyond:
    """What the lists of a test set are beyond accurate.

    Args:
        values: metrics of single users, (n, C) each, NaN where undefined; the metric is their mean.
        of_lists: metrics of all lists together, (C,) each.
        of_test: how far the test's distribution of items is from train's.
        graded_gains: (n, C, len(GAMMAS)), graded_weights (n, len(GAMMAS)): see `graded`.
        item_hits, item_recommended: (I, C) hits with each item, and how often it is in a list.
        item_relevant: (I,) test pairs with each item.
        groups: by popularity of the items.
    """

    values: Values
    of_lists: dict[str, Floats]
    of_test: dict[str, float]
    graded_gains: Floats
    graded_weights: Floats
    item_hits: Counts
    item_recommended: Counts
    item_relevant: Counts
    groups: ItemGroups


def beyond(lists: Lists, train: Interactions, relevant: Interactions) -> Beyond:
    """Return what the lists of a test set are beyond accurate.

    Args:
        lists: the lists.
        train: the train set, from which popularity, tails, tastes and reference vectors come.
        relevant: the test set.
    """
    popularity, group = train.item_counts, popularity_groups(train)  # (I,), (I,)
    hits, recommended = lists.by_item(train.n_items)  # (I, C), (I, C)
    gains, weights = graded_gains(lists, relevant, popularity), graded_weights(lists.users, relevant, popularity)
    values = {
        **of_popularity(lists, train),
        **of_novel_hits(lists, train),
        **of_reference(lists, reference(train)),
        "tail_ndcg": _ndcg_of(lists, relevant, tail_of_items(popularity, 0.2).astype(np.int64), 2)[0][:, :, 1],
    }
    groups = _groups(lists, relevant, group, hits, recommended)
    return Beyond(
        values,
        of_lists={
            "arp_ratio": _mean(values["arp"]) / _mean(values.pop("arp_of_popular")),
            **_of_exposure(recommended),
            **_of_fairness(groups),
            **_unbiased_recall(hits, relevant.item_counts, popularity),
            **{f"ndcg_gamma_{g:g}": gains[:, :, i].sum(axis=0) / weights[:, i].sum() for i, g in enumerate(GAMMAS)},
        },
        of_test={
            "shift_tv": total_variation(relevant.item_counts, popularity),
            "shift_kl": kl_divergence(relevant.item_counts, popularity),
        },
        graded_gains=gains,
        graded_weights=weights,
        item_hits=hits,
        item_recommended=recommended,
        item_relevant=relevant.item_counts,
        groups=groups,
    )


def _mean(values: Floats) -> Floats:
    """Return the mean over the users who have a value."""
    mean: Floats = np.nansum(values, axis=0) / np.maximum((~np.isnan(values)).sum(axis=0), 1)
    return mean


def _of_exposure(recommended: Counts) -> dict[str, Floats]:
    columns = list(recommended.T)  # (I,) each
    spread = np.array([entropy(column) for column in columns])  # (C,)
    return {
        "coverage": np.array([coverage(column) for column in columns]),
        "gini": np.array([gini(column) if column.any() else np.nan for column in columns]),
        "entropy": spread,
        "entropy_share": spread / np.log(len(recommended)) if len(recommended) > 1 else spread * np.nan,
    }


def _of_fairness(groups: ItemGroups) -> dict[str, Floats]:
    recall = group_recall(groups.hits, groups.relevant[:, None])  # (G, C)
    rate = group_recall(groups.recommended, groups.rankable[:, None])  # (G, C)
    return {
        "popreo": np.array([inequality(column) for column in recall.T]),
        "poprsp": np.array([inequality(column) for column in rate.T]),
    }


def _unbiased_recall(hits: Counts, relevant: Counts, popularity: Counts) -> dict[str, Floats]:
    found = {}
    for gamma in UNBIASED:
        weight = item_weights(popularity, gamma)  # (I,)
        found[f"unbiased_recall_{gamma:g}"] = (weight[:, None] * hits).sum(axis=0) / (weight * relevant).sum()  # (C,)
    return found


def _groups(lists: Lists, relevant: Interactions, group: Counts, hits: Counts, recommended: Counts) -> ItemGroups:
    ndcg, contribution, n_relevant = _ndcg_of(lists, relevant, group, GROUPS)
    users = np.count_nonzero(n_relevant, axis=0)  # (G,)
    return ItemGroups(
        items=np.bincount(group, minlength=GROUPS),
        relevant=np.bincount(group[relevant.items], minlength=GROUPS),
        hits=_over_groups(hits, group),
        recommended=_over_groups(recommended, group),
        rankable=_rankable(lists, group),
        users=users,
        ndcg=np.where(users[:, None] > 0, _mean(ndcg).T, np.nan),
        contribution=contribution.mean(axis=0).T,
    )


def _ndcg_of(lists: Lists, relevant: Interactions, group: Counts, n: int) -> tuple[Floats, Floats, Counts]:
    """Return of each user NDCG of the test items of each group alone, their share of NDCG, and how many there are.

    Returns:
        (n, C, G) with NaN where there are none, (n, C, G), (n, G).
    """
    gain = lists.gained(np.eye(n)[group])  # (n, C, G)
    cell = relevant.users * np.int64(n) + group[relevant.items]  # (nnz,)
    n_relevant = np.bincount(cell, minlength=relevant.n_users * n).reshape(-1, n)[lists.users]  # (n, G)
    best = np.stack([ideal(n_relevant[:, g], lists.ends) for g in range(n)], axis=2)  # (n, C, G)
    return gain / best, gain / ideal(relevant.user_counts[lists.users], lists.ends)[:, :, None], n_relevant


def _over_groups(of_items: Counts, group: Counts) -> Counts:
    return np.stack([of_items[group == g].sum(axis=0) for g in range(GROUPS)])  # (G, C)


def _rankable(lists: Lists, group: Counts) -> Counts:
    """Return how many pairs of a user and an item of each group (G,) could have been recommended."""
    here = lists.mask if lists.exposed is None else lists.exposed
    tested = np.zeros(here.n_users, np.bool_)  # (U,)
    tested[lists.users] = True
    pairs = np.bincount(group[here.items[tested[here.users]]], minlength=GROUPS)  # (G,)
    whole: Counts = len(lists.users) * np.bincount(group, minlength=GROUPS)  # (G,)
    return pairs if lists.exposed is not None else whole - pairs
