"""What lists are beyond accurate, user by user: how popular, novel, diverse and true to the user's tastes they are.

Every value is (n, len(ends)) float64, a row a user and a column a cut-off; NaN where it is not defined for a user.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.evaluation.groups import TAILS, mainstreamness, tails
from rankbench.evaluation.metrics import METRICS
from rankbench.evaluation.popular import top_popular
from rankbench.evaluation.reference import Reference
from rankbench.evaluation.sums import summed

Floats = NDArray[np.float64]
Values = dict[str, Floats]


class Lists(Protocol):
    """The lists of a test set, wherever they are, and the sums over them up to each of C cut-offs."""

    @property
    def users(self) -> NDArray[np.int64]:
        """(n,) int64, whose they are."""

    @property
    def mask(self) -> Interactions:
        """The items of each user that were not ranked."""

    @property
    def exposed(self) -> Interactions | None:
        """The items of each user that were ranked, nothing of `mask` among them; None for the catalogue."""

    @property
    def ends(self) -> tuple[int, ...]:
        """The cut-offs K, ascending."""

    @property
    def lengths(self) -> Floats:
        """(n, C) float64, how many items the list has up to each cut-off; NaN for none."""

    def summed(self, feature: Floats) -> Floats:
        """Return the sums (n, C, F) float64 of the features (I, F) float64 of the first items of each list."""

    def gained(self, gain: Floats) -> Floats:
        """Return the sums (n, C, H) float64 of what hits are worth (I, H) float64, discounted by rank."""

    def diversity(self, vectors: NDArray[np.float32]) -> Floats:
        """Return one less the mean cosine (n, C) float64 of the pairs of items of each list, by unit vectors (I, d)."""

    def divergences(self, taste: NDArray[np.int64], history: NDArray[np.int64]) -> Floats:
        """Return the divergences of Steck and of Jensen and Shannon (n, C, 2) of the tastes of history and list."""

    def by_item(self, n_items: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return how often each item is a hit, and in a list at all, up to each cut-off: (I, C) each."""

    def accuracy(self, n_relevant: NDArray[np.int64], metrics: Iterable[str] = METRICS) -> Values:
        """Return metrics of accuracy of each user, (n, C) each, given how many items are relevant (n,)."""

    def tie_rate(self, user_vec: Tensor, item_vec: Tensor) -> Floats:
        """Return the share of each list's items whose score is that of the first item left out, (n, C) float64.

        There is such an item only in lists that are longer than the last cut-off, ranked by the vectors' products.
        """


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
    found = lists.summed(feature)  # (n, C, F)
    mean = found / lists.lengths[:, :, None]  # (n, C, F)
    popular = top_popular(popularity, lists.users, lists.mask, lists.exposed, lists.ends[-1])  # (n, L)
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
    discount = np.cumsum(1 / np.log2(np.arange(2, lists.ends[-1] + 2)))  # (L,)
    known = lists.lengths  # (n, C)
    whole = np.where(np.isnan(known), np.nan, discount[np.nan_to_num(known, nan=1).astype(np.int64) - 1])  # (n, C)
    found = lists.gained(gain) / whole[:, :, None]  # (n, C, 2)
    return {"efd": found[:, :, 0], "epc": found[:, :, 1]}


def of_reference(lists: Lists, by: Reference) -> Values:
    """Return `ild`, `miscalibration` and `taste_js` by the vectors and tastes of the reference model."""
    found = lists.divergences(by.taste, by.history[lists.users])  # (n, C, 2)
    return {
        "ild": lists.diversity(by.vectors),
        "miscalibration": found[:, :, 0],
        "taste_js": found[:, :, 1],
    }
