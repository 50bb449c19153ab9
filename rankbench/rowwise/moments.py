"""Rows made comparable: by their mean and standard deviation."""

import numpy as np
import torch
from torch import Tensor

from rankbench.rowwise.kernels import standardised


def standardise(x: Tensor, floor: float) -> Tensor:
    """Return `x` with mean 0 and standard deviation 1 along its last dimension.

    Args:
        x: (..., N) float.
        floor: least standard deviation to divide by, so that a row that is constant but for rounding becomes 0.
    """
    differentiable = x.requires_grad and torch.is_grad_enabled()
    if x.device.type == "cpu" and x.dtype == torch.float32 and x.dim() == 2 and not differentiable:
        out = torch.empty_like(x, memory_format=torch.contiguous_format)  # (B, N)
        standardised(x.detach().contiguous().numpy(), np.float32(floor), out.numpy())
        return out
    centred = x - x.mean(dim=-1, keepdim=True)  # (..., N)
    std = centred.square().mean(dim=-1, keepdim=True).sqrt()  # (..., 1)
    return centred / std.clamp_min(floor)  # (..., N)
