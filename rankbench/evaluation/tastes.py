r"""How far the tastes in a list are from those in the user's history.

With $P_u$ the shares of tastes among the user's train items and $Q_u$ those among the items of the list, Steck's
$KL(P_u \Vert (1 - \alpha) Q_u + \alpha P_u)$ in nats (Calibrated recommendations, RecSys 2018), and the divergence of
Jensen and Shannon of $P_u$ and $Q_u$ in bits.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from rankbench.evaluation.metrics import KS
from rankbench.parallel import over_rows

ALPHA = 0.01
"""How much of P is mixed into Q, so that the divergence is finite; Steck's value."""


def divergences(
    top: NDArray[np.int32], taste: NDArray[np.int64], history: NDArray[np.int64], ends: tuple[int, ...] = KS
) -> NDArray[np.float64]:
    """Return Steck's divergence and that of Jensen and Shannon, (n, len(ends), 2) float64; NaN without items.

    Args:
        top: (n, L) int32, the lists, -1 where there is no item.
        taste: (I,) int64, the taste of each item.
        history: (n, T) int64, how many train items of each taste the user has.
        ends: the cut-offs K, ascending.
    """
    out = np.full((len(top), len(ends), 2), np.nan)  # (n, C, 2)
    over_rows(_diverge, len(top), top, taste, history, np.array(ends), ALPHA, out)
    return out


@njit(cache=True, nogil=True)
def _diverge(start, stop, top, taste, history, ends, alpha, out):  # type: ignore[no-untyped-def]
    log = np.log(np.arange(1, top.shape[1] + 1))  # (L,)
    listed = np.empty(history.shape[1], np.int64)  # (T,)
    own = np.empty(history.shape[1])  # (T,) p log p
    for b in range(start, stop):
        listed[:] = 0
        done = history[b].sum()
        for t in range(len(own)):
            own[t] = history[b, t] / done * np.log(history[b, t] / done) if history[b, t] > 0 else 0.0
        r = 0
        for c in range(len(ends)):
            while r < min(ends[c], top.shape[1]) and top[b, r] >= 0:
                listed[taste[top[b, r]]] += 1
                r += 1
            if r == 0 or done == 0:
                continue
            steck, shannon = 0.0, 0.0
            for t in range(len(listed)):
                p, q = history[b, t] / done, listed[t] / r
                if p > 0 and q > 0:
                    steck += p * np.log(p / ((1 - alpha) * q + alpha * p))
                    shannon += own[t] + q * (log[listed[t] - 1] - log[r - 1]) - (p + q) * np.log((p + q) / 2)
                elif p > 0:
                    steck += p * np.log(1 / alpha)
                    shannon += p * np.log(2.0)
                elif q > 0:
                    shannon += q * np.log(2.0)
            out[b, c, 0] = steck
            out[b, c, 1] = shannon / (2 * np.log(2.0))
