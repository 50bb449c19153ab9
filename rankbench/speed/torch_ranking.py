"""The baselines of an evaluation: ranking and measuring in plain torch and Python."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.evaluation.metrics import KS, METRICS
from rankbench.parallel import over_blocks

Means = dict[tuple[str, int], float]
"""Mean over the users by (metric, K)."""

PUBLISHED_KS = KS[1:]
"""The four K of the published evaluation, which ranks once for each; the engine has all of `KS` from one pass."""

_USERS = 1024
_PRODUCT_USERS, _PRODUCT_ITEMS = 128, 2048
"""Tile of the matrix product alone: large enough for its full rate, small enough that the buffer stays in cache."""


def published_evaluation(
    user_vec: Tensor, item_vec: Tensor, users: NDArray[np.int64], mask: Interactions, relevant: Interactions
) -> Means:
    """Return the means of all metrics as published code finds them: a pass for each K, metrics user by user.

    Scores go through a sigmoid first, as they do there.
    """
    means: Means = {}
    for K in PUBLISHED_KS:
        lists: list[list[int]] = []
        for _, scores in _blocks(user_vec, item_vec, users, mask, torch.sigmoid):
            lists += scores.topk(min(K, scores.shape[1]), dim=1).indices.tolist()
        sums = dict.fromkeys(METRICS, 0.0)
        for user, ranked in zip(users.tolist(), lists, strict=True):
            wanted = set(relevant.row(user).tolist())
            for name, value in _of_one_user(ranked, wanted, K).items():
                sums[name] += value
        means |= {(name, K): value / len(users) for name, value in sums.items()}
    return means


def _of_one_user(ranked: Sequence[int], wanted: set[int], K: int) -> dict[str, float]:
    hits = [item in wanted for item in ranked]
    gain = sum(1 / math.log2(rank + 2) for rank, hit in enumerate(hits) if hit)
    best = sum(1 / math.log2(rank + 2) for rank in range(min(K, len(wanted))))
    found = sum(hits)
    return {
        "ndcg": gain / best,
        "recall": found / len(wanted),
        "precision": found / K,
        "hit_rate": float(found > 0),
        "mrr": 1 / (hits.index(True) + 1) if found else 0.0,
    }


def plain_evaluation(
    user_vec: Tensor, item_vec: Tensor, users: NDArray[np.int64], mask: Interactions, relevant: Interactions
) -> Means:
    """Return the means of all metrics by straightforward torch: one pass, `topk` once, metrics on whole arrays."""
    hits = [
        _marked(scores.topk(min(max(KS), scores.shape[1]), dim=1).indices, rows, relevant)
        for rows, scores in _blocks(user_vec, item_vec, users, mask)
    ]
    found = np.concatenate(hits)  # (n, max K)
    n_relevant = relevant.user_counts[users]  # (n,)
    return {(name, K): float(metric(found, n_relevant, K).mean()) for name, metric in METRICS.items() for K in KS}


def matrix_product(user_vec: Tensor, item_vec: Tensor, users: NDArray[np.int64]) -> None:
    """Multiply the vectors of the users with those of all items, into a buffer a thread, on the engine's threads."""
    query, own = user_vec[torch.from_numpy(users)], threading.local()  # (n, d)

    def block(start: int, stop: int) -> None:
        if not hasattr(own, "buffer"):
            own.buffer = torch.empty(_PRODUCT_USERS * _PRODUCT_ITEMS)
        for first in range(0, len(item_vec), _PRODUCT_ITEMS):
            items = item_vec[first : first + _PRODUCT_ITEMS]  # (items, d)
            out = own.buffer[: (stop - start) * len(items)].view(stop - start, len(items))  # (rows, items)
            torch.mm(query[start:stop], items.t(), out=out)

    over_blocks(block, len(users), _PRODUCT_USERS)


def _blocks(
    user_vec: Tensor,
    item_vec: Tensor,
    users: NDArray[np.int64],
    mask: Interactions,
    activation: Callable[[Tensor], Tensor] = lambda scores: scores,
) -> Iterator[tuple[NDArray[np.int64], Tensor]]:
    """Yield blocks of users (rows,) with their scores (rows, I), activated and masked."""
    for start in range(0, len(users), _USERS):
        rows = users[start : start + _USERS]  # (rows,)
        scores = activation(user_vec[torch.from_numpy(rows)] @ item_vec.t())  # (rows, I)
        scores[_pairs(rows, mask)] = -torch.inf
        yield rows, scores


def _marked(ranked: Tensor, rows: NDArray[np.int64], relevant: Interactions) -> NDArray[np.bool_]:
    """Return which ranked items (rows, K) are relevant."""
    table = torch.zeros(len(rows), relevant.n_items, dtype=torch.bool)  # (rows, I)
    table[_pairs(rows, relevant)] = True
    marked: NDArray[np.bool_] = table.gather(1, ranked).numpy()  # (rows, K)
    return marked


def _pairs(rows: NDArray[np.int64], of: Interactions) -> tuple[Tensor, Tensor]:
    """Return the places (n,), (n,) of the users' interactions in a block of the users."""
    counts = of.user_counts[rows]  # (rows,)
    first = np.cumsum(counts) - counts  # (rows,)
    place = np.arange(int(counts.sum())) + np.repeat(of.indptr[rows] - first, counts)  # (n,)
    return torch.from_numpy(np.repeat(np.arange(len(rows)), counts)), torch.from_numpy(of.items[place].astype(np.int64))
