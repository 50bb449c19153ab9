"""Rows made comparable: by their mean and standard deviation."""

from torch import Tensor


def standardise(x: Tensor, floor: float) -> Tensor:
    """Return `x` with mean 0 and standard deviation 1 along its last dimension.

    Args:
        x: (..., N) float.
        floor: least standard deviation to divide by, so that a row that is constant but for rounding becomes 0.
    """
    centred = x - x.mean(dim=-1, keepdim=True)  # (..., N)
    std = centred.square().mean(dim=-1, keepdim=True).sqrt()  # (..., 1)
    return centred / std.clamp_min(floor)  # (..., N)
