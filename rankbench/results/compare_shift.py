"""Robustness to popularity shift: the `iid` test and the `popularity` test of a data set side by side.

From the protocol `shift` both tests measure one trained model. From the published pair of protocols `iid` and
`popularity` there are two trainings on different train sets, each selected on its own validation.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from rankbench.evaluation.metrics import AT
from rankbench.results.compare import by_protocol, leaderboards, no_validation
from rankbench.results.compare_runs import Run, setting_of
from rankbench.results.compare_tests import Group, Metric, Score, group_recall
from rankbench.results.control import Control, controls_of
from rankbench.results.evidence import Evidences, evidences
from rankbench.results.leaderboard import PLAIN, SHIFTED, Key, Leaderboard, Line, Query
from rankbench.results.pareto import memberships, on_front, share_of

BESIDE = ("tail_ndcg", "arp_ratio", "gini", "arp")
"""What is read beside the metrics asked for, in distribution: what a gain costs."""

SHIFT_TV, SHIFT_KL = Metric("shift_tv", 0), Metric("shift_kl", 0)

OBJECTIVES = ("in distribution", "Gini", "tail NDCG", "under shift")
"""What the Pareto front is about: the first metric on both tests, evenness of exposure and NDCG of tail items."""


@dataclass(frozen=True, eq=False)
class Pair:
    """A loss on a backbone on both tests; a side is None where it was not run.

    Args:
        plain, shifted: its lines on the test `iid` and on the test `popularity`.
        kept: the first metric under shift in percent of that in distribution.
        plain_groups, shifted_groups: popularity groups from head to tail on each test; empty without numbers.
        on_front: whether no other line is at least as good in all of `OBJECTIVES`; None where they are not measured.
        front_share: in how many of the draws of the seeds it is; None where it has not several seeds.
    """

    plain: Line | None
    shifted: Line | None
    kept: float | None
    plain_groups: tuple[Group, ...]
    shifted_groups: tuple[Group, ...]
    on_front: bool | None = None
    front_share: float | None = None

    @property
    def line(self) -> Line:
        """The line of the side that there is, in distribution first."""
        line = self.plain or self.shifted
        assert line is not None
        return line


@dataclass(frozen=True, eq=False)
class Robustness:
    """Both leaderboards of a data set joined, best under shift first.

    Args:
        plain, shifted: the leaderboards of the tests `iid` and `popularity`.
        pairs: their lines, joined by loss and backbone; those without a loss, the references, are the last.
        evidence: which gains are real, from the values of single users; None where they are not stored.
        controls: by line, softmax with a penalty on popularity at its ARP; none where softmax was not re-ranked.
    """

    plain: Leaderboard
    shifted: Leaderboard
    pairs: tuple[Pair, ...]
    evidence: Evidences | None
    controls: Mapping[Key, Control] = field(default_factory=dict)

    @property
    def one_model(self) -> bool:
        """Whether both tests measure the same trained models."""
        return self.plain.protocol == self.shifted.protocol

    @property
    def cut_off(self) -> int:
        """The K of the first metric, and of what stands beside it."""
        return self.plain.query.metrics[0].K or AT

    def sizes(self) -> dict[str, tuple[float, float]]:
        """Return how far each test is from train: total variation and KL divergence of the item distributions."""
        found = {}
        for board in (self.plain, self.shifted):
            for line in board.lines:
                if SHIFT_TV in line.scores:
                    found[board.test] = line.scores[SHIFT_TV].mean, line.scores[SHIFT_KL].mean
                    break
        return found


@dataclass(frozen=True)
class Shift:
    """The tables that answer a query for robustness, and in words what could not be answered."""

    tables: tuple[Robustness, ...]
    omitted: tuple[str, ...]


def compare_shift(runs: Iterable[Run], query: Query) -> Shift:
    """Return a table for every data set with runs of the protocol `shift`, and one for every pair of trainings."""
    query = replace(query, beside=beside(query.metrics[0].K or AT))
    by_dataset: dict[str, dict[str, list[Run]]] = defaultdict(dict)
    for (dataset, protocol), same in by_protocol(runs, query).items():
        by_dataset[dataset][protocol] = same
    tables, omitted = [], []
    for dataset, protocols in by_dataset.items():
        lacking: list[str] = []
        sides = (_of_one_model(protocols, query, lacking), _of_two_trainings(protocols, query, lacking))
        found = list(filter(None, sides))
        if not found and not lacking:
            lacking.append(f"{dataset}: left out, nothing of it was measured on both tests, {PLAIN} and {SHIFTED}.")
        tables += [table for table in found if table.pairs]
        omitted += lacking
    return Shift(tuple(tables), tuple(omitted))


def _of_one_model(protocols: dict[str, list[Run]], query: Query, lacking: list[str]) -> Robustness | None:
    if "shift" not in protocols:
        return None
    setting = setting_of(protocols["shift"])
    if query.select not in setting.valids:
        lacking.append(no_validation(setting.dataset, setting.protocol, query.select))
        return None
    boards = {board.test: board for board in leaderboards(setting, query)}
    table = _joined(boards[PLAIN], boards[SHIFTED])
    return replace(table, controls=controls_of(setting.runs, (table.plain, table.shifted)))


def _of_two_trainings(protocols: dict[str, list[Run]], query: Query, lacking: list[str]) -> Robustness | None:
    if PLAIN not in protocols or SHIFTED not in protocols:
        return None
    sides = protocols[PLAIN], protocols[SHIFTED]
    common = set.intersection(*({run.numbers for run in side} for side in sides))
    if not common:
        lacking.append(
            f"{sides[0][0].dataset}: left out, splits {PLAIN} and {SHIFTED} share no version of the numerics."
        )
        return None
    settings = [setting_of(side, max(common)) for side in sides]
    for setting in settings:
        if query.select not in setting.valids:
            lacking.append(no_validation(setting.dataset, setting.protocol, query.select))
            return None
    plain, shifted = (leaderboards(setting, query)[0] for setting in settings)
    return _joined(plain, shifted)


def _joined(plain: Leaderboard, shifted: Leaderboard) -> Robustness:
    plain_lines, shifted_lines = ({line.key: line for line in board.lines} for board in (plain, shifted))
    keys = dict.fromkeys([*shifted_lines, *plain_lines])
    pairs = [_pair(plain_lines.get(key), shifted_lines.get(key), plain, shifted) for key in keys]
    pairs.sort(key=lambda pair: (not pair.line.has_loss, not (pair.shifted and pair.shifted.scores)))  # else by shift
    return Robustness(plain, shifted, _with_front(pairs, plain, shifted), _evidence(plain, shifted))


def beside(K: int) -> tuple[Metric, ...]:
    """Return the metrics that are read beside those asked for: what a gain costs, and how large the shift is."""
    return *(Metric(name, K) for name in BESIDE), SHIFT_TV, SHIFT_KL


def _with_front(pairs: Sequence[Pair], plain: Leaderboard, shifted: Leaderboard) -> tuple[Pair, ...]:
    first, K = plain.query.metrics[0], plain.query.metrics[0].K or AT
    sides = [(pair.plain.scores if pair.plain else {}, pair.shifted.scores if pair.shifted else {}) for pair in pairs]
    points = np.array([objectives(*of, first, K) for of in sides]).reshape(len(pairs), len(OBJECTIVES))
    front, known = on_front(points), ~np.isnan(points).any(axis=1)
    by_seed = [objectives_by_seed(*of, first, K) for of, there in zip(sides, known, strict=True) if there]
    drawn = memberships(by_seed)
    shares = iter([share_of(drawn[:, i], seeds) for i, seeds in enumerate(by_seed)])
    return tuple(
        replace(pair, on_front=bool(front[i]), front_share=next(shares)) if known[i] else pair
        for i, pair in enumerate(pairs)
    )


def objectives(plain: Mapping[Metric, Score], shifted: Mapping[Metric, Score], first: Metric, K: int) -> list[float]:
    """Return the `OBJECTIVES` of a line or a configuration, NaN for those that were not measured; greater is better."""
    asked = ((plain, first), (plain, Metric("gini", K)), (plain, Metric("tail_ndcg", K)), (shifted, first))
    return [_merit(metric, scores[metric].mean) if metric in scores else math.nan for scores, metric in asked]


def objectives_by_seed(
    plain: Mapping[Metric, Score], shifted: Mapping[Metric, Score], first: Metric, K: int
) -> dict[int, list[float]]:
    """Return the `OBJECTIVES` of every seed that both tests have, as `objectives` does of their means."""
    asked = ((plain, first), (plain, Metric("gini", K)), (plain, Metric("tail_ndcg", K)), (shifted, first))
    values = [(metric, scores[metric].by_seed) for scores, metric in asked]
    seeds = sorted(set.intersection(*(set(by_seed) for _, by_seed in values)))
    return {seed: [_merit(metric, by_seed[seed]) for metric, by_seed in values] for seed in seeds}


def _merit(metric: Metric, value: float) -> float:
    """Return a value as an objective: evenness for the Gini coefficient."""
    merit = metric.merit(value)
    return math.nan if merit is None else 1 + merit if metric.name == "gini" else merit


def _evidence(plain: Leaderboard, shifted: Leaderboard) -> Evidences | None:
    if plain.protocol == shifted.protocol:
        return evidences([plain, shifted])
    apart = [found for found in (evidences([plain]), evidences([shifted])) if found]
    return Evidences({test: one for found in apart for test, one in found.by_test.items()}, {}) if apart else None


def _pair(plain: Line | None, shifted: Line | None, plain_board: Leaderboard, shifted_board: Leaderboard) -> Pair:
    first = plain_board.query.metrics[0]
    kept = None
    if plain and shifted and plain.scores and shifted.scores and plain.scores[first].mean:
        kept = 100 * shifted.scores[first].mean / plain.scores[first].mean
    return Pair(plain, shifted, kept, _groups(plain, plain_board), _groups(shifted, shifted_board))


def _groups(line: Line | None, board: Leaderboard) -> tuple[Group, ...]:
    if line is None or not line.scores:
        return ()
    query = board.query
    return group_recall(line.choice.runs, board.test, query.metrics[0].K, query.select, query.convention)
