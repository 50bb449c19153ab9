"""Weights of negatives and what the strongest of them weigh: each row is read once and stays in the nearest cache."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numba import njit
from torch import Tensor

from rankbench.rowwise.exponentials import array_of, log_sum_exp
from rankbench.rowwise.kernels import LANES, MOST_SMALL, centred, log_sum_exp_of_row, log_sum_exp_of_small
from rankbench.rowwise.moments import standardise
from rankbench.rowwise.order import largest, places_of_largest, selects

Term = tuple[float, Tensor]
"""A factor and rows (B, N)."""


def log_weights(
    absolute: Sequence[Term], relative: Sequence[Term], bound: float, floor: float, spare: Tensor | None = None
) -> Tensor:
    r"""Return $\log \kappa$ (B, N) of weights whose mean in each row is 1, without gradients.

    $\kappa_j = e^{\omega_j} / \mathrm{mean}_l\, e^{\omega_l}$, where $\omega$ is the sum of all terms, each a factor
    times rows, clipped to $\pm$ `bound`.

    Args:
        absolute: terms whose rows are taken as they are.
        relative: terms whose rows are standardised first.
        bound: largest $|\omega|$.
        floor: least standard deviation to divide by.
        spare: (B, N) float, rows that nobody needs any more, none of them in a term but the first relative one: the
            result may take their place, which is still in the cache.
    """
    rows = [x for _, x in (*absolute, *relative)]
    plain = all(x.device.type == "cpu" and x.dtype == torch.float32 for x in rows)
    if plain and not absolute and len(relative) <= 2:
        (factor, x), *others = relative
        out = torch.empty(x.shape) if spare is None or not _takes(spare, x) else spare  # (B, N)
        other, second = (array_of(others[0][1]), others[0][0]) if others else (None, 0.0)
        numbers = [np.float32(n) for n in (factor, second, bound, floor)]
        _log_weights(array_of(x), other, *numbers, out.numpy())  # type: ignore[call-arg]
        return out
    with torch.no_grad():
        terms = [factor * x for factor, x in absolute] + [factor * standardise(x, floor) for factor, x in relative]
        omega = sum(terms[1:], terms[0]).clamp_(-bound, bound)  # (B, N)
        return omega.sub_((log_sum_exp(omega) - math.log(omega.shape[1]))[:, None])  # (B, N)


def _takes(spare: Tensor, x: Tensor) -> bool:
    """Return whether rows may be written over with rows as large as x."""
    return spare.shape == x.shape and spare.dtype == x.dtype and spare.is_contiguous() and not spare.requires_grad


def log_odds_of_largest(neg: Tensor, pos: Tensor, offset: Tensor | None, tau: float, k: int) -> Tensor:
    r"""Return $\log \mathrm{mean}_{j \in T} e^{(s_j - s_i)/\tau + o_j}$ (B,), without gradients.

    T are the k places of each row where that is largest.

    Args:
        neg: (B, N) float, the $s_j$.
        pos: (B,) float, the $s_i$.
        offset: (B, N) float, the $o_j$; None for 0.
        tau: the temperature.
        k: how many, at most N.
    """
    tensors = [t for t in (neg, pos, offset) if t is not None]
    plain = all(t.device.type == "cpu" and t.dtype == torch.float32 for t in tensors)
    if plain and selects(neg.shape[1], k):
        out = torch.empty_like(pos)  # (B,)
        offsets = None if offset is None else array_of(offset)  # (B, N)
        _log_odds_of_largest(array_of(neg), array_of(pos), offsets, np.float32(tau), k, out.numpy())
        return out
    with torch.no_grad():
        odds = neg if offset is None else torch.add(neg, offset, alpha=tau)  # (B, N)
        chosen = odds.gather(1, largest(odds, k))  # (B, k)
        return log_sum_exp((chosen - pos[:, None]) / tau) - math.log(k)  # (B,)


@njit(cache=True, nogil=True)
def _log_weights(x, other, factor, second, bound, floor, out):  # type: ignore[no-untyped-def]
    N = x.shape[1]
    z, lanes = np.empty(N, np.float32), np.empty(LANES, np.float32)
    limit = bound if other is None else np.float32(np.inf)
    for b in range(len(x)):
        row = out[b]
        scale = centred(x[b], floor, z, lanes)
        for j in range(N):
            row[j] = _clipped(factor * (z[j] * scale), limit)
        if other is not None:
            scale = centred(other[b], floor, z, lanes)
            for j in range(N):
                row[j] = _clipped(row[j] + second * (z[j] * scale), bound)
        total = log_sum_exp_of_small(row, z, lanes) if bound <= MOST_SMALL else log_sum_exp_of_row(row, z, lanes)[0]
        shift = np.float32(total) - np.float32(np.log(N))
        for j in range(N):
            row[j] -= shift


@njit(cache=True, nogil=True, inline="always")
def _clipped(v, bound):  # type: ignore[no-untyped-def]
    return -bound if v < -bound else bound if v > bound else v  # NaN stays NaN


@njit(cache=True, nogil=True)
def _log_odds_of_largest(neg, pos, offset, tau, k, out):  # type: ignore[no-untyped-def]
    N = neg.shape[1]
    odds, maxima, lanes = np.empty(N, np.float32), np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    place, chosen = np.empty(N + 1, np.int64), np.zeros(k, np.int64)
    gap, exponential = np.empty(k, np.float32), np.empty(k, np.float32)
    for b in range(len(neg)):
        _add(neg[b], None if offset is None else offset[b], tau, odds)
        places_of_largest(odds, k, maxima, place, chosen)
        for i in range(k):
            gap[i] = (odds[chosen[i]] - pos[b]) / tau
        out[b] = np.float32(log_sum_exp_of_row(gap, exponential, lanes)[0]) - np.float32(np.log(k))


@njit(cache=True, nogil=True, fastmath={"contract"})
def _add(x, y, factor, out):  # type: ignore[no-untyped-def]
    for j in range(len(out)):
        out[j] = x[j] if y is None else x[j] + factor * y[j]
