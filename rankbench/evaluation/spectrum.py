"""How many directions the scores of a model really have."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def effective_rank(user_vec: Tensor, item_vec: Tensor) -> float:
    r"""Return $\exp(-\sum_k p_k \ln p_k)$ with $p_k$ the shares of the singular values of all scores $U V^\top$.

    Between 1, every user has the same ranking or its reverse, and d. Those values squared are the eigenvalues of
    $(U^\top U)^{1/2} V^\top V (U^\top U)^{1/2}$, so no score is computed. NaN where vectors are not finite or all 0.
    Roy, Vetterli: The effective rank, EUSIPCO 2007.

    Args:
        user_vec: (U, d) float, user vectors.
        item_vec: (I, d) float, item vectors.
    """
    of_users, of_items = (vec.detach().double().cpu() for vec in (user_vec, item_vec))  # (U, d), (I, d)
    gram, other = of_users.t() @ of_users, of_items.t() @ of_items  # (d, d), (d, d)
    if not (gram.isfinite().all() and other.isfinite().all()):
        return math.nan
    size, axes = torch.linalg.eigh(gram)  # (d,), (d, d)
    root = axes * size.clamp(min=0).sqrt() @ axes.t()  # (d, d)
    singular = torch.linalg.eigvalsh(root @ other @ root).clamp(min=0).sqrt()  # (d,)
    share = singular / singular.sum()  # (d,)
    return float(torch.exp(torch.special.entr(share).sum())) if singular.sum() > 0 else math.nan
