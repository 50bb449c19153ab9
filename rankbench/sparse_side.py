"""One half of the user-item graph and its products: sums over the neighbours of nodes, each by one thread."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, cast

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from rankbench.device import uses_triton
from rankbench.parallel import over_rows
from rankbench.prefetch import prefetch_row

_FAST = {"reassoc", "contract", "nsz"}

_AHEAD = 16
"""Neighbours between the one whose vector is added and the one whose vector is asked for."""

_NONE = np.zeros(0, np.bool_)
"""In the place of marks: they are not looked at, as all nodes have one."""


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

    def product(
        self,
        vec: Tensor,
        scale: float = 1.0,
        own: Tensor | None = None,
        c: float = 0.0,
        rows: Tensor | None = None,
        given: Tensor | None = None,
        owners: Tensor | None = None,
        out: Tensor | None = None,
    ) -> Tensor:
        """Return `scale` times the product with the other side's vectors, plus `c` times the nodes' own: (n, d).

        Args:
            vec: (m, d) float, vectors of the other side.
            scale, c: factors.
            own: (n, d) float, vectors of this side.
            rows: (b,) int64, the nodes that are wanted; the rows of others are 0.
            given: (b,) int64, the nodes of the other side whose vectors count; those of others count as 0.
            owners: (b,) int64, the nodes of this side whose own vectors count; likewise.
            out: (n, d) float, where to write.
        """
        own = own.detach().contiguous() if own is not None and c else None  # (n, d)
        vec = vec.detach().contiguous()  # (m, d)
        if vec.device.type != "cpu" or uses_triton(vec.device):
            own = None if own is None else _kept(own, owners)  # (n, d)
            found = _kept(self._on(_kept(vec, given), scale, own, c), rows)  # (n, d)
            return found if out is None else out.copy_(found)
        if out is None:
            out = vec.new_empty(len(self.indptr) - 1, vec.shape[1])  # (n, d)
        marks = [
            _marked(rows, len(out)),  # (n,)
            _NONE if given is None else _marked(given, len(vec)),  # (m,)
            _marked(owners, len(out)) if own is not None else np.zeros(len(out), np.bool_),  # (n,)
        ]
        arrays = (self.indptr, self.neighbour, self.weight, vec.numpy(), (out if own is None else own).numpy())
        factors = [vec.numpy().dtype.type(factor) for factor in (scale, c)]
        over_rows(_multiply(vec.shape[1]), len(out), *arrays, *marks, *factors, out.numpy())
        return out

    def _on(self, vec: Tensor, scale: float, own: Tensor | None, c: float) -> Tensor:
        """Return the whole product on another device."""
        if uses_triton(vec.device):
            return self._by_triton(vec, scale, own, c)  # (n, d)
        out = scale * (self._sparse(vec.device) @ vec)  # (n, d)
        return out if own is None else out.add_(own, alpha=c)

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


def _kept(vec: Tensor, node: Tensor | None) -> Tensor:
    """Return vectors (n, d) with all rows set to 0 but those of some nodes (b,); as they are if none are named."""
    if node is None:
        return vec
    return torch.zeros_like(vec).index_copy_(0, node, vec.index_select(0, node))  # (n, d)


def _marked(node: Tensor | None, n: int) -> NDArray[np.bool_]:
    """Return which of n nodes are among some (b,): (n,) bool; all if none are named."""
    if node is None:
        return np.ones(n, np.bool_)  # (n,)
    marks = np.zeros(n, np.bool_)  # (n,)
    marks[node.numpy()] = True
    return marks


@cache
def _multiply(d: int) -> Callable[..., None]:
    @njit(cache=True, nogil=True, fastmath=_FAST)
    def multiply(start, stop, indptr, neighbour, weight, vec, own, rows, given, owners, scale, c, out):  # type: ignore[no-untyped-def]
        """Write scale * (the product) + c * own to the rows; of what is given, if not all is, and of the owners."""
        everything = len(given) == 0
        for row in range(start, stop):
            o = out[row]
            for k in range(d):
                o[k] = 0
            if not rows[row]:
                continue
            e, end = indptr[row], indptr[row + 1]
            while everything and e + 4 <= end:  # four at a time, so that the sum is read and written less often
                if e + _AHEAD + 4 <= len(neighbour):
                    for a in range(e + _AHEAD, e + _AHEAD + 4):
                        prefetch_row(vec, neighbour[a], d)
                v0, v1, v2, v3 = vec[neighbour[e]], vec[neighbour[e + 1]], vec[neighbour[e + 2]], vec[neighbour[e + 3]]
                w0, w1, w2, w3 = weight[e], weight[e + 1], weight[e + 2], weight[e + 3]
                for k in range(d):
                    o[k] += w0 * v0[k] + w1 * v1[k] + w2 * v2[k] + w3 * v3[k]
                e += 4
            for rest in range(e, end):
                if everything and rest + _AHEAD < len(neighbour):
                    prefetch_row(vec, neighbour[rest + _AHEAD], d)
                if everything or given[neighbour[rest]]:
                    v, w = vec[neighbour[rest]], weight[rest]
                    for k in range(d):
                        o[k] += w * v[k]
            if owners[row]:
                x = own[row]
                for k in range(d):
                    o[k] = scale * o[k] + c * x[k]
            else:
                for k in range(d):
                    o[k] *= scale

    return cast(Callable[..., None], multiply)
