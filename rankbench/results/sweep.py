"""Every configuration of every loss on both tests: what a loss can trade against what, along its whole sweep.

All of them are measured on the tests, so nothing is selected here: the lines of a leaderboard are chosen on validation,
and a sweep shows what lies around them.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rankbench.params import Value
from rankbench.rerank import NAME as RERANK
from rankbench.rerank import named
from rankbench.results.compare_choice import choose
from rankbench.results.compare_runs import Configuration, Run
from rankbench.results.compare_shift import (
    OBJECTIVES,
    SHIFT_KL,
    SHIFT_TV,
    Pair,
    Robustness,
    beside,
    objectives_by_seed,
)
from rankbench.results.compare_tests import Metric, measure
from rankbench.results.leaderboard import Key, key_of
from rankbench.results.pareto import hypervolume, memberships, on_front, share_of

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Point:
    """A configuration, means over its seeds.

    Args:
        key: the loss and backbone that it is of.
        loss, backbone: as typed with the parameters.
        train: the training values.
        plain, shifted: by metric, on the tests in distribution and under shift.
        chosen: whether validation chose it.
        by_seed: its objectives (`compare_shift.OBJECTIVES`), by seed.
    """

    key: Key
    loss: str
    backbone: str
    train: dict[str, Value]
    plain: dict[Metric, float]
    shifted: dict[Metric, float]
    chosen: bool
    by_seed: dict[int, list[float]]

    @property
    def merits(self) -> list[float]:
        """Return its objectives, means over the seeds."""
        return np.mean(list(self.by_seed.values()), axis=0).tolist() if self.by_seed else [math.nan] * len(OBJECTIVES)


@dataclass(frozen=True)
class Covered:
    """What the configurations of a loss on a backbone cover.

    Args:
        key: the loss and backbone.
        backbone: its name, with tables and re-ranking behind it.
        configurations, on_front: how many there are, and how many of them are on the front.
        often: in how many of the draws of the seeds any of them is; None where none of them has several seeds.
        volume: the hypervolume of the objectives, each divided by its maximum over all, that they dominate: 1 at most.
        alone: how much of that nothing else dominates.
    """

    key: Key
    backbone: str
    configurations: int
    on_front: int
    often: float | None
    volume: float
    alone: float


@dataclass(frozen=True, eq=False)
class Front:
    """The points that no other one beats in all of `compare_shift.OBJECTIVES`.

    Args:
        points: all points.
        there: (m,) which of them are on the front.
        drawn: (R, m) which are with the seeds drawn anew; R is 0 where no point has several.
    """

    points: tuple[Point, ...]
    there: NDArray[np.bool_]
    drawn: NDArray[np.bool_]

    def share(self, i: int) -> float | None:
        """Return in how many of the draws a point is on the front."""
        return share_of(self.drawn[:, i], self.points[i].by_seed)

    def scaled(self) -> Floats:
        """Return the objectives (m, k) of the points, each divided by its maximum over them."""
        merits = np.array([point.merits for point in self.points]).reshape(len(self.points), len(OBJECTIVES))  # (m, k)
        top = np.max(merits, axis=0, initial=0.0, where=~np.isnan(merits))  # (k,)
        scaled: Floats = np.divide(merits, top, out=np.zeros_like(merits), where=top > 0)  # (m, k)
        return scaled

    def volume(self) -> float:
        """Return the hypervolume of all points."""
        return hypervolume(self.scaled())

    def covered(self) -> tuple[Covered, ...]:
        """Return what the points of each loss cover, those that cover most first."""
        scaled, whole = self.scaled(), self.volume()
        found = []
        for key in dict.fromkeys(point.key for point in self.points):
            own = np.array([point.key == key for point in self.points])  # (m,)
            seeds = [point.by_seed for point in self.points if point.key == key]
            often = share_of(np.any(self.drawn[:, own], axis=1), *seeds)
            volumes = hypervolume(scaled[own]), whole - hypervolume(scaled[~own])
            backbone = named(key[0], key[2], RERANK if key[5] else "")
            found.append(Covered(key, backbone, int(own.sum()), int(self.there[own].sum()), often, *volumes))
        return tuple(sorted(found, key=lambda one: -one.volume))


def points_of(runs: Iterable[Run], table: Robustness) -> tuple[Point, ...]:
    """Return the points of the lines of a table of one model on both tests; configurations that failed have none."""
    board = table.plain
    lines = (*(pair.line for pair in table.pairs), *board.baselines)
    chosen = {line.key: line.choice.runs[0].configuration for line in lines}
    by_configuration: dict[tuple[Key, Configuration], list[Run]] = defaultdict(list)
    for run in runs:
        here = (run.dataset, run.protocol, run.digest, run.numbers)
        if here == (board.dataset, board.protocol, board.digest, board.numbers) and key_of(run) in chosen:
            by_configuration[key_of(run), run.configuration].append(run)
    query, metrics = board.query, (board.query.metrics[0], *beside(table.cut_off))
    metrics = tuple(metric for metric in metrics if metric not in (SHIFT_TV, SHIFT_KL))
    points = []
    for (key, configuration), same in by_configuration.items():
        if choose(same, query.select).failed:
            continue
        found = measure(same, metrics, query.select, query.convention)
        sides = found[board.test].scores, found[table.shifted.test].scores
        plain, shifted = ({metric: score.mean for metric, score in scores.items()} for scores in sides)
        by_seed = objectives_by_seed(*sides, query.metrics[0], table.cut_off)
        labels = same[0].loss_label, same[0].backbone_name
        train = dict(configuration.train)
        points.append(Point(key, *labels, train, plain, shifted, chosen[key] == configuration, by_seed))
    return tuple(points)


def front_of(points: Iterable[Point], table: Robustness) -> Front:
    """Return which points are on the front; the points best under shift first."""
    first = table.plain.query.metrics[0]
    ordered = tuple(sorted(points, key=lambda point: -(first.merit(point.shifted[first]) or 0.0)))
    merits = np.array([point.merits for point in ordered], np.float64).reshape(len(ordered), len(OBJECTIVES))
    return Front(ordered, on_front(merits), memberships([point.by_seed for point in ordered]))


@dataclass(frozen=True)
class Matched:
    """A loss at the value of another one, between two configurations of its sweep.

    Args:
        pair: the loss on its backbone.
        configurations: how many points its sweep has.
        low, high: the range of what is matched over them.
        target: the value of tuned softmax; None without one.
        plain, shifted, arp: interpolated there; None where the target is out of the range.
    """

    pair: Pair
    configurations: int
    low: float
    high: float
    target: float | None
    plain: float | None
    shifted: float | None
    arp: float | None


def matched(points: Iterable[Point], table: Robustness, by: str) -> tuple[Matched, ...]:
    """Return every loss where its sweep has the "arp" or the "ndcg" of tuned softmax with the same backbone."""
    points, first = list(points), table.plain.query.metrics[0]
    arp = Metric("arp", table.cut_off)
    along = arp if by == "arp" else first
    base = {point.key: point.plain[along] for point in points if point.chosen}
    found = []
    for pair in table.pairs:
        own = sorted((p for p in points if p.key == pair.line.key), key=lambda p: p.plain[along])
        if not own:
            continue
        x = [p.plain[along] for p in own]
        target = base.get(pair.line.baseline_key)
        columns = ([p.plain[first] for p in own], [p.shifted[first] for p in own], [p.plain[arp] for p in own])
        inside = target is not None and x[0] <= target <= x[-1]
        values = [float(np.interp(target, x, y)) if inside and target is not None else None for y in columns]
        found.append(Matched(pair, len(own), x[0], x[-1], target, *values))
    return tuple(found)
