"""The hash that draws are functions of (see `rankbench.randomness`), by torch or Triton for any device.

A key is a number, or its bits as a tensor () int64 on the device, so that a captured step finds each epoch's key there.
"""

import numpy as np
import torch
from torch import Tensor

from rankbench.device import uses_triton
from rankbench.randomness import FIRST, GOLDEN, SECOND, mix

Key = int | Tensor

_WHOLE = (1 << 64) - 1


def high_bits(key: Key, row: Tensor, N: int) -> Tensor:
    """Return 32 random bits (B, N) int64 for each draw of each row (B,) int64, on the rows' device."""
    return _shift(_hashed(key, row, N), 32)  # (B, N)


def high_and_low_bits(key: Key, row: Tensor, N: int) -> tuple[Tensor, Tensor]:
    """Return twice 32 random bits, (B, N) int64 each, the former those of `high_bits`."""
    hashed = _hashed(key, row, N)  # (B, N)
    return _shift(hashed, 32), hashed & ((1 << 32) - 1)


def next_key(key: Key) -> Key:
    """Return the key that follows from another: its hash."""
    return mix(key) if isinstance(key, int) else _mix(key)


def derived(key: Key, which: int | Tensor) -> Key:
    """Return the key of one of several streams that follow from a key; with one more counter `randomness.key` does so.

    A number if both are numbers, else the bits of the key, on the device of the one that is a tensor.
    """
    if isinstance(key, int) and isinstance(which, int):
        return mix((key + GOLDEN * (which + 1)) & _WHOLE)
    step = _wrap(GOLDEN * (which + 1) & _WHOLE) if isinstance(which, int) else _wrap(GOLDEN) * (which + 1)
    state = step + _wrap(key) if isinstance(key, int) else key + step
    assert isinstance(state, Tensor)
    return _mix(state)


def permutation(key: Tensor, n: int) -> Tensor:
    """Return the order (n,) int64 of `rankbench.randomness.permutation`, on the device of the key's bits."""
    hashed = _mix(key + _wrap(GOLDEN) * torch.arange(1, n + 1, device=key.device))  # (n,)
    return (hashed ^ _wrap(1 << 63)).sort(stable=True).indices  # (n,) the sign bit turned: hashes have none


def unsigned(key: Key) -> np.uint64:
    """Return a key as kernels for the CPU take it."""
    return np.uint64(int(key) & _WHOLE)


def bits_on(device: torch.device, key: Key) -> Tensor:
    """Return the bits of a key () int64 on a device."""
    return torch.tensor(_wrap(key), device=device) if isinstance(key, int) else key


def _hashed(key: Key, row: Tensor, N: int) -> Tensor:
    if uses_triton(row.device):
        from rankbench.sampling import triton_draw

        return triton_draw.hashes(bits_on(row.device, key), row, N)  # (B, N)
    state = _mix(bits_on(row.device, key) + _wrap(GOLDEN) * (row + 1))  # (B,)
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
