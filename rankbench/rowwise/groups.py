"""Sums of exponentials over groups of entries, such as the rows of a batch that have the same user."""

import math

from torch import Tensor


def log_mean_by_group(x: Tensor, group: Tensor, n_groups: int) -> Tensor:
    """Return the logarithm (V,) of the mean of exp(x) over the entries (B,) of each group, NaN for an empty one."""
    largest = x.new_full((n_groups,), -math.inf).scatter_reduce(0, group, x.detach(), "amax")  # (V,)
    total = x.new_zeros(n_groups).index_add(0, group, (x - largest[group]).exp())  # (V,)
    count = x.new_zeros(n_groups).index_add(0, group, x.new_ones(x.shape))  # (V,)
    return total.log() + largest - count.log()  # (V,)
