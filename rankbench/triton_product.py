"""Products with the user-item graph by kernels in Triton: sums over the neighbours of nodes, in a fixed order.

Nodes have from one to many thousand neighbours. Their edges are cut into pieces that one program each adds up, and the
pieces of a node are then added up in their order: the work is shared out evenly, and without atomics.
"""

from dataclasses import dataclass

import numpy as np
import torch
import triton
import triton.language as tl
from numpy.typing import NDArray
from torch import Tensor

_PIECE = 256
"""Edges in a piece at most."""

_NUMBERS = 2048
"""Numbers of vectors that a program holds: 32 neighbours of 64 dimensions."""


@dataclass(frozen=True, eq=False)
class Pieces:
    """A graph on a device, its edges cut into pieces.

    Args:
        edge: (pieces + 1,) int64, the first edge of each piece.
        first: (nodes + 1,) int64, the first piece of each node.
        neighbour: (edges,) int32, the other node of each edge.
        weight: (edges,) float32, the weight of each edge.
    """

    edge: Tensor
    first: Tensor
    neighbour: Tensor
    weight: Tensor

    @classmethod
    def of(
        cls, indptr: NDArray[np.int64], neighbour: Tensor, weight: Tensor, device: torch.device, piece: int = _PIECE
    ) -> "Pieces":
        """Return the pieces of the rows `indptr` (nodes + 1,)."""
        count = -(-np.diff(indptr) // piece)  # (nodes,) pieces
        first = np.concatenate([[0], np.cumsum(count)])  # (nodes + 1,)
        within = np.arange(first[-1]) - np.repeat(first[:-1], count)  # (pieces,)
        edge = np.append(np.repeat(indptr[:-1], count) + within * piece, indptr[-1])  # (pieces + 1,)
        edges, firsts = (torch.from_numpy(a).to(device) for a in (edge, first))
        return cls(edges, firsts, neighbour.to(device), weight.to(device))


def multiply(graph: Pieces, vec: Tensor, scale: float = 1.0, own: Tensor | None = None, c: float = 0.0) -> Tensor:
    """Return `scale` times the weighted sums (nodes, d) of the neighbours' vectors (m, d), plus `c` times `own`."""
    n_nodes, d = len(graph.first) - 1, vec.shape[1]
    block_d = triton.next_power_of_2(d)
    sizes = {"d": d, "BLOCK_E": max(1, _NUMBERS // block_d), "BLOCK_D": block_d}
    parts, out = vec.new_empty(len(graph.edge) - 1, d), vec.new_empty(n_nodes, d)  # (pieces, d), (nodes, d)
    if len(parts):
        _add_edges[(len(parts),)](graph.edge, graph.neighbour, graph.weight, vec, parts, **sizes)
    adds = own is not None and c != 0
    _add_pieces[(n_nodes,)](graph.first, parts, own if adds else out, out, scale, c, d=d, ADDS=adds, BLOCK_D=block_d)
    return out


@triton.jit
def _add_edges(edge, neighbour, weight, vec, parts, d: tl.constexpr, BLOCK_E: tl.constexpr, BLOCK_D: tl.constexpr):
    """Write the sum of a piece's edges."""
    piece = tl.program_id(0).to(tl.int64)
    k = tl.arange(0, BLOCK_D)  # (block d,)
    start, stop = tl.load(edge + piece), tl.load(edge + piece + 1)
    total = tl.zeros((BLOCK_E, BLOCK_D), parts.dtype.element_ty)  # (block edges, block d)
    for first in range(start, stop, BLOCK_E):
        e = first + tl.arange(0, BLOCK_E)  # (block edges,)
        w = tl.load(weight + e, mask=e < stop, other=0)  # (block edges,)
        node = tl.load(neighbour + e, mask=e < stop, other=0).to(tl.int64)  # (block edges,)
        inside = (e < stop)[:, None] & (k < d)[None, :]  # (block edges, block d)
        total += w[:, None] * tl.load(vec + node[:, None] * d + k[None, :], mask=inside, other=0)
    tl.store(parts + piece * d + k, tl.sum(total, axis=0), mask=k < d)


@triton.jit
def _add_pieces(first, parts, own, out, scale, c, d: tl.constexpr, ADDS: tl.constexpr, BLOCK_D: tl.constexpr):
    """Write the scaled sum of a node's pieces, in their order, and what is added to it."""
    node = tl.program_id(0).to(tl.int64)
    k = tl.arange(0, BLOCK_D)  # (block d,)
    total = tl.zeros((BLOCK_D,), out.dtype.element_ty)  # (block d,)
    for piece in range(tl.load(first + node), tl.load(first + node + 1)):
        total += tl.load(parts + piece * d + k, mask=k < d, other=0)
    total = (total * scale).to(out.dtype.element_ty)
    if ADDS:
        total += (tl.load(own + node * d + k, mask=k < d, other=0) * c).to(out.dtype.element_ty)
    tl.store(out + node * d + k, total, mask=k < d)
