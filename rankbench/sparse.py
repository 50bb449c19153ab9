"""The user-item graph and its sparse products: what graph backbones propagate with.

The graph is bipartite: A = [[0, R], [S, 0]] with a weight for each train pair in R (U, I) and another in S (I, U). With
the usual weights 1 / sqrt(|P_u| |P_i|) S is the transpose of R, so A is its own transpose and the gradient of a product
is the same product again.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.sparse_side import Side

Selection = tuple[Tensor | None, Tensor | None]
"""Some users (b,) and some items (b,) int64; None for all of them."""


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

    def product(self, vec: Tensor, users: Tensor | None = None, items: Tensor | None = None) -> Tensor:
        """Return A times the stacked user and item vectors (U + I, d), with gradients.

        Args:
            vec: (U + I, d) float, vectors.
            users, items: (b,) int64 each, those whose rows are wanted, where a step looks at no others: the rows of
                others are 0.
        """
        out: Tensor = _Product.apply(vec, self, users, items)  # type: ignore[no-untyped-call]
        return out  # (U + I, d)

    def aggregate(self, item_vec: Tensor, users: Tensor | None = None) -> Tensor:
        """Return R times the item vectors (I, d), with gradients; with powers 1 and 0 the mean of each user's items.

        Args:
            item_vec: (I, d) float, vectors of items.
            users: (b,) int64, those whose rows are wanted; the rows of others are 0.
        """
        out: Tensor = _Aggregate.apply(item_vec, self, users)  # type: ignore[no-untyped-call]
        return out  # (U, d)

    def polynomial(
        self, user: Tensor, item: Tensor, coefficients: Sequence[float], users: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        r"""Return the users' and the items' part of $\sum_l c_l A^l E$, with gradients.

        By Horner's rule, $Y \leftarrow A Y + c_l E$ from the last coefficient to the first: one pass over the graph a
        layer, and no layer is kept.

        Args:
            user, item: (U, d) and (I, d) float, the two parts of E.
            coefficients: c_0, c_1 ... c_L, at least two.
            users: (b,) int64, those whose rows are wanted, where a step looks at no others: the rows of others are 0,
                and the last pass forward and the first one back go over the edges of these users alone.
        """
        out: tuple[Tensor, Tensor] = _Polynomial.apply(user, item, self, tuple(coefficients), users)  # type: ignore[no-untyped-call]
        return out  # (U, d), (I, d)

    def multiply(self, vec: Tensor, rows: Selection = (None, None), given: Selection = (None, None)) -> Tensor:
        """Return what `product` does, without gradients: the rows of some, from the vectors of some."""
        out = torch.empty_like(vec)  # (U + I, d)
        user, item = self.parts(vec)  # (U, d), (I, d)
        to_users, to_items = self.parts(out)  # (U, d), (I, d)
        self.to_users.product(item, rows=rows[0], given=given[1], out=to_users)
        self.to_items.product(user, rows=rows[1], given=given[0], out=to_items)
        return out

    def parts(self, vec: Tensor) -> tuple[Tensor, Tensor]:
        """Return the users' part (U, d) and the items' part (I, d) of stacked vectors (U + I, d)."""
        return vec[: self.n_users], vec[self.n_users :]

    def evaluate(
        self,
        user: Tensor,
        item: Tensor,
        coefficients: Sequence[float],
        rows: Tensor | None = None,
        given: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return what `polynomial` does, without gradients: the rows of some users, from the vectors of some users."""
        *lower, scale = coefficients
        to_users, to_items = user, item  # (U, d), (I, d)
        for layer, c in enumerate(reversed(lower), 1):
            first, last = layer == 1, layer == len(lower)
            to_users, to_items = (
                self.to_users.product(to_items, scale, user, c, rows=rows if last else None, owners=given),
                self.to_items.product(to_users, scale, item, c, given=given if first else None),
            )
            scale = 1.0
        return to_users, to_items


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, vec: Tensor, graph: Graph, users: Tensor | None, items: Tensor | None) -> Tensor:
        ctx.graph, ctx.rows = graph, (users, items)
        return graph.multiply(vec.contiguous(), rows=ctx.rows)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        return ctx.graph.transposed.multiply(grads[0].contiguous(), given=ctx.rows), None, None, None


class _Polynomial(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, user: Tensor, item: Tensor, graph: Graph, coefficients: tuple[float, ...], users: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        ctx.graph, ctx.coefficients, ctx.users = graph, coefficients, users
        return graph.evaluate(user, item, coefficients, rows=users)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        return *ctx.graph.transposed.evaluate(*grads, ctx.coefficients, given=ctx.users), None, None, None


class _Aggregate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, item_vec: Tensor, graph: Graph, users: Tensor | None) -> Tensor:
        ctx.graph, ctx.users = graph, users
        return graph.to_users.product(item_vec, rows=users)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return ctx.graph.transposed.to_items.product(grads[0], given=ctx.users), None, None
