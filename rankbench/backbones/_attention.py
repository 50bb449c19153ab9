r"""Attention of users over their items: $h_u = \sum_{i \in P_u} a_{ui} x_i$, $a_{ui} \propto \exp(p_u^T k_i)$.

An edge has a weight, nothing is of shape (edges, d). A user's sums are added up by one thread in the order of the
items, an item's gradient in the order of the users, so threads change no bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.parallel import over_rows
from rankbench.rows_on import rows_on

_FAST = {"reassoc", "contract", "nsz"}


class Attention:
    """The edges of the train interactions, from both sides.

    Args:
        train: the interactions.
    """

    def __init__(self, train: Interactions) -> None:
        self.train = train
        self.edge = np.argsort(train.items, kind="stable")  # (nnz,) the edges item by item, in each user by user
        self.item_indptr = np.concatenate([[0], np.cumsum(train.item_counts)]).astype(np.int64)  # (I + 1,)
        self.item_users = train.users[self.edge]  # (nnz,)

    def pooled(self, query: Tensor, key: Tensor, value: Tensor, users: Tensor | None = None) -> Tensor:
        """Return the items of each user, weighed by attention (U, d), with gradients; 0 for users without items.

        Args:
            query: (U, d) float, vectors of users.
            key, value: (I, d) float, what users attend to and what they get.
            users: (b,) int64, those whose rows are wanted; the rows of others are 0. All if left out.
        """
        if query.device.type != "cpu":
            return self.pooled_by_torch(query, key, value)  # (U, d)
        out: Tensor = _Attend.apply(query, key, value, self, users)  # type: ignore[no-untyped-call]
        return out  # (U, d)

    def pooled_by_torch(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Return the same for all users, computed by torch on any device, which holds a vector for each edge."""
        U = len(query)
        user, item = rows_on(query.device, self.train).pairs(torch.arange(U, device=query.device))  # (nnz,), (nnz,)
        logit = (query.index_select(0, user) * key.index_select(0, item)).sum(dim=1)  # (nnz,)
        most = logit.new_full((U,), -torch.inf).scatter_reduce(0, user, logit.detach(), "amax")  # (U,)
        weight = torch.exp(logit - most.index_select(0, user))  # (nnz,)
        total = weight.new_zeros(U).index_add(0, user, weight)  # (U,)
        share = weight / total.index_select(0, user)  # (nnz,)
        return torch.zeros_like(query).index_add(0, user, share[:, None] * value.index_select(0, item))  # (U, d)

    def marked(self, users: Tensor | None) -> NDArray[np.bool_]:
        """Return which users are wanted (U,)."""
        marks = np.full(self.train.n_users, users is None)  # (U,)
        if users is not None:
            marks[users.numpy()] = True
        return marks


class _Attend(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, attention: Attention, users: Tensor | None
    ) -> Tensor:
        query, key, value = (vec.detach().contiguous() for vec in (query, key, value))  # (U, d), (I, d), (I, d)
        train, wanted = attention.train, attention.marked(users)  # (U,)
        share, out = query.new_empty(len(train)), torch.empty_like(query)  # (nnz,), (U, d)
        tensors = (query, key, value, share, out)
        over_rows(_attend, len(out), wanted, train.indptr, train.items, *(t.numpy() for t in tensors))
        ctx.attention, ctx.wanted = attention, wanted
        ctx.save_for_backward(query, key, value, share)
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        query, key, value, share = ctx.saved_tensors
        attention, train, grad = ctx.attention, ctx.attention.train, grads[0].contiguous()  # (U, d)
        of_logit, of_query = torch.empty_like(share), torch.empty_like(query)  # (nnz,), (U, d)
        tensors = (key, value, share, grad, of_logit, of_query)
        over_rows(_to_users, len(query), ctx.wanted, train.indptr, train.items, *(t.numpy() for t in tensors))
        of_key, of_value = torch.empty_like(key), torch.empty_like(value)  # (I, d), (I, d)
        edges = (attention.item_indptr, attention.item_users, attention.edge)
        tensors = (query, share, grad, of_logit, of_key, of_value)
        over_rows(_to_items, len(key), ctx.wanted, *edges, *(t.numpy() for t in tensors))
        return of_query, of_key, of_value, None, None


@njit(cache=True, nogil=True, fastmath=_FAST)
def _attend(start, stop, wanted, indptr, items, query, key, value, share, out):  # type: ignore[no-untyped-def]
    for u in range(start, stop):
        out[u] = 0
        first, end = indptr[u], indptr[u + 1]
        if not wanted[u] or first == end:
            continue
        most = -np.inf
        for e in range(first, end):
            share[e] = _dot(query[u], key[items[e]])
            most = max(most, share[e])
        total = 0.0
        for e in range(first, end):
            share[e] = np.exp(share[e] - most)
            total += share[e]
        for e in range(first, end):
            share[e] /= total
            _add(out[u], share[e], value[items[e]])


@njit(cache=True, nogil=True, fastmath=_FAST)
def _to_users(start, stop, wanted, indptr, items, key, value, share, grad, of_logit, of_query):  # type: ignore[no-untyped-def]
    """Write the gradients of the edges' logits, and those of the queries."""
    for u in range(start, stop):
        of_query[u] = 0
        if not wanted[u]:
            continue
        mean = 0.0
        for e in range(indptr[u], indptr[u + 1]):
            of_logit[e] = _dot(grad[u], value[items[e]])
            mean += share[e] * of_logit[e]
        for e in range(indptr[u], indptr[u + 1]):
            of_logit[e] = share[e] * (of_logit[e] - mean)
            _add(of_query[u], of_logit[e], key[items[e]])


@njit(cache=True, nogil=True, fastmath=_FAST)
def _to_items(start, stop, wanted, indptr, users, edge, query, share, grad, of_logit, of_key, of_value):  # type: ignore[no-untyped-def]
    for i in range(start, stop):
        of_key[i] = 0
        of_value[i] = 0
        for e in range(indptr[i], indptr[i + 1]):
            u = users[e]
            if wanted[u]:
                _add(of_key[i], of_logit[edge[e]], query[u])
                _add(of_value[i], share[edge[e]], grad[u])


@njit(cache=True, nogil=True, fastmath=_FAST, inline="always")
def _dot(a, b):  # type: ignore[no-untyped-def]
    total = a.dtype.type(0)
    for k in range(len(a)):
        total += a[k] * b[k]
    return total


@njit(cache=True, nogil=True, fastmath=_FAST, inline="always")
def _add(out, factor, vec):  # type: ignore[no-untyped-def]
    for k in range(len(out)):
        out[k] += factor * vec[k]
