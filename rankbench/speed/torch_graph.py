"""The baselines of graph propagation: LightGCN with torch's own sparse matrices.

*published* multiplies with a sparse tensor of coordinates and leaves its gradient to torch; *plain* multiplies with
compressed rows and knows that the matrix is symmetric, so that its gradient is the same product.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.speed.torch_step import Propagate

CPU = torch.device("cpu")

Product = Callable[[Tensor], Tensor]
"""From (U + I, d) to A times it."""


def published_product(train: Interactions, device: torch.device = CPU) -> Product:
    """Return the product with the normalised adjacency A of the user-item graph as a sparse tensor of coordinates."""
    adjacency = _coordinates(train).to(device)
    return lambda vec: torch.sparse.mm(adjacency, vec)  # (U + I, d)


def plain_product(train: Interactions, device: torch.device = CPU) -> Product:
    """Return the product with A as compressed rows."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        rows = _coordinates(train).to_sparse_csr().to(device)

    def product(vec: Tensor) -> Tensor:
        out: Tensor = _Symmetric.apply(vec, rows)  # type: ignore[no-untyped-call]
        return out  # (U + I, d)

    return product


def propagation(product: Product, layers: int) -> Propagate:
    """Return LightGCN's propagation with a product: the mean over the layers."""

    def propagate(user: Tensor, item: Tensor) -> tuple[Tensor, Tensor]:
        layer = torch.cat([user, item])  # (U + I, d)
        every = [layer]
        for _ in range(layers):
            layer = product(layer)  # (U + I, d)
            every.append(layer)
        mean = torch.stack(every, dim=1).mean(dim=1)  # (U + I, d)
        return mean[: len(user)], mean[len(user) :]

    return propagate


def _coordinates(train: Interactions) -> Tensor:
    user, item = train.users.astype(np.int64), train.items.astype(np.int64) + train.n_users  # (nnz,) each
    degree = np.concatenate([train.user_counts, train.item_counts])  # (U + I,)
    weight = 1 / np.sqrt(degree[user] * degree[item])  # (nnz,)
    index = np.concatenate([np.stack([user, item]), np.stack([item, user])], axis=1)  # (2, 2 nnz)
    value = np.concatenate([weight, weight]).astype(np.float32)  # (2 nnz,)
    shape = (len(degree), len(degree))
    matrix = torch.sparse_coo_tensor(torch.from_numpy(index), torch.from_numpy(value), shape, check_invariants=False)
    coalesced: Tensor = matrix.coalesce()  # (U + I, U + I)
    return coalesced


class _Symmetric(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, vec: Tensor, rows: Tensor) -> Tensor:
        ctx.rows = rows
        out: Tensor = torch.sparse.mm(rows, vec)  # (U + I, d)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return torch.sparse.mm(ctx.rows, grads[0]), None
