"""Draws by kernels in Triton: the integers of `kernels`, bit for bit, in one pass over device memory."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from rankbench.randomness import FIRST, GOLDEN, SECOND

_GOLDEN, _FIRST, _SECOND = tl.constexpr(GOLDEN), tl.constexpr(FIRST), tl.constexpr(SECOND)

_BLOCK = 256


def hashes(key: Tensor, row: Tensor, N: int) -> Tensor:
    """Return 64 random bits (B, N) int64 for each draw of each row (B,) int64, given the key's bits () int64."""
    out = torch.empty((len(row), N), dtype=torch.int64, device=row.device)  # (B, N)
    block = min(_BLOCK, triton.next_power_of_2(N))
    _hashes[(len(row), triton.cdiv(N, block))](key, row, out, N, BLOCK_N=block)
    return out


def draw(
    key: Tensor,
    row: Tensor,
    user: Tensor,
    tables: tuple[Tensor, Tensor, Tensor, Tensor],
    total: int,
    longest: int,
    flat: bool,
    N: int,
) -> Tensor:
    """Return the negatives (B, N) int32 of `WeightedNegatives`.

    Args:
        key: () int64, the bits of the key.
        row: (B,) int64, what the draws are counted by.
        user: (B,) int64, users.
        tables: the sampler's `indptr` (U + 1,) int64, `gaps` and `moved` (nnz + U,) int32, and the first place of each
            item (I + 1,) int32.
        total: the weight of all items.
        longest: the most train items of a user.
        flat: whether all weights are 1, so that a place is the item.
        N: negatives a row.
    """
    indptr, gaps, moved, cumulative = tables
    out = torch.empty((len(row), N), dtype=torch.int32, device=row.device)  # (B, N)
    block = min(_BLOCK, triton.next_power_of_2(N))
    n_items = len(cumulative) - 1
    steps = (longest.bit_length(), n_items.bit_length())  # of a binary search
    sizes = {"FLAT": flat, "BLOCK_N": block}
    _draw[(len(row), triton.cdiv(N, block))](
        key, row, user, indptr, gaps, moved, cumulative, out, N, n_items, total, *steps, **sizes
    )
    return out


@triton.jit
def _mix(value):
    value = (value ^ (value >> 30)) * _FIRST
    value = (value ^ (value >> 27)) * _SECOND
    return value ^ (value >> 31)


@triton.jit
def _hash(key, row, b, n):
    """Return the hashes (block,) uint64 of draws n (block,) of the row in place b."""
    state = tl.load(key).to(tl.uint64, bitcast=True) + _GOLDEN * (tl.load(row + b) + 1).to(tl.uint64)
    return _mix(_mix(state) + _GOLDEN * (n + 1).to(tl.uint64))  # (block,)


@triton.jit
def _hashes(key, row, out, N, BLOCK_N: tl.constexpr):
    """Write the hashes of a block of one row's draws."""
    b = tl.program_id(0).to(tl.int64)
    n = tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)  # (block,)
    tl.store(out + b * N + n, _hash(key, row, b, n).to(tl.int64, bitcast=True), mask=n < N)


@triton.jit
def _first_above(numbers, low, high, value, steps):
    """Return where the first number above each value (block,) is between low and high (block,); there is one."""
    for _ in range(steps):
        middle = (low + high) // 2  # (block,)
        not_above = tl.load(numbers + middle) <= value  # (block,)
        low = tl.where(not_above, middle + 1, low)  # (block,)
        high = tl.where(not_above, high, middle)  # (block,)
    return low


@triton.jit
def _draw(
    key, row, user, indptr, gaps, moved, cumulative, out, N, n_items, total, user_steps, item_steps,
    FLAT: tl.constexpr, BLOCK_N: tl.constexpr
):  # fmt: skip
    """Write a block of one row's draws."""
    b = tl.program_id(0).to(tl.int64)
    n = tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)  # (block,)
    u = tl.load(user + b)
    first, last = tl.load(indptr + u), tl.load(indptr + u + 1) - 1
    allowed = (total - tl.load(moved + last)).to(tl.uint64)
    rank = (((_hash(key, row, b, n) >> 32) * allowed) >> 32).to(tl.int32)  # (block,)
    nowhere = tl.zeros((BLOCK_N,), tl.int64)  # (block,)
    gap = _first_above(gaps, nowhere + first, nowhere + last, rank, user_steps)  # (block,)
    place = rank + tl.load(moved + gap)  # (block,)
    if not FLAT:
        place = (_first_above(cumulative, nowhere, nowhere + n_items, place, item_steps) - 1).to(tl.int32)
    tl.store(out + b * N + n, place, mask=n < N)
