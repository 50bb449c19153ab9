"""How exposure is spread over the catalogue: functions of how often each item is recommended.

`counts` is (I,), over all lists, items that are never recommended included.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


def coverage(counts: Counts) -> float:
    """Return the share of the items that are recommended at all."""
    return float(np.count_nonzero(counts) / len(counts))


def entropy(counts: Counts) -> float:
    r"""Return the entropy $-\sum_i q_i \ln q_i$ in nats of the shares of exposure; NaN without any."""
    share = counts[counts > 0] / max(int(counts.sum()), 1)  # (recommended,)
    return float(-(share * np.log(share)).sum()) if len(share) else np.nan


def group_recall(hits: NDArray[np.integer], relevant: NDArray[np.integer]) -> Floats:
    """Return hits over relevant pairs of each group; NaN for a group without any."""
    with np.errstate(invalid="ignore", divide="ignore"):
        recall: Floats = np.where(relevant > 0, hits / relevant, np.nan)
    return recall


def inequality(rate: Floats) -> float:
    """Return the population standard deviation of the groups' rates over their mean; NaN where one is undefined."""
    mean = rate.mean()
    return float(rate.std() / mean) if mean > 0 else np.nan
