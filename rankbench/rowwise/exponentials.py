"""Sums of exponentials of each row, with gradients that take none of them again."""

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from rankbench.device import uses_triton
from rankbench.rowwise.kernels import gradient_of_gaps, of_gaps, of_rows


def log_sum_exp(x: Tensor) -> Tensor:
    r"""Return $\log \sum_j e^{x_j}$ (B,) of each row (B, N), with its gradient $\mathrm{softmax}(x)$.

    As `torch.logsumexp`, but the exponentials are taken once, not again for the gradient.
    """
    out: Tensor = _LogSumExp.apply(x)  # type: ignore[no-untyped-call]
    return out  # (B,)


def log_sum_exp_of_gaps(neg: Tensor, pos: Tensor, sharpness: Tensor | float, offset: Tensor | None = None) -> Tensor:
    r"""Return $\log \sum_j e^{\beta (s_j - s_i) + o_j}$ (B,) of each row, what most softmax losses are made of.

    It is `log_sum_exp` of the gaps, but they are not stored: the scores are read once and their gradient is
    written once.

    Args:
        neg: (B, N) float, the $s_j$.
        pos: (B,) float, the $s_i$.
        sharpness: $\beta$, one number or (B,).
        offset: (B, N) float, the $o_j$; none are 0.
    """
    beta = sharpness if isinstance(sharpness, Tensor) else pos.new_full(pos.shape, sharpness)  # (B,)
    constant = not beta.requires_grad and (offset is None or not offset.requires_grad)
    fused = neg.device.type == "cpu" or uses_triton(neg.device)
    if constant and fused and neg.dtype == pos.dtype == torch.float32:
        out: Tensor = _OfGaps.apply(neg, pos, beta.float(), offset)  # type: ignore[no-untyped-call]
        return out  # (B,)
    return log_sum_exp(_shifted(neg, pos, beta, offset))  # (B,)


def _shifted(neg: Tensor, pos: Tensor, beta: Tensor, offset: Tensor | None) -> Tensor:
    gap = (neg - pos[:, None]) * beta[:, None]  # (B, N)
    return gap if offset is None else gap + offset  # (B, N)


class _LogSumExp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        value, *kept = _exponentials(x)  # (B,), (B, N), (B,)
        ctx.save_for_backward(x, *kept)
        return value

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        x, exponential, weight = ctx.saved_tensors  # (B, N), (B, N), (B,)
        if torch.is_grad_enabled():  # this gradient is to be differentiated itself
            return torch.softmax(x, dim=1) * grads[0][:, None]  # (B, N)
        gradient: Tensor = exponential * (weight * grads[0])[:, None]  # (B, N)
        return gradient


class _OfGaps(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, neg: Tensor, pos: Tensor, beta: Tensor, offset: Tensor | None) -> Tensor:
        of = _of_gaps_by_triton if uses_triton(neg.device) else _of_gaps
        exponential, value, weight = of(neg, pos, beta, offset)  # (B, N), (B,), (B,)
        ctx.save_for_backward(neg, pos, beta, offset, exponential, weight)
        return value

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        neg, pos, beta, offset, exponential, weight = ctx.saved_tensors
        slope = grads[0] * beta  # (B,)
        if torch.is_grad_enabled():  # this gradient is to be differentiated itself
            gradient = torch.softmax(_shifted(neg, pos, beta, offset), dim=1) * slope[:, None]  # (B, N)
            return gradient, -gradient.sum(dim=1), None, None
        if neg.device.type == "cpu":
            return *_gradient_of_gaps(exponential, weight, slope), None, None
        return exponential * (weight * slope)[:, None], torch.where(weight > 0, -slope, 0), None, None


def _of_gaps(neg: Tensor, pos: Tensor, beta: Tensor, offset: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Return the exponentials (B, N), the log-sum-exp (B,) and what makes the former add up to 1 (B,)."""
    exponential, value, weight = torch.empty_like(neg), torch.empty_like(pos), torch.empty_like(pos)
    rows = None if offset is None else array_of(offset)  # (B, N)
    arrays = (array_of(neg), array_of(pos), array_of(beta), rows, exponential.numpy(), value.numpy(), weight.numpy())
    of_gaps(*arrays)
    return exponential, value, weight


def _gradient_of_gaps(exponential: Tensor, weight: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients of negatives (B, N) and positives (B,), in one call: see `array_of`."""
    of_neg, of_pos = torch.empty_like(exponential), torch.empty_like(weight)  # (B, N), (B,)
    gradient_of_gaps(*map(array_of, (exponential, weight, slope, of_neg, of_pos)))
    return of_neg, of_pos


def _of_gaps_by_triton(neg: Tensor, pos: Tensor, beta: Tensor, offset: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    from rankbench.rowwise import triton_gaps

    return triton_gaps.of_gaps(neg, pos, beta, offset)


def _exponentials(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the log-sum-exp (B,), exponentials (B, N) and what makes these add up to 1 (B,); 0 in a row of -inf."""
    if x.device.type != "cpu" or x.dtype != torch.float32:
        largest = x.amax(dim=1)  # (B,)
        shift = torch.where(largest.isinf(), 0, largest)  # (B,) a row of -inf stays one
        exponential = (x - shift[:, None]).exp_()  # (B, N)
        total = exponential.sum(dim=1)  # (B,)
        return total.log() + shift, exponential, torch.where(total > 0, 1 / total, 0)
    exponential = torch.empty_like(x, memory_format=torch.contiguous_format)  # (B, N)
    value, weight = x.new_empty(len(x)), x.new_empty(len(x))  # (B,), (B,)
    of_rows(array_of(x), exponential.numpy(), value.numpy(), weight.numpy())
    return value, exponential, weight


def array_of(tensor: Tensor) -> NDArray[Any]:
    """Return the numbers of a tensor on the CPU, row after row, without gradients.

    Every call of torch gives the interpreter away and waits until it gets it back, so none is made without need.
    """
    plain = tensor.detach() if tensor.requires_grad else tensor
    array: NDArray[Any] = (plain if plain.is_contiguous() else plain.contiguous()).numpy()
    return array
