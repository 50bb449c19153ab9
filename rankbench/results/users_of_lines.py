"""What the lines of a leaderboard reach for each user: read from the stored runs, and resampled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rankbench.results.bootstrap import resampled_sums
from rankbench.results.compare_runs import Run
from rankbench.results.leaderboard import Leaderboard, Line
from rankbench.results.per_user import Place, is_kept, user_values
from rankbench.results.store import DamagedRunError

Floats = NDArray[np.float64]

Users = Mapping[Path, Mapping[Place, tuple[NDArray[np.int64], Mapping[str, Floats]]]]
"""Users and their values by name, of every place of every run."""


@dataclass(frozen=True, eq=False)
class OnTest:
    """The values of one test: of all lines, (m, n) over the users (n,), and the means of each seed."""

    users: NDArray[np.int64]
    lines: tuple[Line, ...]
    values: Floats
    seeds: tuple[Mapping[int, float], ...]

    def baseline(self, i: int) -> int | None:
        """Return which line is the softmax that line i is compared with, None for softmax itself and without any."""
        key = self.lines[i].baseline_key
        places = [j for j, line in enumerate(self.lines) if line.key == key and j != i]
        return places[0] if places else None

    def against_baseline(self) -> Floats:
        """Return the values (m, n) less those of softmax, where there is one: what is the same stays exactly 0."""
        found = self.values.copy()  # (m, n)
        for i in range(len(self.lines)):
            if (j := self.baseline(i)) is not None:
                found[i] -= self.values[j]
        return found


@dataclass(frozen=True, eq=False)
class OfUsers:
    """What some runs reach for the users (n,) of a test: means over the seeds (n,), and the mean of each seed."""

    users: NDArray[np.int64]
    values: Floats
    seeds: Mapping[int, float]

    def mixed_with(self, other: OfUsers, share: float) -> OfUsers:
        """Return what a mixture of both reaches, a share of it the other's."""
        both = self.seeds.keys() & other.seeds.keys()
        seeds = {seed: (1 - share) * self.seeds[seed] + share * other.seeds[seed] for seed in both}
        return OfUsers(self.users, (1 - share) * self.values + share * other.values, seeds)

    def by_seed_less(self, other: OfUsers) -> Floats:
        """Return the differences of the means of the seeds in common, (s,)."""
        return np.array([self.seeds[s] - other.seeds[s] for s in sorted(self.seeds.keys() & other.seeds.keys())])


def of_users(runs: Sequence[Run], board: Leaderboard) -> OfUsers:
    """Return what runs of one configuration reach in the first metric on the test of a board.

    Raises:
        DamagedRunError: the users of a run cannot be read, or are not those of the others.
    """
    name = str(board.query.metrics[0])
    found = [user_values(run.stored, [name], [_place(board)])[_place(board)] for run in runs]
    users = found[0][0]
    for run, (own, _) in zip(runs, found, strict=True):
        _check_users(run, own, users, board)
    columns = [of_run[name] for _, of_run in found]
    means = {run.seed: float(column.mean()) for run, column in zip(runs, columns, strict=True)}
    return OfUsers(users, np.mean(columns, axis=0), means)


def has_users(board: Leaderboard) -> bool:
    """Return whether the first metric of a board is kept for single users, and by the version of its runs."""
    metric = board.query.metrics[0]
    tables = {table for line in board.lines for run in line.choice.runs for table in run.stored.tables}
    return is_kept(metric.name, metric.K) and "user_groups" in tables


def _lines_of(board: Leaderboard) -> list[Line]:
    """Return the lines with numbers, and each softmax that they are compared with."""
    shown = {line.key for line in board.lines}
    return [line for line in (*board.lines, *(b for b in board.baselines if b.key not in shown)) if line.scores]


def _place(board: Leaderboard) -> Place:
    return board.query.select, board.query.convention, board.test


def users_of_runs(boards: Sequence[Leaderboard]) -> Users:
    """Return the values of the users of every run on all tests; each file is opened once."""
    runs = {run.stored.path: run.stored for board in boards for line in _lines_of(board) for run in line.choice.runs}
    name, places = str(boards[0].query.metrics[0]), [_place(board) for board in boards]
    return {path: user_values(stored, [name], places) for path, stored in runs.items()}


def read_test(board: Leaderboard, found: Users) -> OnTest:
    """Return the values of the first metric on the test of a board, users in the order of the first run.

    Raises:
        DamagedRunError: the users of a run are not those of the others.
    """
    name, lines = str(board.query.metrics[0]), _lines_of(board)
    users: NDArray[np.int64] | None = None
    values, seeds = [], []
    for line in lines:
        of_runs = []
        for run in line.choice.runs:
            own, of_run = found[run.stored.path][_place(board)]
            users = own if users is None else users
            _check_users(run, own, users, board)
            of_runs.append(of_run[name])
        values.append(np.mean(of_runs, axis=0))
        seeds.append({run.seed: float(v.mean()) for run, v in zip(line.choice.runs, of_runs, strict=True)})
    stacked = np.stack(values) if values else np.zeros((0, 0))  # (m, n)
    return OnTest(np.zeros(0, np.int64) if users is None else users, tuple(lines), stacked, tuple(seeds))


def _check_users(run: Run, own: NDArray[np.int64], users: NDArray[np.int64], board: Leaderboard) -> None:
    if not np.array_equal(users, own):
        raise DamagedRunError(run.stored.path, f"its users of the test {board.test} are not those of others")


def resampled_means(tests: Sequence[OnTest], everyone: NDArray[np.int64]) -> list[Floats]:
    """Return the resampled means (R, m) of `against_baseline` of each test, all from the same users drawn."""
    columns = []
    for test in tests:
        block = np.zeros((len(everyone), len(test.lines) + 1))  # (n, m + 1) the last one counts who is there
        place = np.searchsorted(everyone, test.users)  # (n',)
        block[place, :-1] = np.nan_to_num(test.against_baseline().T)
        block[place, -1] = 1
        columns.append(block)
    sums = resampled_sums(np.concatenate(columns, axis=1))  # (R, all)
    edges = np.cumsum([block.shape[1] for block in columns])
    parts = np.split(sums, edges[:-1], axis=1)
    return [part[:, :-1] / np.maximum(part[:, -1:], 1) for part in parts]
