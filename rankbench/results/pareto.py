"""Which points no other one beats: the Pareto front, how much it dominates, and how often a point is on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rankbench.randomness import key

DRAWS = 1000
"""How often seeds are drawn where not all draws are taken."""


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


def hypervolume(points: NDArray[np.float64]) -> float:
    """Return the volume of what points (m, k) dominate above 0, exact, by slicing the last coordinate.

    Zitzler, Thiele, PPSN 1998. A point with a coordinate of 0 or less, or with NaN, adds nothing.

    Args:
        points: (m, k) float64, the greater the better.
    """
    kept = points[(points > 0).all(axis=1)]  # (m', k)
    kept = kept[on_front(kept)]  # (m'', k)
    if not len(kept):
        return 0.0
    if points.shape[1] == 1:
        return float(kept.max())
    order = kept[np.argsort(-kept[:, -1], kind="stable")]  # (m'', k)
    below = np.append(order[1:, -1], 0.0)  # (m'',)
    heights = order[:, -1] - below  # (m'',)
    return float(sum(h * hypervolume(order[: i + 1, :-1]) for i, h in enumerate(heights) if h > 0))


def memberships(by_seed: Sequence[Mapping[int, Sequence[float]]]) -> NDArray[np.bool_]:
    """Return which points (R, m) are on the front with the seeds drawn anew, with replacement, R times.

    A point is the mean of its values over the seeds drawn, as often as each is; where none of them is its own, over all
    of its own. So points with the same seeds are compared on the same ones, and a point with one seed does not move. Of
    up to four seeds all draws are taken, else `DRAWS` at random. R is 0 where no point has several seeds, or one has no
    seed.

    Args:
        by_seed: for each of the m points its values (k,), by seed.
    """
    seeds = sorted({seed for point in by_seed for seed in point})
    if all(len(point) < 2 for point in by_seed) or not all(by_seed):
        return np.zeros((0, len(by_seed)), np.bool_)
    draws = _draws(len(seeds))  # (R, s)
    times = np.stack([(draws == i).sum(axis=1) for i in range(len(seeds))], axis=1)  # (R, s)
    means = np.stack([_means(point, seeds, times) for point in by_seed], axis=1)  # (R, m, k)
    return np.stack([on_front(one) for one in means])  # (R, m)


def share_of(drawn: NDArray[np.bool_], *by_seed: Mapping[int, Sequence[float]]) -> float | None:
    """Return in how many of the draws (R,) it was so; None without draws, or where no point has several seeds."""
    return float(drawn.mean()) if len(drawn) and any(len(point) > 1 for point in by_seed) else None


def _draws(n: int) -> NDArray[np.int64]:
    if n**n <= DRAWS:
        return np.stack(np.meshgrid(*[np.arange(n)] * n, indexing="ij"), axis=-1).reshape(-1, n)
    return np.random.default_rng(key(0, "front", n)).integers(n, size=(DRAWS, n))


def _means(point: Mapping[int, Sequence[float]], seeds: Sequence[int], times: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the means (R, k) of a point over the seeds drawn."""
    own = [i for i, seed in enumerate(seeds) if seed in point]
    values = np.array([point[seeds[i]] for i in own])  # (o, k)
    weight = times[:, own].astype(np.float64)  # (R, o)
    weight[weight.sum(axis=1) == 0] = 1.0
    found: NDArray[np.float64] = weight @ values / weight.sum(axis=1, keepdims=True)  # (R, k)
    return found
