"""Negatives by weight as a function of (key, row, draw), without rejection.

Lay the items side by side, each as long as its weight, a whole number. Without the train items of a user, which begin
where `gaps` of what is left lie before them, a user's line is `total` less their weights long. One hash gives a uniform
place on it, a short search how much to move it by, and another the item: every draw ends, however active the user is.
With weights of 1 that is a uniform draw, and the place is the item. The same integers come from numba on the CPU, from
Triton on a CUDA device, and from torch on any.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.device import uses_triton
from rankbench.errors import UserError
from rankbench.parallel import over_rows
from rankbench.sampling.hashing import Key, bits_on, high_bits, unsigned
from rankbench.sampling.kernels import draw_ranks, look_up_items

_TOTAL = 2**30
"""What weights are scaled to add up to, about: so fine that rounding them changes no probability that matters."""

_RANGES = 2**16
"""Ranges of places for which the first item is looked up."""

_END = 2**31 - 1


@dataclass(frozen=True, eq=False)
class WeightedNegatives:
    """Draws negatives of a user with probability in proportion to their weight, with replacement, outside train.

    Args:
        weight: (I,) int64, the weight of each item.
        indptr: (U + 1,) int64, rows of `gaps` and `moved`.
        gaps: (nnz + U,) int32, for each train item of a user how much weight of others lies before it, then `_END`.
        moved: (nnz + U,) int32, the weight of the user's train items before, then of all of them.
    """

    weight: NDArray[np.int64]
    indptr: NDArray[np.int64]
    gaps: NDArray[np.int32]
    moved: NDArray[np.int32]
    _on_device: dict[torch.device, tuple[Tensor, ...]] = field(default_factory=dict)
    _narrow_on_device: dict[torch.device, tuple[Tensor, Tensor, Tensor, Tensor]] = field(default_factory=dict)
    _log_on_device: dict[torch.device, tuple[Tensor, ...]] = field(default_factory=dict)

    @classmethod
    def uniform(cls, train: Interactions) -> WeightedNegatives:
        """Return the sampler that draws all negatives with equal probability."""
        return cls.outside(train, np.ones(train.n_items, np.int64))

    @classmethod
    def by_popularity(cls, train: Interactions, exponent: float) -> WeightedNegatives:
        """Return the sampler that draws items in proportion to their train interactions to the power of `exponent`."""
        known = train.item_counts > 0  # (I,) others are never drawn, whatever the exponent
        weight = np.where(known, np.maximum(train.item_counts, 1).astype(float) ** exponent, 0.0)  # (I,)
        scaled = np.rint(weight / weight.sum() * _TOTAL).astype(np.int64)  # (I,)
        return cls.outside(train, np.where(weight > 0, np.maximum(scaled, 1), 0))

    @classmethod
    def outside(cls, train: Interactions, weight: NDArray[np.int64]) -> WeightedNegatives:
        """Return the sampler of negatives outside `train` with weights (I,) int64.

        Raises:
            UserError: a user has every item of positive weight in train, so there is no negative.
        """
        start = np.cumsum(weight) - weight  # (I,)
        owned = weight[train.items]  # (nnz,)
        before = np.concatenate([[0], np.cumsum(owned)])  # (nnz + 1,)
        mine = np.repeat(before[train.indptr[:-1]], train.user_counts)  # (nnz,)
        moved = before[:-1] - mine  # (nnz,)
        all_owned = before[train.indptr[1:]] - before[train.indptr[:-1]]  # (U,)
        _check(train, all_owned >= weight.sum())
        ends = train.indptr[1:]  # (U,)
        gaps = np.insert(start[train.items] - moved, ends, _END).astype(np.int32)  # (nnz + U,)
        indptr = train.indptr + np.arange(len(train.indptr))  # (U + 1,)
        return cls(weight, indptr, gaps, np.insert(moved, ends, all_owned).astype(np.int32))

    @property
    def total(self) -> int:
        """The weight of all items."""
        return int(self._cumulative[-1])

    def draw(self, key: Key, row: Tensor, user: Tensor, pos: Tensor, N: int) -> Tensor:
        """Return negatives (B, N) int32, a function of (key, row, draw) and the user, on the users' device.

        Args:
            key: the key of the stream.
            row: (B,) int64, what the draws are counted by, such as the train interaction.
            user: (B,) int64, users.
            pos: (B,) int64, positives; of no influence here.
            N: negatives a row.
        """
        if uses_triton(user.device):
            return self.draw_by_triton(key, row, user, N)
        if user.device.type != "cpu":
            return self.draw_by_torch(key, row, user, N)
        out = np.empty((len(user), N), np.int32)  # (B, N)
        tables = (self.indptr, self.gaps, self.moved, self.total)
        over_rows(draw_ranks, len(user), unsigned(key), row.numpy(), user.numpy(), *tables, out)
        if not self._flat:
            over_rows(look_up_items, len(user), self._cumulative, *self._firsts, out)
        return torch.from_numpy(out)

    def draw_by_triton(self, key: Key, row: Tensor, user: Tensor, N: int) -> Tensor:
        """Return what `draw` returns, computed by a kernel in Triton on the users' device."""
        from rankbench.sampling import triton_draw

        tables, bits = self._narrow_tables(user.device), bits_on(user.device, key)
        return triton_draw.draw(bits, row, user, tables, self.total, self._longest, self._flat, N)  # (B, N)

    def draw_by_torch(self, key: Key, row: Tensor, user: Tensor, N: int) -> Tensor:
        """Return what `draw` returns, computed by torch on the users' device."""
        indptr, composite, moved, cumulative = self._tables(user.device)
        last = indptr[user + 1][:, None] - 1  # (B, 1)
        rank = (high_bits(key, row, N) * (self.total - moved[last])) >> 32  # (B, N)
        found = torch.searchsorted(composite, rank + user[:, None] * (_END + 1), right=True)  # (B, N)
        place = rank + moved[found]  # (B, N)
        return (torch.searchsorted(cumulative, place, right=True) - 1).to(torch.int32)  # (B, N)

    def log_probability(self, user: Tensor, item: Tensor) -> Tensor:
        """Return the log-probability (B, M) float32 that a draw for each user (B,) is each of its items (B, M).

        Items of the user in train are given the probability that they would have if they could be drawn.
        """
        log_weight, log_allowed = self._logarithms(user.device)  # (I,), (U,)
        return (log_weight[item.long()] - log_allowed[user][:, None]).float()  # (B, M)

    def _logarithms(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return those of the weights (I,) and of what is left for each user (U,), float64."""
        if device not in self._log_on_device:
            with np.errstate(divide="ignore"):  # an item that is never drawn
                log_weight = np.log(self.weight)  # (I,)
            log_allowed = np.log(self.total - self.moved[self.indptr[1:] - 1].astype(np.int64))  # (U,)
            self._log_on_device[device] = tuple(torch.from_numpy(a).to(device) for a in (log_weight, log_allowed))
        log_weight_there, log_allowed_there = self._log_on_device[device]
        return log_weight_there, log_allowed_there

    @cached_property
    def _longest(self) -> int:
        """The most train items of a user."""
        return int(np.diff(self.indptr).max(initial=1)) - 1

    @cached_property
    def _flat(self) -> bool:
        """Whether all weights are 1, so that a place is the item."""
        return bool((self.weight == 1).all())

    @cached_property
    def _cumulative(self) -> NDArray[np.int64]:
        """The first place of each item, and the end of the last (I + 1,)."""
        return np.concatenate([[0], np.cumsum(self.weight)])

    @cached_property
    def _firsts(self) -> tuple[NDArray[np.int32], int]:
        """The item that each range of places begins in, and log2 of a range's length."""
        shift = max((self.total // _RANGES).bit_length(), 0)
        place = np.arange(0, self.total, 1 << shift)  # (ranges,)
        return (np.searchsorted(self._cumulative, place, side="right") - 1).astype(np.int32), shift

    def _tables(self, device: torch.device) -> tuple[Tensor, ...]:
        """Return rows, the gaps of all users as one ascending key, moves and places, all int64."""
        if device not in self._on_device:
            user = np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))  # (nnz + U,)
            arrays = (self.indptr, user * (_END + 1) + self.gaps, self.moved.astype(np.int64), self._cumulative)
            self._on_device[device] = tuple(torch.from_numpy(a).to(device) for a in arrays)
        return self._on_device[device]

    def _narrow_tables(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return rows, gaps, moves and places in the precision that kernels read."""
        if device not in self._narrow_on_device:
            arrays = (self.indptr, self.gaps, self.moved, self._cumulative.astype(np.int32))
            rows, gaps, moved, places = (torch.from_numpy(a).to(device) for a in arrays)
            self._narrow_on_device[device] = rows, gaps, moved, places
        return self._narrow_on_device[device]


def _check(train: Interactions, full: NDArray[np.bool_]) -> None:
    if full.any():
        user = int(np.flatnonzero(full)[0])
        raise UserError(
            f"User {user} has all items that can be drawn in train ({len(train.row(user))} of {train.n_items}): "
            "there is no negative to draw.",
            "The data set has too few items for sampled negatives; filter such users out.",
        )
