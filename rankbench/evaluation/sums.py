"""Sums over the lists of all users up to every cut-off, in one pass: what metrics beyond accuracy are made of.

Lists are (n, L) int32, best first, -1 where there is no item; what lies behind the first -1 is none either.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from rankbench.evaluation.metrics import KS
from rankbench.parallel import over_blocks, over_rows, threads
from rankbench.prefetch import prefetch_row

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_AHEAD = 16
"""Items whose vectors are on their way while one is added."""


def summed(top: NDArray[np.int32], feature: Floats, ends: tuple[int, ...] = KS) -> Floats:
    """Return the sums (n, len(ends), F) float64 of the features (I, F) float64 of the first items of each list."""
    out = np.zeros((len(top), len(ends), feature.shape[1]))  # (n, C, F)
    over_rows(_summed, len(top), top, feature, np.array(ends), out)
    return out


def gained(top: NDArray[np.int32], hits: NDArray[np.bool_], gain: Floats, ends: tuple[int, ...] = KS) -> Floats:
    r"""Return $\sum_{r \le K} hit_r\, gain(L_r) / \log_2(r + 1)$ for each user and cut-off: (n, len(ends), H) float64.

    Args:
        top: (n, L) int32, the lists.
        hits: (n, L) bool, which of their items are relevant.
        gain: (I, H) float64, what a hit with each item is worth.
        ends: the cut-offs K, ascending.
    """
    out = np.zeros((len(top), len(ends), gain.shape[1]))  # (n, C, H)
    discount = 1 / np.log2(np.arange(2, top.shape[1] + 2))  # (L,)
    over_rows(_gained, len(top), top, hits, gain, discount, np.array(ends), out)
    return out


def counted(
    top: NDArray[np.int32], hits: NDArray[np.bool_], n_items: int, ends: tuple[int, ...] = KS
) -> tuple[Counts, Counts]:
    """Return how often each item is a hit, and in a list at all, up to each cut-off: (I, len(ends)) int64 each."""
    rows = max(-(-len(top) // threads()), 1)
    parts = np.zeros((-(-len(top) // rows), n_items, len(ends), 2), np.int32)  # (parts, I, C, 2)

    def part(start: int, stop: int) -> None:
        _counted(top[start:stop], hits[start:stop], np.array(ends), parts[start // rows])

    over_blocks(part, len(top), rows)
    found = parts.sum(axis=0, dtype=np.int64).cumsum(axis=1)  # (I, C, 2)
    return found[:, :, 0].copy(), found[:, :, 1].copy()


def diversity(top: NDArray[np.int32], vectors: NDArray[np.float32], ends: tuple[int, ...] = KS) -> Floats:
    r"""Return $1 - \cos$, averaged over the pairs of items in each list, (n, len(ends)) float64.

    For vectors of length 1, $2 \sum_{i < j} x_i x_j = |\sum_i x_i|^2 - \sum_i |x_i|^2$: no pair is looked at. NaN for
    lists of fewer than two items.

    Args:
        top: (n, L) int32, the lists.
        vectors: (I, d) float32, item vectors of length 1; one of length 0 has cosine 0 with all.
        ends: the cut-offs K, ascending.
    """
    out = np.full((len(top), len(ends)), np.nan)  # (n, C)
    over_rows(_diversity, len(top), top, vectors, np.array(ends), out)
    return out


@njit(cache=True, nogil=True)
def _summed(start, stop, top, feature, ends, out):  # type: ignore[no-untyped-def]
    total = np.empty(feature.shape[1])
    for b in range(start, stop):
        total[:] = 0
        r = 0
        for c in range(len(ends)):
            while r < min(ends[c], top.shape[1]) and top[b, r] >= 0:
                for f in range(len(total)):
                    total[f] += feature[top[b, r], f]
                r += 1
            out[b, c] = total


@njit(cache=True, nogil=True)
def _gained(start, stop, top, hits, gain, discount, ends, out):  # type: ignore[no-untyped-def]
    total = np.empty(gain.shape[1])
    for b in range(start, stop):
        total[:] = 0
        r = 0
        for c in range(len(ends)):
            while r < min(ends[c], top.shape[1]) and top[b, r] >= 0:
                if hits[b, r]:
                    for h in range(len(total)):
                        total[h] += discount[r] * gain[top[b, r], h]
                r += 1
            out[b, c] = total


@njit(cache=True, nogil=True)
def _counted(top, hits, ends, count):  # type: ignore[no-untyped-def]
    for b in range(len(top)):
        r = 0
        for c in range(len(ends)):
            while r < min(ends[c], top.shape[1]) and top[b, r] >= 0:
                count[top[b, r], c, 0] += hits[b, r]
                count[top[b, r], c, 1] += 1
                r += 1


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _diversity(start, stop, top, vectors, ends, out):  # type: ignore[no-untyped-def]
    mean = np.empty(vectors.shape[1], np.float32)
    for b in range(start, stop):
        mean[:] = 0
        r = 0
        known = np.float64(0)
        for c in range(len(ends)):
            while r < min(ends[c], top.shape[1]) and top[b, r] >= 0:
                prefetch_row(vectors, top[b, min(r + _AHEAD, top.shape[1] - 1)], len(mean))
                x = vectors[top[b, r]]
                own = known * 0
                for k in range(len(mean)):
                    mean[k] += x[k]
                    own += x[k] * x[k]
                known += own
                r += 1
            if r > 1:
                both = 0.0
                for k in range(len(mean)):
                    both += np.float64(mean[k]) * np.float64(mean[k])
                out[b, c] = 1 - (both - known) / (r * (r - 1))
