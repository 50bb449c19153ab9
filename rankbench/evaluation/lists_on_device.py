"""Lists that stay on the device that ranked them: what metrics are made of is summed there, as on the CPU.

Sums up to all cut-offs are one product in float64: with the weights of the places, as many ones for each cut-off as it
has places. They agree with the CPU's to rounding, 1e-12 of the value: those of whole numbers, and so recall, precision,
hit rate and MRR, are the same to the bit; the diversity of lists, which the CPU adds up in float32, agrees within 1e-5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.evaluation.cuda import Ranked
from rankbench.evaluation.metrics import METRICS, ideal
from rankbench.evaluation.tastes import ALPHA
from rankbench.rows_on import rows_on

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_AT_ONCE = 2**24
"""Numbers in float64 that are gathered at once for a block of users: 128 MiB, and as much for their product."""


@dataclass(frozen=True, eq=False)
class ListsOnDevice:
    """The lists of a test set on the device that ranked them.

    Args:
        users: (n,) int64, whose they are.
        top: (n, L) int64, best first, -1 where there is no item; L is at least the last cut-off.
        score: (n, L) float32, by what they were ranked.
        hits: (n, L) bool, which items are relevant.
        mask: the items of each user that were not ranked.
        ends: the cut-offs K, ascending.
        exposed: None, as all that is not masked was ranked.
    """

    users: Counts
    top: Tensor
    score: Tensor
    hits: Tensor
    mask: Interactions
    ends: tuple[int, ...]
    exposed: None = None

    @classmethod
    def of(
        cls, ranked: Ranked, users: Counts, mask: Interactions, relevant: Interactions, ends: tuple[int, ...]
    ) -> ListsOnDevice:
        """Return the lists of users (n,) as they were ranked."""
        there = torch.from_numpy(users).to(ranked.item.device)  # (n,)
        hits = rows_on(there.device, relevant).has(there, ranked.item)  # (n, L)
        return cls(users, ranked.item, ranked.score, hits, mask, ends)

    @cached_property
    def lengths(self) -> Floats:
        """(n, C) float64, how many items the list has up to each cut-off; NaN for none."""
        return _on_host(self._lengths)

    @cached_property
    def _lengths(self) -> Tensor:
        length = torch.minimum(self._listed.sum(dim=1)[:, None], self._ends).double()  # (n, C)
        return torch.where(length > 0, length, torch.nan)  # (n, C)

    @cached_property
    def _listed(self) -> Tensor:
        return self.top >= 0  # (n, L)

    @cached_property
    def _ends(self) -> Tensor:
        return torch.tensor(self.ends, device=self.top.device)  # (C,)

    @cached_property
    def _places(self) -> Tensor:
        """(C, L) float64, 1 for the places up to each cut-off."""
        place = torch.arange(self.top.shape[1], device=self.top.device)  # (L,)
        return (place < self._ends[:, None]).double()  # (C, L)

    @cached_property
    def _discount(self) -> Tensor:
        discount = 1 / np.log2(np.arange(2, self.top.shape[1] + 2))  # (L,)
        return torch.from_numpy(discount).to(self.top.device)  # (L,)

    def accuracy(self, n_relevant: Counts, metrics: Iterable[str] = METRICS) -> dict[str, Floats]:
        """Return metrics of accuracy of each user, (n, C) each, given how many items are relevant (n,)."""
        hits, ends = self.hits.double(), np.array(self.ends)  # (n, L), (C,)
        found = _on_host(hits @ self._places.t())  # (n, C)
        first = torch.where(self.hits.any(dim=1), hits.argmax(dim=1), self.top.shape[1]) + 1  # (n,)
        values: dict[str, Callable[[], Floats]] = {
            "ndcg": lambda: _on_host((hits * self._discount) @ self._places.t()) / ideal(n_relevant, self.ends),
            "recall": lambda: found / n_relevant[:, None],
            "precision": lambda: found / ends,
            "hit_rate": lambda: np.minimum(found, 1),
            "mrr": lambda: _on_host(torch.where(first[:, None] <= self._ends, 1 / first.double()[:, None], 0)),
        }
        return {name: values[name]() for name in metrics}  # (n, C) each

    def summed(self, feature: Floats) -> Floats:
        """Return the sums (n, C, F) float64 of the features (I, F) float64 of the first items of each list."""
        return self._folded(self._listed.double(), self._there(feature))  # (n, C, F)

    def gained(self, gain: Floats) -> Floats:
        """Return the sums (n, C, H) float64 of what hits are worth (I, H) float64, discounted by rank."""
        return self._folded(self.hits * self._discount, self._there(gain))  # (n, C, H)

    def diversity(self, vectors: NDArray[np.float32]) -> Floats:
        """Return one less the mean cosine (n, C) float64 of the pairs of items of each list, by unit vectors (I, d)."""
        vec = self._there(vectors).double()  # (I, d)
        table = torch.cat([vec, vec.square().sum(dim=1, keepdim=True)], dim=1)  # (I, d + 1)

        def mean(total: Tensor, rows: slice) -> Tensor:
            length = self._lengths[rows].nan_to_num(nan=0)  # (b, C)
            both, own = total[:, :, :-1].square().sum(dim=2), total[:, :, -1]  # (b, C), (b, C)
            return torch.where(length > 1, 1 - (both - own) / (length * (length - 1)), torch.nan)  # (b, C)

        return self._folded(self._listed.double(), table, mean)  # (n, C)

    def divergences(self, taste: Counts, history: Counts) -> Floats:
        """Return the divergences of Steck and of Jensen and Shannon (n, C, 2) of the tastes of history and list."""
        shares = torch.eye(history.shape[1], dtype=torch.float64, device=self.top.device)[self._there(taste)]  # (I, T)
        done = self._there(history).double()  # (n, T)

        def divergence(listed: Tensor, rows: slice) -> Tensor:
            of_history = done[rows, None]  # (b, 1, T)
            p, q = of_history / of_history.sum(dim=2, keepdim=True), listed / self._lengths[rows, :, None]
            steck = _entropy_against(p, (1 - ALPHA) * q + ALPHA * p)  # (b, C)
            shannon = _entropy_against(p, (p + q) / 2) + _entropy_against(q, (p + q) / 2)  # (b, C)
            return torch.stack([steck, shannon / (2 * np.log(2.0))], dim=2)  # (b, C, 2)

        return self._folded(self._listed.double(), shares, divergence)  # (n, C, 2)

    def by_item(self, n_items: int) -> tuple[Counts, Counts]:
        """Return how often each item is a hit, and in a list at all, up to each cut-off: (I, C) each."""
        hits, recommended = (self._counted(chosen, n_items) for chosen in (self.hits, self._listed))
        return hits, recommended

    def tie_rate(self, user_vec: Tensor, item_vec: Tensor) -> Floats:
        """Return the share of each list's items whose score is that of the first item left out, (n, C) float64.

        Scores are those that the lists were ranked by.
        """
        columns = []
        for K in self.ends:
            tied = (self.score[:, :K] == self.score[:, K, None]).sum(dim=1)  # (n,)
            columns.append(torch.where(self._listed[:, K], tied.double() / K, 0))  # (n,)
        return _on_host(torch.stack(columns, dim=1))  # (n, C)

    def _counted(self, chosen: Tensor, n_items: int) -> Counts:
        edges = (0, *self.ends)
        pieces = [slice(a, b) for a, b in zip(edges, self.ends, strict=False)]
        each = [torch.bincount(self.top[:, p][chosen[:, p]], minlength=n_items) for p in pieces]  # (I,) each
        counted: Counts = torch.stack(each, dim=1).cumsum(dim=1).cpu().numpy()  # (I, C)
        return counted

    def _folded(
        self, weight: Tensor, table: Tensor, then: Callable[[Tensor, slice], Tensor] = lambda total, rows: total
    ) -> Floats:
        """Return the weighted sums (n, C, F) of the rows of a table (I, F) by the places' weights (n, L).

        `then` makes of the sums (b, C, F) of a block of users what is returned of them.
        """
        found = []
        for rows in self._blocks(table.shape[1]):
            item = self.top[rows].clamp_min(0)  # (b, L)
            weighted = table[item] * weight[rows, :, None]  # (b, L, F)
            found.append(_on_host(then(self._places @ weighted, rows)))
        return np.concatenate(found)

    def _blocks(self, width: int) -> Iterator[slice]:
        """Yield blocks of users, one at least; numbers (b, L, width) fit `_AT_ONCE`."""
        n, each = len(self.top), max(1, _AT_ONCE // (self.top.shape[1] * (width + 1)))
        for start in range(0, max(n, 1), each):
            yield slice(start, min(start + each, n))

    def _there(self, array: NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.top.device)


def _entropy_against(p: Tensor, q: Tensor) -> Tensor:
    r"""Return $\sum_t p_t \ln(p_t / q_t)$ along the last dimension; nothing where p is 0, NaN where it is."""
    return torch.where(p == 0, 0, p * (p / q).log()).sum(dim=-1)


def _on_host(tensor: Tensor) -> Floats:
    array: Floats = tensor.cpu().numpy()
    return array
