"""The hash that draws are functions of (see `rankbench.randomness`), in torch for any device."""

import torch
from torch import Tensor

from rankbench.randomness import FIRST, GOLDEN, SECOND


def high_bits(key: int, row: Tensor, N: int) -> Tensor:
    """Return 32 random bits (B, N) int64 for each draw of each row (B,) int64, on the rows' device."""
    return _shift(_hashed(key, row, N), 32)  # (B, N)


def high_and_low_bits(key: int, row: Tensor, N: int) -> tuple[Tensor, Tensor]:
    """Return twice 32 random bits, (B, N) int64 each, the former those of `high_bits`."""
    hashed = _hashed(key, row, N)  # (B, N)
    return _shift(hashed, 32), hashed & ((1 << 32) - 1)


def _hashed(key: int, row: Tensor, N: int) -> Tensor:
    state = _mix(_wrap(key) + _wrap(GOLDEN) * (row + 1))  # (B,)
    draw = torch.arange(1, N + 1, device=row.device)  # (N,)
    return _mix(state[:, None] + _wrap(GOLDEN) * draw)  # (B, N)


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
