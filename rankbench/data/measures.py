"""How uneven the popularity of items is, and how far one part's distribution of items is from another's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def gini(counts: NDArray[np.integer]) -> float:
    r"""Return the Gini coefficient of counts: 0 when all are equal, towards 1 when one has everything.

    $G = \frac{2 \sum_r r\, c_{(r)}}{I \sum_r c_{(r)}} - \frac{I + 1}{I}$,
    with $c_{(r)}$ the r-th smallest of the I counts, zeros included.

    Args:
        counts: (I,) with a positive sum.
    """
    ranked = np.sort(counts)  # (I,)
    rank = np.arange(1, len(ranked) + 1)  # (I,)
    return float(2 * (rank * ranked).sum() / (len(ranked) * ranked.sum()) - (len(ranked) + 1) / len(ranked))


def kl_divergence(counts: NDArray[np.integer], reference: NDArray[np.integer]) -> float:
    r"""Return $\sum_i p_i \ln(p_i / q_i)$ in nats, p and q the shares of the two counts.

    It is infinite where an item has counts but no reference.

    Args:
        counts, reference: (I,) each with a positive sum.
    """
    p, q = counts / counts.sum(), reference / reference.sum()  # (I,), (I,)
    there = p > 0  # (I,)
    if (q[there] == 0).any():
        return float("inf")
    return float((p[there] * np.log(p[there] / q[there])).sum())


def total_variation(counts: NDArray[np.integer], reference: NDArray[np.integer]) -> float:
    r"""Return $\frac12 \sum_i |p_i - q_i|$, p and q the shares of `counts` and `reference`.

    Args:
        counts, reference: (I,) each with a positive sum.
    """
    return float(np.abs(counts / counts.sum() - reference / reference.sum()).sum() / 2)
