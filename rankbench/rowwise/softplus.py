"""The sum of log(1 + e^x) over each row, a smooth version of that of its positive entries."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import softplus

from rankbench.rowwise.exponentials import array_of
from rankbench.rowwise.kernels import softened


def sum_of_softplus(x: Tensor) -> Tensor:
    r"""Return $\sum_j \log(1 + e^{x_j})$ (B,) of each row (B, N), with its gradient $\sigma(x)$."""
    out: Tensor = _SumOfSoftplus.apply(x)  # type: ignore[no-untyped-call]
    return out  # (B,)


@torch.no_grad()
def softplus_and_slope(x: Tensor) -> tuple[Tensor, Tensor]:
    r"""Return the sums (B,) of $\log(1 + e^{x_j})$ over rows (B, N), and $\sigma(x)$ (B, N), without gradients."""
    if x.device.type != "cpu" or x.dtype != torch.float32:
        return softplus(x).sum(dim=1), torch.sigmoid(x)  # (B,), (B, N)
    total, slope = x.new_empty(len(x)), torch.empty_like(x, memory_format=torch.contiguous_format)  # (B,), (B, N)
    softened(array_of(x), total.numpy(), slope.numpy())
    return total, slope


class _SumOfSoftplus(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total, slope = softplus_and_slope(x)  # (B,), (B, N)
        ctx.save_for_backward(x, slope)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        x, slope = ctx.saved_tensors  # (B, N), (B, N)
        # The gradient may be differentiated itself.
        gradient: Tensor = (torch.sigmoid(x) if torch.is_grad_enabled() else slope) * grads[0][:, None]  # (B, N)
        return gradient
