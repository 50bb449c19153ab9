"""Which points no other one beats: the Pareto front."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def on_front(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which points (m,) are on the front: none is at least as great in everything and greater in something.

    Args:
        points: (m, k) float64, the greater the better; a point with NaN is not on the front and beats none.
    """
    known = ~np.isnan(points).any(axis=1)  # (m,)
    front = np.zeros(len(points), np.bool_)  # (m,)
    for i in np.flatnonzero(known):
        no_worse = (points[known] >= points[i]).all(axis=1)  # (known,)
        front[i] = not (no_worse & (points[known] > points[i]).any(axis=1)).any()
    return front
