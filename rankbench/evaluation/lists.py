"""What lists are beyond accurate, user by user: how popular, novel, diverse and true to the user's tastes they are.

Every value is (n, len(ends)) float64, a row a user and a column a cut-off; NaN where it is not defined for a user.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rankbench.data.interactions import Interactions
from rankbench.evaluation.groups import TAILS, mainstreamness, tails
from rankbench.evaluation.metrics import KS
from rankbench.evaluation.popular import top_popular
from rankbench.evaluation.reference import TASTES, Reference
from rankbench.evaluation.sums import diversity, gained, summed
from rankbench.evaluation.tastes import divergences

Values = dict[str, NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Lists:
    """The lists of a test set.

    Args:
        users: (n,) int64, whose they are.
        top: (n, L) int32, best first, -1 where there is no item.
        hits: (n, L) bool, which items are relevant.
        mask: the items of each user that were not ranked.
        exposed: the items of each user that were ranked, nothing of `mask` among them; None for the catalogue.
        ends: the cut-offs K, ascending, the last one at most L.
    """

    users: NDArray[np.int64]
    top: NDArray[np.int32]
    hits: NDArray[np.bool_]
    mask: Interactions
    exposed: Interactions | None = None
    ends: tuple[int, ...] = KS

    @property
    def lengths(self) -> NDArray[np.float64]:
        """(n, len(ends)) float64, how many items the list has up to each cut-off; NaN for none."""
        length = np.minimum((self.top >= 0).sum(axis=1)[:, None], self.ends)  # (n, C)
        return np.where(length > 0, length, np.nan)


def self_information(popularity: NDArray[np.int64]) -> NDArray[np.float64]:
    r"""Return $-\log_2(pop_i / \sum pop)$ of each item (I,); one without interactions counts as the least popular."""
    least = popularity[popularity > 0].min(initial=max(int(popularity.sum()), 1))
    information: NDArray[np.float64] = -np.log2(np.maximum(popularity, least) / max(int(popularity.sum()), 1))
    return information + 0.0  # no -0


def of_popularity(lists: Lists, train: Interactions) -> Values:
    """Return `arp`, `arp_of_popular`, `poplift`, `novelty`, and `aplt` and `aclt` of every tail set."""
    popularity = train.item_counts
    in_tail = tails(train)
    feature = np.stack([popularity, self_information(popularity), *in_tail.values()], axis=1).astype(np.float64)
    found = summed(lists.top, feature, lists.ends)  # (n, C, F)
    mean = found / lists.lengths[:, :, None]  # (n, C, F)
    popular = top_popular(popularity, lists.users, lists.mask, lists.exposed, lists.top.shape[1])  # (n, L)
    of_popular = summed(popular, feature[:, :1], lists.ends)[:, :, 0] / lists.lengths  # (n, C)
    usual = mainstreamness(train, popularity)[lists.users, None]  # (n, 1)
    values = {"arp": mean[:, :, 0], "arp_of_popular": of_popular, "poplift": (mean[:, :, 0] - usual) / usual}
    values["novelty"] = mean[:, :, 1]
    for place, name in enumerate(TAILS, start=2):
        suffix = "" if name == TAILS[0] else f"_{name}"
        values[f"aplt{suffix}"], values[f"aclt{suffix}"] = mean[:, :, place], found[:, :, place]
    return values


def of_novel_hits(lists: Lists, train: Interactions) -> Values:
    """Return `efd` and `epc`: how novel the hits are, discounted by rank."""
    share = train.item_counts / max(int(np.count_nonzero(train.user_counts)), 1)  # (I,)
    gain = np.stack([self_information(train.item_counts), 1 - share], axis=1)  # (I, 2)
    discount = np.cumsum(1 / np.log2(np.arange(2, lists.top.shape[1] + 2)))  # (L,)
    known = lists.lengths  # (n, C)
    whole = np.where(np.isnan(known), np.nan, discount[np.nan_to_num(known, nan=1).astype(np.int64) - 1])  # (n, C)
    found = gained(lists.top, lists.hits, gain, lists.ends) / whole[:, :, None]  # (n, C, 2)
    return {"efd": found[:, :, 0], "epc": found[:, :, 1]}


def of_reference(lists: Lists, train: Interactions, by: Reference) -> Values:
    """Return `ild`, `miscalibration` and `taste_js` by the vectors and tastes of the reference model."""
    cell = train.users * np.int64(TASTES + 1) + by.taste[train.items]  # (nnz,)
    history = np.bincount(cell, minlength=train.n_users * (TASTES + 1)).reshape(-1, TASTES + 1)  # (U, T)
    found = divergences(lists.top, by.taste, history[lists.users], lists.ends)  # (n, C, 2)
    return {
        "ild": diversity(lists.top, by.vectors, lists.ends),
        "miscalibration": found[:, :, 0],
        "taste_js": found[:, :, 1],
    }
