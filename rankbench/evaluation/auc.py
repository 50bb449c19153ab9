"""The area under the ROC curve, from whole rankings of what users were exposed to."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def mean_auc(hits: NDArray[np.bool_], listed: NDArray[np.bool_]) -> float:
    r"""Return the mean over users of the share of pairs of a hit and another item in which the hit ranks higher.

    $AUC_u = \frac{1}{|T_u| |E_u \setminus T_u|} |\{(i, j): i \in T_u, j \in E_u \setminus T_u, i \text{ above } j\}|$
    with $T_u$ the test items of the user among the exposed ones $E_u$: Hanley, McNeil, Radiology 143(1), 1982. Users
    without a hit or without another item are left out; NaN if nobody is left.

    Args:
        hits: (n, M) whether each item of the ranking is a test item.
        listed: (n, M) whether there is an item: rankings end before others.
    """
    others = listed & ~hits  # (n, M)
    n_others = others.sum(axis=1)  # (n,)
    below = n_others[:, None] - np.cumsum(others, axis=1)  # (n, M) others that rank lower
    pairs = hits.sum(axis=1) * n_others  # (n,)
    defined = pairs > 0  # (n,)
    won = (below * hits).sum(axis=1)  # (n,)
    return float((won[defined] / pairs[defined]).mean()) if defined.any() else math.nan
