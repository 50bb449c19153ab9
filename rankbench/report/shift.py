"""Robustness to popularity shift as tables: both tests side by side, controls, recall by popularity group."""

from __future__ import annotations

from dataclasses import replace

from rankbench.report import captions
from rankbench.report.control import advice, control_table
from rankbench.report.shift_table import name_of, table_of_both
from rankbench.report.table import Cell, Column, Table, mark_best, number
from rankbench.results.compare_shift import Pair, Robustness
from rankbench.results.compare_tests import Group
from rankbench.results.leaderboard import Leaderboard, Line


def tables_of(table: Robustness) -> tuple[Table, ...]:
    """Return the table of both tests, and that of the controls by popularity where there are any."""
    both, controls = table_of_both(table), control_table(table)
    if controls is None:
        return (replace(both, notes=tuple(filter(None, (*both.notes, advice(table))))),)
    return both, controls


def recall_tables(table: Robustness) -> tuple[Table, ...]:
    """Return recall by popularity group, a table for each test that was measured."""
    plain = [(pair, pair.plain, pair.plain_groups) for pair in table.pairs]
    shifted = [(pair, pair.shifted, pair.shifted_groups) for pair in table.pairs]
    by_group = [_groups(table, table.plain, plain), _groups(table, table.shifted, shifted)]
    return tuple(_captioned_once([found for found in by_group if found]))


def _captioned_once(tables: list[Table]) -> list[Table]:
    """Return the tables, each without its caption where the next one has the same."""
    following = [*(table.caption for table in tables[1:]), *([""] if tables else [])]
    return [
        replace(table, caption="") if table.caption == caption else table
        for table, caption in zip(tables, following, strict=True)
    ]


def _groups(
    table: Robustness, board: Leaderboard, found: list[tuple[Pair, Line | None, tuple[Group, ...]]]
) -> Table | None:
    groups = next((groups for _, _, groups in found if groups), ())
    if not groups:
        return None
    rows = [
        (Cell(line.loss), Cell(line.backbone), *(number(group.recall) for group in own or _nothing(groups)))
        for _, line, own in found
        if line
    ]
    names = ["head", *(f"{i}" for i in range(2, len(groups))), "tail"]
    columns = (
        Column("loss", number=False),
        Column("backbone", number=False),
        *map(Column, names),
    )
    return Table(
        title=f"{name_of(table)}, test {board.test}: Recall@{board.query.metrics[0].K} by popularity of the item",
        columns=columns,
        rows=mark_best(rows),
        caption=captions.of_groups(groups),
    )


def _nothing(groups: tuple[Group, ...]) -> tuple[Group, ...]:
    return tuple(Group(group.items, 0, 0) for group in groups)
