"""The fixed reference model: item vectors and tastes by which the lists of all models are judged alike.

The vectors are spectral: the leading singular vectors of the train matrix, normalised by the square roots of both
degrees, each item's scaled to length 1 (Ng, Jordan, Weiss: On spectral clustering, NIPS 2001). Tastes are clusters of
these by spherical k-means (Dhillon, Modha, Machine Learning 2001). Both depend on the train set and on nothing else, no
loss and no seed, so that lists of two models can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.randomness import bits, key
from rankbench.sparse import Graph

DIM = 32
"""Dimensions of the item vectors."""

TASTES = 20
"""Clusters of items; those without train interactions are one more."""

_BESIDE, _POWERS, _ROUNDS = 8, 8, 20
"""Vectors iterated beside those that are kept, power iterations, and rounds of k-means at most."""


@dataclass(frozen=True, eq=False)
class Reference:
    """What is known of the items whatever the model.

    Args:
        vectors: (I, DIM) float32 of length 1, of length 0 for items without train interactions.
        taste: (I,) int64, the cluster of each item, up to TASTES.
        history: (U, TASTES + 1) int64, how many train items of each cluster a user has.
    """

    vectors: NDArray[np.float32]
    taste: NDArray[np.int64]
    history: NDArray[np.int64]


@lru_cache(maxsize=2)
def reference(train: Interactions) -> Reference:
    """Return the reference of a train set; made once for each."""
    vectors = _spectral(train)  # (I, DIM)
    taste = np.full(train.n_items, TASTES)  # (I,)
    known = train.item_counts > 0  # (I,)
    taste[known] = _spherical_k_means(vectors[known], TASTES)
    cell = train.users * np.int64(TASTES + 1) + taste[train.items]  # (nnz,)
    history = np.bincount(cell, minlength=train.n_users * (TASTES + 1)).reshape(-1, TASTES + 1)  # (U, T)
    return Reference(vectors.astype(np.float32), taste, history)


def _spectral(train: Interactions) -> NDArray[np.float64]:
    """Return the leading right singular vectors (I, DIM) of the normalised train matrix, rows scaled to length 1."""
    graph, width = Graph(train), min(DIM + _BESIDE, train.n_items)
    basis = torch.from_numpy(_uniform(0, train.n_items * width).reshape(train.n_items, width) - 0.5)  # (I, width)
    for _ in range(_POWERS):
        basis = _orthonormal(graph.to_items.product(graph.to_users.product(basis.float())).double())  # (I, width)
    vectors = basis.numpy()[:, :DIM]  # (I, <= DIM)
    vectors[train.item_counts == 0] = 0
    length = np.linalg.norm(vectors, axis=1, keepdims=True)  # (I, 1)
    unit = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)  # (I, <= DIM)
    return np.pad(unit, ((0, 0), (0, DIM - unit.shape[1])))  # (I, DIM)


def _orthonormal(vectors: Tensor) -> Tensor:
    """Return orthonormal columns (I, width) that span those of `vectors`, longest first; 0 where they span less.

    They come from the eigenvectors of the small matrix of inner products, which is all that a power iteration needs."""
    size, axes = torch.linalg.eigh(vectors.t() @ vectors)  # (width,), (width, width), ascending
    known = size > 1e-12 * size[-1]  # (width,)
    scale = torch.where(known, size.clamp(min=1e-300).rsqrt(), 0)  # (width,)
    orthonormal: Tensor = (vectors @ (axes * scale)).flip(1)  # (I, width)
    return orthonormal


def _spherical_k_means(vectors: NDArray[np.float64], k: int) -> NDArray[np.int64]:
    """Return the cluster (n,) of each vector (n, d) of length 1, by cosine to the clusters' mean directions."""
    points = torch.from_numpy(vectors)  # (n, d)
    centre = _far_apart(points, k)  # (<= k, d)
    cluster = torch.full((len(points),), -1)  # (n,)
    for _ in range(_ROUNDS):
        before, cluster = cluster, (points @ centre.t()).argmax(dim=1)  # (n,)
        if torch.equal(before, cluster):
            break
        total = torch.zeros_like(centre).index_add_(0, cluster, points)  # (<= k, d)
        length = total.norm(dim=1, keepdim=True)  # (<= k, 1)
        centre = torch.where(length > 0, total / length, centre)  # (<= k, d)
    return cluster.numpy()


def _far_apart(points: Tensor, k: int) -> Tensor:
    """Return k of the vectors (k, d) as first centres, by k-means++ with fixed draws: far ones are likelier."""
    distance = torch.ones(len(points), dtype=torch.float64)  # (n,)
    chosen: list[int] = []
    for draw in _uniform(1, min(k, len(points))).tolist():
        mass = distance.cumsum(dim=0)  # (n,)
        place = int(torch.searchsorted(mass, draw * mass[-1], right=True))
        chosen.append(min(place, len(points) - 1))
        distance = torch.minimum(distance, (1 - points @ points[chosen[-1]]).clamp(min=0))  # (n,)
    return points[chosen]


def _uniform(counter: int, n: int) -> NDArray[np.float64]:
    """Return n fixed numbers (n,) in [0, 1)."""
    return (bits(key(0, "reference", counter), n) >> np.uint64(11)).astype(np.float64) * 2.0**-53
