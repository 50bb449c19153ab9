"""Softmax with a penalty on popularity where its lists are as popular as those of a line: the control of a gain.

A re-ranking by popularity (`rankbench.rerank`) moves recommendations between head and tail with one number and no
training. A line whose gain under shift is no greater than that of softmax so re-ranked has a discount on popularity for
a gain. The penalty is not tuned here on anything that is relevant: it is the one at which the lists of softmax on the
test in distribution have the ARP ratio that those of the line have there. Between two of the penalties measured lies a
mixture of both, which shows a user the list of the second with some probability: its ARP and its metrics are the means
so weighted, user by user, and so exact. One model stands for both tests.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rankbench.evaluation.metrics import AT
from rankbench.rerank import strength_of
from rankbench.results.bootstrap import resampled_sums
from rankbench.results.compare_runs import Run
from rankbench.results.compare_tests import Metric, measure
from rankbench.results.contrast import Contrast, contrast_of, corrected
from rankbench.results.leaderboard import Key, Leaderboard, Line
from rankbench.results.users_of_lines import OfUsers, has_users, of_users

Floats = NDArray[np.float64]


NEAR = 0.02
"""How far beyond the range of the penalties an ARP ratio may be, relatively, to have the nearest one as its control."""


@dataclass(frozen=True)
class Versus:
    """A line against its control on one test.

    Args:
        mean: the first metric of the control.
        gain: how much greater that of the line is, in percent; None where that of the control is 0.
        contrast: whether that is real; None where single users are not stored.
    """

    mean: float
    gain: float | None
    contrast: Contrast | None


@dataclass(frozen=True)
class Control:
    """The control of a line.

    Args:
        seeds: what its means are over: the seeds that all penalties tried share.
        arp_ratio: that of the line in distribution, which is matched.
        low, high: the least and the greatest that the penalties tried have.
        between: the λ of the two that the control is a mixture of, by popularity; empty where none can be matched.
        share: of the second of them.
        by_test: the line against it; empty where none can be matched.
    """

    seeds: tuple[int, ...]
    arp_ratio: float
    low: float
    high: float
    between: tuple[float, ...] = ()
    share: float = 0.0
    by_test: Mapping[str, Versus] | None = None

    @property
    def strength(self) -> float:
        """The mean λ of the mixture."""
        return float(np.dot(self.between, (1 - self.share, self.share)))


def controls_of(runs: Iterable[Run], boards: Sequence[Leaderboard]) -> dict[Key, Control]:
    """Return the controls of the lines of both tests of one model, where softmax was re-ranked on their backbone.

    A line without a loss has a backbone of its own, and is compared with softmax on the only one that was re-ranked.

    Args:
        runs: all runs that the boards were made of.
        boards: that of the test in distribution first.

    Raises:
        DamagedRunError: a run that is needed cannot be read.
    """
    runs, plain = list(runs), boards[0]
    ratio = Metric("arp_ratio", plain.query.metrics[0].K or AT)
    tried = {line.key: _sweep(runs, line, boards, ratio) for line in plain.baselines}
    sweeps = {key: sweep for key, sweep in tried.items() if sweep}
    other = {line.key: line for line in boards[1].lines}
    placed: dict[Key, tuple[_Sweep, Control]] = {}
    for line in plain.lines:
        sweep = sweeps.get(line.baseline_key) or (next(iter(sweeps.values())) if len(sweeps) == 1 else None)
        there = line.scores and other.get(line.key) and other[line.key].scores and ratio in line.scores
        if sweep and there and (line.baseline_key in sweeps or not line.has_loss) and not _is_control(line):
            placed[line.key] = sweep, sweep.at(line.scores[ratio].mean)
    found = {key: control for key, (_, control) in placed.items()}
    for board in boards:
        for key, versus in _versus(board, placed).items():
            found[key] = replace(found[key], by_test={**(found[key].by_test or {}), board.test: versus})
    return found


def _is_control(line: Line) -> bool:
    """Return whether a line is softmax itself, as it is or re-ranked."""
    return line.key[:5] == line.baseline_key[:5]


@dataclass(frozen=True, eq=False)
class _Sweep:
    """Softmax in the configuration chosen, as it is and re-ranked, by the popularity of its lists, ascending.

    Args:
        strengths: (s,) the λ.
        ratios: (s,) the ARP ratios.
        means: (s,) the first metric, by test.
        runs: those of each.
    """

    strengths: tuple[float, ...]
    ratios: tuple[float, ...]
    means: Mapping[str, tuple[float, ...]]
    runs: tuple[tuple[Run, ...], ...]

    def at(self, asked: float) -> Control:
        """Return where the sweep has an ARP ratio, nothing measured yet."""
        low, high, seeds = self.ratios[0], self.ratios[-1], tuple(run.seed for run in self.runs[0])
        if not (1 - NEAR) * low <= asked <= (1 + NEAR) * high:
            return Control(seeds, asked, low, high)
        ratio = min(max(asked, low), high)
        i = min(int(np.searchsorted(self.ratios, ratio, side="right")), len(self.ratios) - 1)
        width = self.ratios[i] - self.ratios[i - 1]
        share = (ratio - self.ratios[i - 1]) / width if width else 0.0
        return Control(seeds, asked, low, high, (self.strengths[i - 1], self.strengths[i]), share)

    def places(self, control: Control) -> tuple[int, int]:
        """Return which two of the sweep a control lies between."""
        first, second = (self.strengths.index(strength) for strength in control.between)
        return first, second


def _sweep(runs: Iterable[Run], base: Line, boards: Sequence[Leaderboard], ratio: Metric) -> _Sweep | None:
    """Return the sweep of a softmax over its penalties, on the seeds that all of them share; None without any."""
    chosen, query = base.choice.runs[0].configuration, boards[0].query
    if not base.scores or ratio not in base.scores:
        return None
    by_rerank: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        same = replace(run.configuration, rerank="") == chosen
        if same and run.seed in base.choice.seeds and query.select in run.valid and not run.diverged:
            by_rerank[run.configuration.rerank].append(run)
    shared = set.intersection(set(base.choice.seeds), *({run.seed for run in of} for of in by_rerank.values()))
    whole = [sorted((r for r in of if r.seed in shared), key=lambda run: run.seed) for of in by_rerank.values()]
    if len(whole) < 2 or not shared:
        return None
    first = query.metrics[0]
    measured = [measure(of, (first, ratio), query.select, query.convention) for of in whole]
    ratios = [found[boards[0].test].scores[ratio].mean for found in measured]
    order = sorted(range(len(whole)), key=ratios.__getitem__)
    return _Sweep(
        tuple(strength_of(whole[i][0].configuration.rerank) for i in order),
        tuple(ratios[i] for i in order),
        {board.test: tuple(measured[i][board.test].scores[first].mean for i in order) for board in boards},
        tuple(tuple(whole[i]) for i in order),
    )


def _versus(board: Leaderboard, placed: Mapping[Key, tuple[_Sweep, Control]]) -> dict[Key, Versus]:
    """Return the lines against their controls on a test, corrected for how many they are."""
    lines = {line.key: line for line in board.lines if line.key in placed and placed[line.key][1].between}
    first = board.query.metrics[0]
    means, gains = {}, {}
    for key, line in lines.items():
        sweep, control = placed[key]
        a, b = (sweep.means[board.test][i] for i in sweep.places(control))
        means[key] = (1 - control.share) * a + control.share * b
        gains[key] = 100 * (line.scores[first].mean - means[key]) / means[key] if means[key] else None
    contrasts: dict[Key, Contrast] = {}
    if lines and has_users(board):
        contrasts = corrected(_contrasts(board, lines, placed), gains)
    return {key: Versus(means[key], gains[key], contrasts.get(key)) for key in lines}


def _contrasts(
    board: Leaderboard, lines: Mapping[Key, Line], placed: Mapping[Key, tuple[_Sweep, Control]]
) -> dict[Key, Contrast]:
    sides = []
    for key, line in lines.items():
        sweep, control = placed[key]
        a, b = (of_users(sweep.runs[i], board) for i in sweep.places(control))
        sides.append((of_users(line.choice.runs, board), a.mixed_with(b, control.share)))
    columns = [column for own, base in sides for column in (own.values - base.values, base.values)]
    sums = resampled_sums(np.stack(columns, axis=1))  # (R, 2 m)
    with np.errstate(divide="ignore", invalid="ignore"):
        gains = 100 * sums[:, ::2] / sums[:, 1::2]  # (R, m)
    return {
        key: contrast_of(own.values - base.values, gains[:, i], own.by_seed_less(base), _noise(own, base))
        for i, (key, (own, base)) in enumerate(zip(lines, sides, strict=True))
    }


def _noise(own: OfUsers, base: OfUsers) -> float | None:
    """Return the larger standard deviation over seeds in percent of the mean of the base; None with one seed."""
    spreads = [float(np.std(list(of.seeds.values()), ddof=1)) for of in (own, base) if len(of.seeds) > 1]
    mean = float(base.values.mean()) if len(base.values) else 0.0
    return 100 * max(spreads) / abs(mean) if spreads and mean else None
