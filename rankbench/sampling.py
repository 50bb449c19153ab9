"""Uniform negatives as a function of (key, row, draw), without rejection.

A user with the ascending train items p_0 < p_1 < ... has I - |P_u| negatives, and the r-th of them is r + c, where c
counts the j with p_j - j <= r. So one hash gives a uniform r, and a short search the item: every draw ends, however
active the user is. The same integers come from numba on the CPU and from torch on any device.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.errors import UserError
from rankbench.parallel import over_rows
from rankbench.randomness import FIRST, GOLDEN, SECOND

_GOLDEN, _FIRST, _SECOND = np.uint64(GOLDEN), np.uint64(FIRST), np.uint64(SECOND)
_BUCKETS, _BUCKET_SHIFT = 256, np.uint64(24)  # the top 8 of a draw's 32 bits
_S27, _S30, _S31, _S32 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)


@dataclass(frozen=True, eq=False)
class UniformNegatives:
    """Draws negatives of a user with equal probability, with replacement, outside the user's train items.

    Args:
        indptr: (U + 1,) int64, rows of `gaps`.
        gaps: (nnz,) int32, p_j - j: how many negatives lie below the j-th train item of a user.
        n_items: number of items, I.
    """

    indptr: NDArray[np.int64]
    gaps: NDArray[np.int32]
    n_items: int
    _on_device: dict[torch.device, tuple[Tensor, Tensor]] = field(default_factory=dict)

    @classmethod
    def outside(cls, train: Interactions) -> UniformNegatives:
        """Return the sampler of negatives outside `train`.

        Raises:
            UserError: a user has interacted with every item, so there is no negative.
        """
        full = np.flatnonzero(train.user_counts >= train.n_items)
        if len(full):
            raise UserError(
                f"User {full[0]} has all {train.n_items} items in train: there is no negative to draw.",
                "The data set has too few items for sampled negatives; filter such users out.",
            )
        rank = np.arange(len(train)) - np.repeat(train.indptr[:-1], train.user_counts)  # (nnz,)
        return cls(train.indptr, (train.items - rank).astype(np.int32), train.n_items)

    def draw(self, key: int, row: Tensor, user: Tensor, N: int) -> Tensor:
        """Return negatives (B, N) int32 of the users (B,) int64, a function of (key, row, draw), on the users' device.

        Args:
            key: the key of the stream.
            row: (B,) int64, what the draws are counted by, such as the train interaction.
            user: (B,) int64, users.
            N: negatives a row.
        """
        return (
            self._draw_on_cpu(key, row, user, N) if user.device.type == "cpu" else self.draw_by_torch(key, row, user, N)
        )

    def _draw_on_cpu(self, key: int, row: Tensor, user: Tensor, N: int) -> Tensor:
        out = np.empty((len(user), N), np.int32)  # (B, N)
        over_rows(
            _draw, len(user), np.uint64(key), row.numpy(), user.numpy(), self.indptr, self.gaps, self.n_items, out
        )
        return torch.from_numpy(out)

    def draw_by_torch(self, key: int, row: Tensor, user: Tensor, N: int) -> Tensor:
        """Return what `draw` returns, computed by torch on the users' device."""
        indptr, composite = self._tables(user.device)  # (U + 1,), (nnz,)
        hashed = _mix(_hash_rows(key, row)[:, None] + _wrap(GOLDEN) * _counters(N, user.device))  # (B, N)
        high = _shift(hashed, 32)  # (B, N)
        allowed = self.n_items - (indptr[user + 1] - indptr[user])  # (B,)
        rank = (high * allowed[:, None]) >> 32  # (B, N)
        found = torch.searchsorted(composite, rank + (user * self.n_items)[:, None], right=True)  # (B, N)
        return (rank + found - indptr[user][:, None]).to(torch.int32)  # (B, N)

    def _tables(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return the rows, and the gaps of all users as one ascending key, so that one search finds a gap."""
        if device not in self._on_device:
            user = np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))  # (nnz,)
            arrays = (self.indptr, user * self.n_items + self.gaps)
            self._on_device[device] = tuple(torch.from_numpy(a).to(device) for a in arrays)  # type: ignore[assignment]
        return self._on_device[device]


@njit(cache=True, nogil=True, inline="always")
def _mix_one(value):  # type: ignore[no-untyped-def]
    value = (value ^ (value >> _S30)) * _FIRST
    value = (value ^ (value >> _S27)) * _SECOND
    return value ^ (value >> _S31)


@njit(cache=True, nogil=True)
def _draw(start, stop, key, row, user, indptr, gaps, n_items, out):  # type: ignore[no-untyped-def]
    N = out.shape[1]
    below_bucket = np.empty(_BUCKETS, np.int32)  # (buckets,)
    for b in range(start, stop):
        row_gaps = gaps[indptr[user[b]] : indptr[user[b] + 1]]
        allowed = np.uint64(n_items - len(row_gaps))
        state = _mix_one(key + _GOLDEN * np.uint64(row[b] + 1))
        bucketed = N >= _BUCKETS // 4  # filling the buckets pays for itself
        if bucketed:
            _fill_buckets(row_gaps, allowed, below_bucket)
        for n in range(N):
            state += _GOLDEN
            high = _mix_one(state) >> _S32
            rank = np.int32((high * allowed) >> _S32)
            if bucketed:
                below = below_bucket[high >> _BUCKET_SHIFT]
                while below < len(row_gaps) and row_gaps[below] <= rank:
                    below += 1
            else:
                below = np.int32(np.searchsorted(row_gaps, rank, side="right"))
            out[b, n] = rank + below


@njit(cache=True, nogil=True)
def _fill_buckets(row_gaps, allowed, below_bucket):  # type: ignore[no-untyped-def]
    """Count the train items below the first rank of each bucket, so that a draw starts its search next to its end."""
    below = 0
    for bucket in range(_BUCKETS):
        rank = np.int32(((np.uint64(bucket) << _BUCKET_SHIFT) * allowed) >> _S32)
        while below < len(row_gaps) and row_gaps[below] <= rank:
            below += 1
        below_bucket[bucket] = below


def _hash_rows(key: int, row: Tensor) -> Tensor:
    return _mix(_wrap(key) + _wrap(GOLDEN) * (row + 1))  # (B,)


def _counters(N: int, device: torch.device) -> Tensor:
    return torch.arange(1, N + 1, device=device)  # (N,)


def _mix(value: Tensor) -> Tensor:
    value = (value ^ _shift(value, 30)) * _wrap(FIRST)
    value = (value ^ _shift(value, 27)) * _wrap(SECOND)
    return value ^ _shift(value, 31)


def _shift(value: Tensor, by: int) -> Tensor:
    """Shift right without the sign: torch has no uint64 arithmetic, so int64 stands for the same bits."""
    return (value >> by) & ((1 << (64 - by)) - 1)


def _wrap(value: int) -> int:
    """Return the int64 of the same bits."""
    return value - (1 << 64) if value >> 63 else value
