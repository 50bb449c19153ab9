"""The user-item graph and its sparse product: what graph backbones propagate with.

The graph is bipartite and symmetric, A = [[0, R], [R^T, 0]], with R_ui = 1 / sqrt(|P_u| |P_i|) for the train pairs. A
product is therefore its own transpose, so its gradient is the same product again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.parallel import over_rows


class Graph:
    """The symmetrically normalised user-item graph of the train interactions.

    Args:
        train: the interactions.
    """

    def __init__(self, train: Interactions) -> None:
        self.n_users = train.n_users
        user, item = train.users, train.items
        by_item = np.argsort(item, kind="stable")  # (nnz,)
        degree = np.concatenate([train.user_counts, train.item_counts])  # (U + I,)
        self.indptr = np.concatenate([[0], np.cumsum(degree)]).astype(np.int64)  # (U + I + 1,)
        self.neighbour = np.concatenate([item + np.int32(train.n_users), user[by_item]]).astype(np.int32)  # (2 nnz,)
        scale = 1 / np.sqrt(np.maximum(degree, 1))  # (U + I,)
        node = np.repeat(np.arange(len(degree)), degree)  # (2 nnz,)
        self.weight = (scale[node] * scale[self.neighbour]).astype(np.float32)  # (2 nnz,)
        self._on_device: dict[torch.device, Tensor] = {}

    def product(self, vec: Tensor) -> Tensor:
        """Return A times the stacked user and item vectors (U + I, d), with gradients."""
        out: Tensor = _Product.apply(vec, self)  # type: ignore[no-untyped-call]
        return out  # (U + I, d)

    def multiply(self, vec: Tensor) -> Tensor:
        """Return A times `vec` (U + I, d), without gradients."""
        if vec.device.type != "cpu":
            return self._sparse(vec.device) @ vec  # (U + I, d)
        out = torch.empty_like(vec)  # (U + I, d)
        arrays = (self.indptr, self.neighbour, self.weight, vec.detach().contiguous().numpy(), out.numpy())
        over_rows(_multiply, len(vec), *arrays)
        return out

    def _sparse(self, device: torch.device) -> Tensor:
        if device not in self._on_device:
            node = np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))  # (2 nnz,)
            index = torch.from_numpy(np.stack([node, self.neighbour]))  # (2, 2 nnz)
            weight, size = torch.from_numpy(self.weight), (len(self.indptr) - 1,) * 2
            matrix = torch.sparse_coo_tensor(index, weight, size, check_invariants=False, is_coalesced=True)
            self._on_device[device] = matrix.to(device)
        return self._on_device[device]


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, vec: Tensor, graph: Graph) -> Tensor:
        ctx.graph = graph
        return graph.multiply(vec)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return ctx.graph.multiply(grads[0]), None


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _multiply(start, stop, indptr, neighbour, weight, vec, out):  # type: ignore[no-untyped-def]
    for row in range(start, stop):
        o = out[row]
        for k in range(vec.shape[1]):
            o[k] = 0
        for e in range(indptr[row], indptr[row + 1]):
            v, w = vec[neighbour[e]], weight[e]
            for k in range(vec.shape[1]):
                o[k] += w * v[k]
