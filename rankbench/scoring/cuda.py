"""Scores on a CUDA device: by kernels in Triton, or by a product with all items for catalogues that are small.

Where Triton does not work, `plain` does it in torch. With `set_deterministic` the gradients of items are sorted by item
and added up in that order; otherwise by atomics, whose order is any. Every route also runs on the CPU, the kernels
through Triton's interpreter: that is how they are tested where there is no GPU.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rankbench.device import deterministic, uses_triton
from rankbench.scoring import plain
from rankbench.scoring.rounding import rounded, stored
from rankbench.scoring.trial import faster

DENSE_ITEMS_A_NEGATIVE = 8
"""Up to about this many items a negative a product with all items should beat gathering. A prediction: at the rates of
an H100 gathering reads 4 d bytes a negative from the second cache at 4 TB/s, and the product has 2 d operations an item
at 50 TFLOP/s and writes and reads 4 bytes."""

OPEN = 4
"""Up to so many times as few or as many items the prediction may be wrong, so both are tried (`route_of`)."""

_faster: dict[tuple[torch.device, int, int], str] = {}
"""The faster route that was found for a device, so many items and so many negatives."""


def products(query: Tensor, item_vec: Tensor, item: Tensor, precision: str = "fp32") -> Tensor:
    """Return the inner products (B, M) of each query (B, d) with its own items (B, M) int32, with exact gradients."""
    sizes = (item_vec.device, len(item_vec), item.shape[1])
    if _is_open(*sizes, precision) and sizes not in _faster and not _capturing(item_vec.device):
        _faster[sizes] = faster({"gather": gathered, "dense": dense}, sizes[0], *item.shape, *item_vec.shape)
    out: Tensor = {"gather": gathered, "dense": dense, "plain": plain.products}[route_of(*sizes, precision)](
        query, item_vec, item, precision
    )
    return out  # (B, M)


def route_of(device: torch.device, n_items: int, n_negatives: int, precision: str = "fp32") -> str:
    """Return how products are computed on a CUDA device: "gather" or "dense" with Triton, "plain" without.

    Where the prediction leaves it open, both are tried when a process first meets the sizes, and the faster one is
    taken from then on. That may change the last bits from one process to the next, as the any order of atomics does
    from one step to the next; so nothing is tried, and all is gathered, where sums must have a fixed order. Nor in
    bfloat16, where a product with all items rounds the scores, too: then the prediction decides, the same everywhere.
    """
    if not uses_triton(device):
        return "plain"
    if deterministic():
        return "gather"
    predicted = "dense" if n_items <= DENSE_ITEMS_A_NEGATIVE * n_negatives else "gather"
    return _faster.get((device, n_items, n_negatives), predicted) if precision == "fp32" else predicted


def _is_open(device: torch.device, n_items: int, n_negatives: int, precision: str) -> bool:
    """Return whether it is to be found out which route is the faster one."""
    least, most = DENSE_ITEMS_A_NEGATIVE * n_negatives // OPEN, DENSE_ITEMS_A_NEGATIVE * n_negatives * OPEN
    close = least < n_items <= most
    return close and precision == "fp32" and uses_triton(device) and not deterministic()


def _capturing(device: torch.device) -> bool:
    """Return whether what is launched now is only recorded, so that nothing can be timed."""
    return device.type == "cuda" and torch.cuda.is_current_stream_capturing()


def gathered(query: Tensor, item_vec: Tensor, item: Tensor, precision: str = "fp32") -> Tensor:
    """Return the products (B, M) by kernels in Triton that gather."""
    out: Tensor = _Gathered.apply(query, item_vec, item, None, precision)[0]  # type: ignore[no-untyped-call]
    return out  # (B, M)


def gathered_with_cosine(query: Tensor, item_vec: Tensor, item: Tensor, pos: Tensor) -> tuple[Tensor, Tensor]:
    """Return the products (B, M) and, from the same pass, the cosines (B, M) of positives (B,) int64 with the items.

    The cosines carry no gradients.
    """
    out, cosine = _Gathered.apply(query, item_vec, item, pos, "fp32")  # type: ignore[no-untyped-call]
    return out, cosine  # (B, M), (B, M)


def dense(query: Tensor, item_vec: Tensor, item: Tensor, precision: str = "fp32") -> Tensor:
    """Return the products (B, M), gathered from those of the queries with all items; bfloat16 ones in tensor cores."""
    dtype = stored(item_vec.detach(), precision).dtype
    scores = query.to(dtype) @ item_vec.to(dtype).t()  # (B, I)
    return scores.gather(1, item.long()).to(query.dtype)  # (B, M)


class _Gathered(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, query: Tensor, item_vec: Tensor, item: Tensor, pos: Tensor | None, precision: str
    ) -> tuple[Tensor, Tensor | None]:
        from rankbench.scoring import triton_gather

        query, item_vec = rounded(query, precision).contiguous(), stored(item_vec, precision).contiguous()
        item = item.contiguous()  # (B, M)
        ctx.save_for_backward(query, item_vec, item)
        if pos is None:
            return triton_gather.forward(query, item_vec, item), None
        out, cosine = triton_gather.forward_with_cosine(query, pos, item_vec, item)  # (B, M), (B, M)
        ctx.mark_non_differentiable(cosine)
        return out, cosine

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        from rankbench.scoring import triton_gather

        query, item_vec, item = ctx.saved_tensors
        of_query, of_item, *_ = ctx.needs_input_grad
        grad = grads[0].contiguous()  # (B, M)
        found = triton_gather.gradients(query, item_vec, item, grad, of_query, of_item, deterministic())
        return *found, None, None, None
