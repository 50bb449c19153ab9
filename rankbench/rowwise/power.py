"""The power mean of what each entry of a row exceeds a margin by, between its mean and its largest entry."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rankbench.rowwise.exponentials import array_of
from rankbench.rowwise.kernels import powered


def power_mean_of_excess(x: Tensor, margin: Tensor, weight: float, least: float, p: float) -> Tensor:
    r"""Return $M = (\mathrm{mean}_j e_j^p)^{1/p}$ (B,), $e_j = \epsilon + w \max(x_j - m, 0)$, of each row (B, N).

    No order overflows or vanishes.

    Args:
        x: (B, N) float.
        margin: (B,) float, the m of each row.
        weight: w, positive.
        least: $\epsilon$, positive.
        p: the order, positive.
    """
    if not _compiled(x):
        return _power_mean(x, margin, weight, least, p)  # (B,)
    out: Tensor = _PowerMean.apply(x, margin.float(), weight, least, p)  # type: ignore[no-untyped-call]
    return out  # (B,)


@torch.no_grad()
def fall_of_power_mean(x: Tensor, margin: Tensor, weight: float, least: float, p: float) -> Tensor:
    """Return by how much `power_mean_of_excess` falls as the margin rises, $-dM/dm$ (B,), without gradients."""
    if not _compiled(x):
        return _gradient(x, margin, weight, least, p).sum(dim=1)  # (B,)
    return _by_kernel(x, margin.float(), weight, least, p)[1].sum(dim=1)  # (B,)


def _compiled(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.dtype == torch.float32


def _by_kernel(x: Tensor, margin: Tensor, *numbers: float) -> tuple[Tensor, Tensor]:
    """Return the power means (B,) and their gradient (B, N)."""
    mean, gradient = x.new_empty(len(x)), torch.empty_like(x, memory_format=torch.contiguous_format)  # (B,), (B, N)
    weight, least, p = map(np.float32, numbers)
    powered(array_of(x), array_of(margin), weight, least, p, mean.numpy(), gradient.numpy())
    return mean, gradient


def _power_mean(x: Tensor, margin: Tensor, weight: float, least: float, p: float) -> Tensor:
    excess = least + weight * (x - margin[:, None]).relu()  # (B, N)
    return ((torch.logsumexp(p * excess.log(), dim=1) - math.log(x.shape[1])) / p).exp()  # (B,)


def _gradient(x: Tensor, margin: Tensor, weight: float, least: float, p: float) -> Tensor:
    share = (least + weight * (x - margin[:, None]).relu()) / _power_mean(x, margin, weight, least, p)[:, None]
    return weight / x.shape[1] * share.pow(p - 1) * (x > margin[:, None])  # (B, N)


class _PowerMean(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, margin: Tensor, *numbers: float) -> Tensor:
        mean, gradient = _by_kernel(x, margin, *numbers)  # (B,), (B, N)
        ctx.save_for_backward(x, margin, gradient)
        ctx.numbers = numbers
        return mean

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, margin, gradient = ctx.saved_tensors  # (B, N), (B,), (B, N)
        if torch.is_grad_enabled():  # this gradient is to be differentiated itself
            gradient = _gradient(x, margin, *ctx.numbers)  # (B, N)
        of_x = gradient * grads[0][:, None] if ctx.needs_input_grad[0] else None  # (B, N)
        of_margin = -gradient.sum(dim=1) * grads[0] if ctx.needs_input_grad[1] else None  # (B,)
        return of_x, of_margin, None, None, None
