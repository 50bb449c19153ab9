"""Which of two ways to compute scores takes less time on a device: both are tried on made-up vectors of the sizes."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor

Way = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Of queries (B, d), item vectors (I, d) and items (B, M) int32: the products (B, M), with gradients."""

_ROUNDS, _TIMES = 3, 5
"""Rounds, of which the fastest counts, and how often the work is done in each."""


def faster(ways: dict[str, Way], device: torch.device, B: int, M: int, n_items: int, d: int) -> str:
    """Return the name of the way that computes products and both gradients in less time.

    One that finds no memory is not the faster one; the first is returned where none does.
    """
    generator = torch.Generator(device).manual_seed(0)
    query, item_vec, grad = (
        torch.randn(*size, device=device, generator=generator) for size in ((B, d), (n_items, d), (B, M))
    )  # (B, d), (I, d), (B, M)
    item = torch.randint(n_items, (B, M), device=device, generator=generator, dtype=torch.int32)  # (B, M)
    taken = {name: _seconds(way, query, item_vec, item, grad) for name, way in ways.items()}
    return min(taken, key=taken.__getitem__)


def _seconds(way: Way, query: Tensor, item_vec: Tensor, item: Tensor, grad: Tensor) -> float:
    """Return the fastest of some rounds, after one in which kernels are compiled; infinite without the memory."""
    inputs = query.requires_grad_(), item_vec.requires_grad_()

    def work() -> None:
        torch.autograd.grad(way(*inputs, item), inputs, grad)

    try:
        with torch.enable_grad():
            work()
            return min(_round(work, query.device) for _ in range(_ROUNDS))
    except torch.OutOfMemoryError:
        return float("inf")


def _round(work: Callable[[], None], device: torch.device) -> float:
    _wait(device)
    started = time.perf_counter()
    for _ in range(_TIMES):
        work()
    _wait(device)
    return time.perf_counter() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
