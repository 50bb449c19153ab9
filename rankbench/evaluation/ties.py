"""Ties at the end of a list: places that another item of the same score could have taken."""

from __future__ import annotations

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from rankbench.evaluation.metrics import KS
from rankbench.parallel import over_rows
from rankbench.prefetch import prefetch_row


def tie_rate(
    user_vec: Tensor, item_vec: Tensor, users: NDArray[np.int64], top: NDArray[np.int32], ends: tuple[int, ...] = KS
) -> NDArray[np.float64]:
    """Return the share of each list's items whose score is that of the first item left out, (n, len(ends)) float64.

    Scores are inner products as ranking compares them: added up in float64, rounded to float32.

    Args:
        user_vec: (U, d) float, user vectors.
        item_vec: (I, d) float, item vectors.
        users: (n,) int64, the users.
        top: (n, L) int32, the best items, more of them than the last cut-off.
        ends: the cut-offs K, ascending.
    """
    query = user_vec.detach()[torch.from_numpy(users).to(user_vec.device)].float().cpu().numpy()  # (n, d)
    items = item_vec.detach().float().cpu().numpy()  # (I, d)
    out = np.zeros((len(top), len(ends)))  # (n, C)
    over_rows(_count_ties, len(top), query, items, top, np.array(ends), out)
    return out


@njit(cache=True, nogil=True)
def _count_ties(start, stop, query, items, top, ends, out):  # type: ignore[no-untyped-def]
    for b in range(start, stop):
        for K in ends:  # all vectors are asked for before the first is waited for
            prefetch_row(items, top[b, K], items.shape[1])
            prefetch_row(items, top[b, K - 1], items.shape[1])
        for c in range(len(ends)):
            K = ends[c]
            if top[b, K] < 0:
                continue  # nothing that could be ranked is left out
            last, tied = _score(query[b], items[top[b, K]]), 0
            while tied < K and _score(query[b], items[top[b, K - 1 - tied]]) == last:
                tied += 1
            out[b, c] = tied / K


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _score(query, item):  # type: ignore[no-untyped-def]
    total = 0.0
    for k in range(len(query)):
        total += np.float64(query[k]) * np.float64(item[k])
    return np.float32(total)
