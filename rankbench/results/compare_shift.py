"""Robustness to popularity shift: the `iid` test and the `popularity` test of a data set side by side.

From the protocol `shift` both tests measure one trained model. From the published pair of protocols `iid` and
`popularity` there are two trainings on different train sets, each selected on its own validation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from rankbench.results.compare import (
    PLAIN,
    SHIFTED,
    Leaderboard,
    Line,
    Query,
    by_protocol,
    leaderboards,
    no_validation,
)
from rankbench.results.compare_runs import Run, setting_of
from rankbench.results.compare_tests import Group, group_recall


@dataclass(frozen=True, eq=False)
class Pair:
    """A loss on a backbone on both tests; a side is None where it was not run.

    Args:
        plain, shifted: its lines on the test `iid` and on the test `popularity`.
        kept: the first metric under shift in percent of that in distribution.
        plain_groups, shifted_groups: popularity groups from head to tail on each test; empty without numbers.
    """

    plain: Line | None
    shifted: Line | None
    kept: float | None
    plain_groups: tuple[Group, ...]
    shifted_groups: tuple[Group, ...]

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
        pairs: their lines, joined by loss and backbone.
    """

    plain: Leaderboard
    shifted: Leaderboard
    pairs: tuple[Pair, ...]

    @property
    def one_model(self) -> bool:
        """Whether both tests measure the same trained models."""
        return self.plain.protocol == self.shifted.protocol


@dataclass(frozen=True)
class Shift:
    """The tables that answer a query for robustness, and in words what could not be answered."""

    tables: tuple[Robustness, ...]
    omitted: tuple[str, ...]


def compare_shift(runs: Iterable[Run], query: Query) -> Shift:
    """Return a table for every data set with runs of the protocol `shift`, and one for every pair of trainings."""
    by_dataset: dict[str, dict[str, list[Run]]] = defaultdict(dict)
    for (dataset, protocol), same in by_protocol(runs, query).items():
        by_dataset[dataset][protocol] = same
    tables, omitted = [], []
    for dataset, protocols in by_dataset.items():
        lacking: list[str] = []
        sides = (_of_one_model(protocols, query, lacking), _of_two_trainings(protocols, query, lacking))
        found = [_joined(*boards) for boards in sides if boards]
        if not found and not lacking:
            lacking.append(f"{dataset}: left out, nothing of it was measured on both tests, {PLAIN} and {SHIFTED}.")
        tables += [table for table in found if table.pairs]
        omitted += lacking
    return Shift(tuple(tables), tuple(omitted))


Boards = tuple[Leaderboard, Leaderboard]


def _of_one_model(protocols: dict[str, list[Run]], query: Query, lacking: list[str]) -> Boards | None:
    if "shift" not in protocols:
        return None
    setting = setting_of(protocols["shift"])
    if query.select not in setting.valids:
        lacking.append(no_validation(setting.dataset, setting.protocol, query.select))
        return None
    boards = {board.test: board for board in leaderboards(setting, query)}
    return boards[PLAIN], boards[SHIFTED]


def _of_two_trainings(protocols: dict[str, list[Run]], query: Query, lacking: list[str]) -> Boards | None:
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
    return plain, shifted


def _joined(plain: Leaderboard, shifted: Leaderboard) -> Robustness:
    plain_lines, shifted_lines = ({line.key: line for line in board.lines} for board in (plain, shifted))
    keys = dict.fromkeys([*shifted_lines, *plain_lines])
    pairs = [_pair(plain_lines.get(key), shifted_lines.get(key), plain, shifted) for key in keys]
    pairs.sort(key=lambda pair: not (pair.shifted and pair.shifted.scores))  # stable: by the shifted test, rest last
    return Robustness(plain, shifted, tuple(pairs))


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
