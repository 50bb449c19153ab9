"""Random inputs of scores, and what they give as double loops in float64."""

import numpy as np
import torch
from torch import Tensor


def inputs(B: int, M: int, items: int, d: int, seed: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    rng = np.random.default_rng(seed)
    query = torch.from_numpy(rng.standard_normal((B, d))).to(dtype)  # (B, d)
    item_vec = torch.from_numpy(rng.standard_normal((items, d))).to(dtype)  # (I, d)
    item = torch.from_numpy(rng.integers(0, items, (B, M)).astype(np.int32))  # (B, M)
    grad = torch.from_numpy(rng.standard_normal((B, M))).to(dtype)  # (B, M)
    return query, item_vec, item, grad


def by_hand(query: Tensor, item_vec: Tensor, item: Tensor, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Products and gradients as double loops in float64."""
    query, item_vec, grad = query.double(), item_vec.double(), grad.double()
    out = torch.zeros(item.shape, dtype=torch.float64)
    grad_query, grad_item = torch.zeros_like(query), torch.zeros_like(item_vec)
    for b in range(len(query)):
        for j, i in enumerate(item[b].tolist()):
            out[b, j] = (query[b] * item_vec[i]).sum()
            grad_query[b] += grad[b, j] * item_vec[i]
            grad_item[i] += grad[b, j] * query[b]
    return out, grad_query, grad_item
