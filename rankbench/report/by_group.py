"""Who gains and who pays: NDCG by groups of items and of users, on both tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rankbench.report.shift_table import name_of
from rankbench.report.table import Cell, Column, Table, mark_best, number
from rankbench.results.compare_groups import Grouping, by_group
from rankbench.results.compare_shift import Robustness
from rankbench.results.leaderboard import BEYOND_ACCURACY, Leaderboard, Line

_ITEMS = ("head", "2", "3", "4", "tail")
_ACTIVITY = ("least", "2", "3", "most")
_MAINSTREAM = ("niche", "2", "3", "main")


@dataclass(frozen=True)
class GroupView:
    """A value by group: where it is stored, the title and caption of its table, and the names of the groups."""

    grouping: Grouping
    title: str
    names: tuple[str, ...]
    caption: str


VIEWS = (
    GroupView(
        Grouping("groups", "", "ndcg"),
        "NDCG@{K} of the test items of a popularity group alone",
        _ITEMS,
        "The ranking is unchanged; over the users with a test item of the group.",
    ),
    GroupView(
        Grouping("groups", "", "contribution"),
        "what hits with each popularity group add to NDCG@{K}",
        _ITEMS,
        "The sum over the groups is NDCG.",
    ),
    GroupView(
        Grouping("user_groups", "activity", "ndcg"),
        "NDCG@{K} by the activity of the user",
        _ACTIVITY,
        "Quarters of the users of the test by the number of items that they are known by.",
    ),
    GroupView(
        Grouping("user_groups", "mainstreamness", "ndcg"),
        "NDCG@{K} by the mainstreamness of the user",
        _MAINSTREAM,
        "Quarters of the users of the test by the mean popularity of the items that they are known by.",
    ),
)


def group_tables(table: Robustness) -> tuple[Table, ...]:
    """Return the tables by group of both tests; none for runs of versions that do not store them."""
    if table.plain.numbers < BEYOND_ACCURACY:
        return ()
    return tuple(_view(table, board, lines, view) for view in VIEWS for board, lines in sides_with_numbers(table))


def sides_with_numbers(table: Robustness) -> list[tuple[Leaderboard, list[Line]]]:
    """Return the lines with numbers on each test that has any."""
    sides = (
        (table.plain, [pair.plain for pair in table.pairs if pair.plain and pair.plain.scores]),
        (table.shifted, [pair.shifted for pair in table.pairs if pair.shifted and pair.shifted.scores]),
    )
    return [(board, lines) for board, lines in sides if lines]


def _view(table: Robustness, board: Leaderboard, lines: Sequence[Line], view: GroupView) -> Table:
    K, of_users = table.cut_off, view.grouping.table == "user_groups"
    rows = [
        (
            Cell(line.loss),
            Cell(line.backbone),
            *map(number, values := by_group(line, view.grouping, board.test, K, board.query)),
            *([_gap(values)] if of_users else []),
        )
        for line in lines
    ]
    return Table(
        title=f"{name_of(table)}, test {board.test}: {view.title.format(K=K)}",
        columns=(
            Column("loss", number=False),
            Column("backbone", number=False),
            *map(Column, view.names),
            *([Column("gap")] if of_users else []),
        ),
        rows=mark_best(rows),
        caption=view.caption,
    )


def _gap(values: Sequence[float | None]) -> Cell:
    """Return how much less the group that is served worst has than the one that is served best."""
    known = [value for value in values if value is not None]
    gap = max(known) - min(known) if known else None
    return replace(number(gap), value=None if gap is None else -gap)
