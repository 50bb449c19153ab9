"""Every configuration of every loss on both tests: what a loss can trade against what, along its whole sweep.

All of them are measured on the tests, so nothing is selected here: the lines of a leaderboard are chosen on validation,
and a sweep shows what lies around them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from rankbench.params import Value
from rankbench.results.compare_choice import choose
from rankbench.results.compare_runs import Configuration, Run
from rankbench.results.compare_shift import SHIFT_KL, SHIFT_TV, Pair, Robustness, beside
from rankbench.results.compare_tests import Metric, measure
from rankbench.results.leaderboard import Key, key_of
from rankbench.results.pareto import on_front


@dataclass(frozen=True, eq=False)
class Point:
    """A configuration, means over its seeds.

    Args:
        key: the loss and backbone that it is of.
        loss, backbone: as typed with the parameters.
        train: the training values.
        plain, shifted: by metric, on the tests in distribution and under shift.
        chosen: whether validation chose it.
    """

    key: Key
    loss: str
    backbone: str
    train: dict[str, Value]
    plain: dict[Metric, float]
    shifted: dict[Metric, float]
    chosen: bool


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
        plain, shifted = ({m: s.mean for m, s in found[b.test].scores.items()} for b in (board, table.shifted))
        labels = same[0].loss_label, same[0].backbone_name
        train = dict(configuration.train)
        points.append(Point(key, *labels, train, plain, shifted, chosen[key] == configuration))
    return tuple(points)


def front_of(points: Iterable[Point], table: Robustness) -> tuple[Point, ...]:
    """Return the points that no other one beats in all of `compare_shift.OBJECTIVES`, best under shift first."""
    points, first = list(points), table.plain.query.metrics[0]
    gini, tail = Metric("gini", table.cut_off), Metric("tail_ndcg", table.cut_off)
    merits = [
        [m.merit(v[m]) for v, m in ((p.plain, first), (p.plain, gini), (p.plain, tail), (p.shifted, first))]
        for p in points
    ]
    front = on_front(np.array(merits, np.float64).reshape(len(points), 4))
    kept = [point for point, there in zip(points, front, strict=True) if there]
    return tuple(sorted(kept, key=lambda point: -(first.merit(point.shifted[first]) or 0.0)))


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
