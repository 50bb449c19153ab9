"""Who gains and who pays: NDCG by groups of items and of users, on both tests."""

from __future__ import annotations

from collections.abc import Sequence

from rankbench.evaluation.metrics import AT
from rankbench.report.shift_table import name_of
from rankbench.report.table import Cell, Column, Table, mark_best, number
from rankbench.results.compare_groups import Grouping, by_group
from rankbench.results.compare_shift import Robustness
from rankbench.results.leaderboard import BEYOND_ACCURACY, Leaderboard, Line

_ITEMS = ("head", "2", "3", "4", "tail")
_ACTIVITY = ("least", "2", "3", "most")
_MAINSTREAM = ("niche", "2", "3", "main")

_VIEWS = (
    (
        Grouping("groups", "", "ndcg"),
        "NDCG@{K} of the test items of a popularity group alone",
        _ITEMS,
        "The ranking is unchanged; over the users with a test item of the group.",
    ),
    (
        Grouping("groups", "", "contribution"),
        "what hits with each popularity group add to NDCG@{K}",
        _ITEMS,
        "The sum over the groups is NDCG.",
    ),
    (
        Grouping("user_groups", "activity", "ndcg"),
        "NDCG@{K} by the activity of the user",
        _ACTIVITY,
        "Quarters of the users of the test by the number of items that they are known by.",
    ),
    (
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
    sides = (
        (table.plain, [pair.plain for pair in table.pairs if pair.plain and pair.plain.scores]),
        (table.shifted, [pair.shifted for pair in table.pairs if pair.shifted and pair.shifted.scores]),
    )
    return tuple(_view(table, board, lines, *view) for view in _VIEWS for board, lines in sides if lines)


def _view(
    table: Robustness,
    board: Leaderboard,
    lines: Sequence[Line],
    grouping: Grouping,
    title: str,
    names: Sequence[str],
    caption: str,
) -> Table:
    K = board.query.metrics[0].K or AT
    rows = [
        (
            Cell(line.loss),
            Cell(line.backbone),
            *map(number, by_group(line, grouping, board.test, K, board.query)),
        )
        for line in lines
    ]
    return Table(
        title=f"{name_of(table)}, test {board.test}: {title.format(K=K)}",
        columns=(Column("loss", number=False), Column("backbone", number=False), *map(Column, names)),
        rows=mark_best(rows),
        caption=caption,
    )
