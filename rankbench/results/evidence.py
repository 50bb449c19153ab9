"""What stored per-user values say of the lines of leaderboards: which gains are real, and how large they may be.

A user's value is the mean over the seeds of a line. Gains over softmax have an interval by the bootstrap over users and
p-values by Student's t (over users, and over seeds), Wilcoxon's signed ranks and the bootstrap; those of t over users
are corrected by Holm over the lines of a test, and over all pairs of lines where lines are compared with each other.
Nothing is trained again, and nothing is selected here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rankbench.results.bootstrap import interval
from rankbench.results.compare_tests import Metric
from rankbench.results.contrast import SIGNIFICANT, Contrast, contrast_of, corrected
from rankbench.results.leaderboard import Key, Leaderboard
from rankbench.results.paired import holm, t_test
from rankbench.results.users_of_lines import OnTest, has_users, read_test, resampled_means, users_of_runs

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Evidence:
    """What is known of the lines of one test.

    Args:
        contrasts: by line, for those that have a softmax to be compared with.
        beats: by line, the lines that are significantly worse.
    """

    contrasts: Mapping[Key, Contrast]
    beats: Mapping[Key, tuple[Key, ...]]


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Evidences:
    """What is known of the lines on several tests, users resampled once for all.

    Args:
        by_test: by name of the test.
        change: by line, how much greater the gain is on the second test than on the first, in points of percent.
    """

    by_test: Mapping[str, Evidence]
    change: Mapping[Key, Interval]


def evidences(boards: Sequence[Leaderboard]) -> Evidences | None:
    """Return what is known of the lines of the boards of one setting; None where no users are stored.

    Raises:
        DamagedRunError: a run's users cannot be read, or are not those of the others.
    """
    if not any(line.scores for board in boards for line in board.lines) or not all(map(has_users, boards)):
        return None
    users = users_of_runs(boards)
    tests = [read_test(board, users) for board in boards]
    everyone = np.unique(np.concatenate([test.users for test in tests]))  # (n,)
    sums = resampled_means(tests, everyone)
    found = {board.test: _evidence(board, test, s) for board, test, s in zip(boards, tests, sums, strict=True)}
    return Evidences(found, _changes(tests, sums) if len(boards) == 2 else {})


def _gains(means: Floats, i: int, j: int) -> Floats:
    """Return the resampled gains (R,) of line i over line j in percent, from the means of `against_baseline`."""
    with np.errstate(divide="ignore", invalid="ignore"):
        gains: Floats = 100 * means[:, i] / means[:, j]
    return gains


def _evidence(board: Leaderboard, test: OnTest, means: Floats) -> Evidence:
    metric, shown = board.query.metrics[0], {line.key for line in board.lines}
    contrasts = {}
    for i, line in enumerate(test.lines):
        j = test.baseline(i)
        if j is not None and line.key in shown:
            contrasts[line.key] = _contrast(test, metric, means, i, j)
    gains = {line.key: line.scores[metric].gain for line in test.lines}
    beats = _beaten(test, [i for i, line in enumerate(test.lines) if line.key in shown])
    return Evidence(corrected(contrasts, gains), beats)


def _contrast(test: OnTest, metric: Metric, means: Floats, i: int, j: int) -> Contrast:
    difference = test.values[i] - test.values[j]  # (n,)
    score, base = test.lines[i].scores[metric], test.lines[j].scores[metric]
    gain = _gains(means, i, j)  # (R,)
    shared = sorted(test.seeds[i].keys() & test.seeds[j].keys())
    spreads = [one.sd for one in (score, base) if one.sd is not None]
    seeds = np.array([test.seeds[i][s] - test.seeds[j][s] for s in shared])  # (s,)
    noise = 100 * max(spreads) / abs(base.mean) if spreads and base.mean else None
    return contrast_of(difference, gain, seeds, noise)


def _beaten(test: OnTest, shown: Sequence[int]) -> dict[Key, tuple[Key, ...]]:
    values = test.values[shown]  # (m, n)
    above = np.triu_indices(len(shown), 1)
    p = np.ones((len(shown), len(shown)))  # (m, m)
    p[above] = holm(t_test(values)[above])
    mean = values.mean(axis=1) if values.size else np.zeros(len(shown))  # (m,)
    better = np.minimum(p, p.T) < SIGNIFICANT  # (m, m)
    better &= mean[:, None] > mean  # (m, m)
    keys = [test.lines[i].key for i in shown]
    return {key: tuple(keys[b] for b in np.flatnonzero(better[a])) for a, key in enumerate(keys)}


def _changes(tests: Sequence[OnTest], means: Sequence[Floats]) -> dict[Key, Interval]:
    """Return by line how much greater the gain is on the second test."""
    place = {line.key: i for i, line in enumerate(tests[1].lines)}
    found = {}
    for i, line in enumerate(tests[0].lines):
        if line.key not in place:
            continue
        of = (i, place[line.key])
        base = [test.baseline(a) for test, a in zip(tests, of, strict=True)]
        if base[0] is None or base[1] is None:
            continue
        pairs = ((of[0], base[0]), (of[1], base[1]))
        resampled = [_gains(m, a, b) for m, (a, b) in zip(means, pairs, strict=True)]  # (R,) each
        values = [100 * (t.values[a].mean() / t.values[b].mean() - 1) for t, (a, b) in zip(tests, pairs, strict=True)]
        found[line.key] = Interval(float(values[1] - values[0]), *interval(resampled[1] - resampled[0]))
    return found
