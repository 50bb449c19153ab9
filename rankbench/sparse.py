"""The user-item graph and its sparse products: what graph backbones propagate with.

The graph is bipartite: A = [[0, R], [S, 0]] with a weight for each train pair in R (U, I) and another in S (I, U). With
the usual weights 1 / sqrt(|P_u| |P_i|) S is the transpose of R, so A is its own transpose and the gradient of a product
is the same product again.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.device import uses_triton
from rankbench.parallel import over_rows


class Graph:
    r"""The weighted user-item graph of the train interactions.

    $A_{ui} = |P_u|^{-\alpha} |P_i|^{-\beta}$ and $A_{iu} = |P_i|^{-\alpha} |P_u|^{-\beta}$ for the train pairs: what a
    node gets is divided by its own degree to the power of alpha, what it gives by its degree to the power of beta.

    Args:
        train: the interactions.
        alpha, beta: the two powers; 1/2 both is the symmetric normalisation, 1 and 0 the mean of the neighbours.
    """

    def __init__(self, train: Interactions, alpha: float = 0.5, beta: float = 0.5) -> None:
        self.train, self.n_users, self.alpha, self.beta = train, train.n_users, alpha, beta
        gets, gives = (
            [np.maximum(degree, 1.0) ** -power for degree in (train.user_counts, train.item_counts)]
            for power in (alpha, beta)
        )
        by_item = np.argsort(train.items, kind="stable")  # (nnz,)
        indptr = np.concatenate([[0], np.cumsum(train.item_counts)]).astype(np.int64)  # (I + 1,)
        self.to_users = Side(train.indptr, train.items, gets[0], gives[1])
        self.to_items = Side(indptr, train.users[by_item], gets[1], gives[0])

    @cached_property
    def transposed(self) -> Graph:
        """The graph of the transpose of A."""
        return self if self.alpha == self.beta else Graph(self.train, self.beta, self.alpha)

    def product(self, vec: Tensor) -> Tensor:
        """Return A times the stacked user and item vectors (U + I, d), with gradients."""
        out: Tensor = _Product.apply(vec, self)  # type: ignore[no-untyped-call]
        return out  # (U + I, d)

    def aggregate(self, item_vec: Tensor) -> Tensor:
        """Return R times the item vectors (I, d), with gradients; with powers 1 and 0 the mean of each user's items."""
        out: Tensor = _Aggregate.apply(item_vec, self)  # type: ignore[no-untyped-call]
        return out  # (U, d)

    def polynomial(self, user: Tensor, item: Tensor, coefficients: Sequence[float]) -> tuple[Tensor, Tensor]:
        r"""Return the users' and the items' part of $\sum_l c_l A^l E$, with gradients.

        By Horner's rule, $Y \leftarrow A Y + c_l E$ from the last coefficient to the first: one pass over the graph a
        layer, and no layer is kept.

        Args:
            user, item: (U, d) and (I, d) float, the two parts of E.
            coefficients: c_0, c_1 ... c_L, at least two.
        """
        out: tuple[Tensor, Tensor] = _Polynomial.apply(user, item, self, tuple(coefficients))  # type: ignore[no-untyped-call]
        return out  # (U, d), (I, d)

    def multiply(self, vec: Tensor) -> Tensor:
        """Return what `product` does, without gradients."""
        U = self.n_users
        return torch.cat([self.to_users.product(vec[U:]), self.to_items.product(vec[:U])])  # (U + I, d)

    def evaluate(self, user: Tensor, item: Tensor, coefficients: Sequence[float]) -> tuple[Tensor, Tensor]:
        """Return what `polynomial` does, without gradients."""
        *lower, scale = coefficients
        to_users, to_items = user, item  # (U, d), (I, d)
        for c in reversed(lower):
            to_users, to_items = (
                self.to_users.product(to_items, scale, user, c),
                self.to_items.product(to_users, scale, item, c),
            )
            scale = 1.0
        return to_users, to_items


class Side:
    """The rows of A of the users, or of the items: neighbours on the other side and their weights.

    Args:
        indptr: (n + 1,) int64, where the neighbours of each node begin.
        neighbour: (nnz,) int32, their ids on the other side.
        gets, gives: (n,) and (m,), the factors of a node's weight and of a neighbour's.
    """

    def __init__(
        self,
        indptr: NDArray[np.int64],
        neighbour: NDArray[np.int32],
        gets: NDArray[np.float64],
        gives: NDArray[np.float64],
    ) -> None:
        self.indptr, self.neighbour, self.n_others = indptr, neighbour, len(gives)
        self.weight = (np.repeat(gets, np.diff(indptr)) * gives[neighbour]).astype(np.float32)  # (nnz,)
        self._on_device: dict[torch.device, Any] = {}

    def product(self, vec: Tensor, scale: float = 1.0, own: Tensor | None = None, c: float = 0.0) -> Tensor:
        """Return `scale` times the product with the other side's `vec` (m, d), plus `c` times `own` (n, d): (n, d)."""
        if uses_triton(vec.device):
            own = own.detach().contiguous() if own is not None else None  # (n, d)
            return self._by_triton(vec.detach().contiguous(), scale, own, c)  # (n, d)
        if vec.device.type != "cpu":
            out = scale * (self._sparse(vec.device) @ vec)  # (n, d)
            return out if own is None or not c else out.add_(own, alpha=c)
        vec = vec.detach().contiguous()  # (m, d)
        out = vec.new_empty(len(self.indptr) - 1, vec.shape[1])  # (n, d)
        added = out if own is None or not c else own.detach().contiguous()  # (n, d)
        number = vec.numpy().dtype.type
        factors = (number(scale), added.numpy(), number(0 if added is out else c))
        over_rows(_multiply, len(out), self.indptr, self.neighbour, self.weight, vec.numpy(), *factors, out.numpy())
        return out

    def _by_triton(self, vec: Tensor, scale: float, own: Tensor | None, c: float) -> Tensor:
        from rankbench.triton_product import Pieces, multiply

        if vec.device not in self._on_device:
            edges = torch.from_numpy(self.neighbour), torch.from_numpy(self.weight)
            self._on_device[vec.device] = Pieces.of(self.indptr, *edges, vec.device)
        return multiply(self._on_device[vec.device], vec, scale, own, c)  # (n, d)

    def _sparse(self, device: torch.device) -> Tensor:
        """Return the weights as a sparse matrix (n, m) in compressed rows, for the library of sparse products."""
        if device not in self._on_device:
            arrays = (self.indptr, self.neighbour.astype(np.int64), self.weight)
            indptr, neighbour, weight = (torch.from_numpy(a).to(device) for a in arrays)
            size = (len(self.indptr) - 1, self.n_others)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # torch calls its own compressed rows a beta
                self._on_device[device] = torch.sparse_csr_tensor(
                    indptr, neighbour, weight, size, check_invariants=False
                )
        matrix: Tensor = self._on_device[device]
        return matrix


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, vec: Tensor, graph: Graph) -> Tensor:
        ctx.graph = graph
        return graph.multiply(vec.contiguous())

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return ctx.graph.transposed.multiply(grads[0].contiguous()), None


class _Polynomial(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, user: Tensor, item: Tensor, graph: Graph, coefficients: tuple[float, ...]
    ) -> tuple[Tensor, Tensor]:
        ctx.graph, ctx.coefficients = graph, coefficients
        return graph.evaluate(user, item, coefficients)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        return *ctx.graph.transposed.evaluate(*grads, ctx.coefficients), None, None


class _Aggregate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, item_vec: Tensor, graph: Graph) -> Tensor:
        ctx.graph = graph
        return graph.to_users.product(item_vec)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return ctx.graph.transposed.to_items.product(grads[0]), None


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _multiply(start, stop, indptr, neighbour, weight, vec, scale, own, c, out):  # type: ignore[no-untyped-def]
    """Write scale * (rows of the product) + c * own; four neighbours at a time, so that their vectors come together."""
    d = vec.shape[1]
    for row in range(start, stop):
        o = out[row]
        for k in range(d):
            o[k] = 0
        e, end = indptr[row], indptr[row + 1]
        while e + 4 <= end:
            v0, v1, v2, v3 = vec[neighbour[e]], vec[neighbour[e + 1]], vec[neighbour[e + 2]], vec[neighbour[e + 3]]
            w0, w1, w2, w3 = weight[e], weight[e + 1], weight[e + 2], weight[e + 3]
            for k in range(d):
                o[k] += w0 * v0[k] + w1 * v1[k] + w2 * v2[k] + w3 * v3[k]
            e += 4
        for rest in range(e, end):
            v, w = vec[neighbour[rest]], weight[rest]
            for k in range(d):
                o[k] += w * v[k]
        if c == 0:
            for k in range(d):
                o[k] *= scale
        else:
            x = own[row]
            for k in range(d):
                o[k] = scale * o[k] + c * x[k]
