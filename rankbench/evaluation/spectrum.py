"""How many directions the scores of a model really have."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rankbench.parallel import over_blocks

_AT_ONCE, _BLOCK = 2**17, 2**12
"""Vectors that are widened at once on a device, and by one thread of the CPU."""


def effective_rank(user_vec: Tensor, item_vec: Tensor) -> float:
    r"""Return $\exp(-\sum_k p_k \ln p_k)$ with $p_k$ the shares of the singular values of all scores $U V^\top$.

    Between 1, every user has the same ranking or its reverse, and d. Those values squared are the eigenvalues of
    $(U^\top U)^{1/2} V^\top V (U^\top U)^{1/2}$, so no score is computed. NaN where vectors are not finite or all 0.
    Roy, Vetterli: The effective rank, EUSIPCO 2007.

    Args:
        user_vec: (U, d) float, user vectors.
        item_vec: (I, d) float, item vectors.
    """
    gram, other = _gram(user_vec), _gram(item_vec)  # (d, d), (d, d)
    if not (gram.isfinite().all() and other.isfinite().all()):
        return math.nan
    size, axes = torch.linalg.eigh(gram)  # (d,), (d, d)
    root = axes * size.clamp(min=0).sqrt() @ axes.t()  # (d, d)
    singular = torch.linalg.eigvalsh(root @ other @ root).clamp(min=0).sqrt()  # (d,)
    share = singular / singular.sum()  # (d,)
    return float(torch.exp(torch.special.entr(share).sum())) if singular.sum() > 0 else math.nan


def _gram(vectors: Tensor) -> Tensor:
    """Return the inner products (d, d) float64 of the columns of vectors (n, d), added up where the vectors are."""
    if vectors.device.type == "cpu":
        return _gram_on_cpu(vectors.detach())  # (d, d)
    blocks = (block.double() for block in torch.split(vectors.detach(), _AT_ONCE))  # (b, d) each
    zero = vectors.new_zeros(vectors.shape[1], vectors.shape[1], dtype=torch.float64)  # (d, d)
    return sum((block.t() @ block for block in blocks), zero).cpu()  # (d, d)


def _gram_on_cpu(vectors: Tensor) -> Tensor:
    """Return the same by all threads: the products of blocks, added up in their order."""
    n, d = vectors.shape
    parts = torch.zeros(-(-n // _BLOCK), d, d, dtype=torch.float64)  # (blocks, d, d)

    def block(start: int, stop: int) -> None:
        wide = vectors[start:stop].double()  # (b, d)
        torch.mm(wide.t(), wide, out=parts[start // _BLOCK])

    over_blocks(block, n, _BLOCK)
    return parts.sum(dim=0)  # (d, d)
