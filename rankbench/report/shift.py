"""Robustness to popularity shift as tables: both tests side by side, then recall by popularity group."""

from __future__ import annotations

from dataclasses import replace

from rankbench.report import captions
from rankbench.report.leaderboard import budget_cells, gain_cell, loss_cell, score_cell
from rankbench.report.table import Cell, Column, Table, mark_best, number, percent
from rankbench.results.compare import PLAIN, SHIFTED, Leaderboard, Line
from rankbench.results.compare_shift import Pair, Robustness
from rankbench.results.compare_tests import Group, Metric


def tables_of(table: Robustness) -> tuple[Table, ...]:
    """Return the table of both tests, and one of recall by popularity group for each test that was measured."""
    plain = [(pair, pair.plain, pair.plain_groups) for pair in table.pairs]
    shifted = [(pair, pair.shifted, pair.shifted_groups) for pair in table.pairs]
    by_group = [_groups(table, table.plain, plain), _groups(table, table.shifted, shifted)]
    return (_both(table), *_captioned_once([found for found in by_group if found]))


def _captioned_once(tables: list[Table]) -> list[Table]:
    """Return the tables, each without its caption where the next one has the same."""
    following = [*(table.caption for table in tables[1:]), *([""] if tables else [])]
    return [
        replace(table, caption="") if table.caption == caption else table
        for table, caption in zip(tables, following, strict=True)
    ]


def _both(table: Robustness) -> Table:
    metrics = table.plain.query.metrics
    lines = [line for pair in table.pairs for line in (pair.plain, pair.shifted) if line]
    differing = captions.varying(lines)
    rows = [
        (
            _loss(pair, differing),
            Cell(_both_ways(pair, [line.backbone for line in (pair.plain, pair.shifted) if line])),
            *_side(pair.plain, metrics),
            *_side(pair.shifted, metrics),
            percent(pair.kept),
            *budget_cells(line for line in (pair.plain, pair.shifted) if line),
        )
        for pair in table.pairs
    ]
    columns = (
        Column("loss", number=False),
        Column("backbone", number=False),
        *_side_columns(PLAIN, metrics),
        *_side_columns(SHIFTED, metrics),
        Column("kept"),
        Column("seeds", spare=1),
        Column("tried", spare=2),
    )
    return Table(
        title=f"{_name(table)}: tests {PLAIN} and {SHIFTED}",
        columns=columns,
        rows=mark_best(rows),
        caption=captions.of_shift(table),
        notes=_notes(table),
    )


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
        title=f"{_name(table)}, test {board.test}: Recall@{board.query.metrics[0].K} by popularity of the item",
        columns=columns,
        rows=mark_best(rows),
        caption=captions.of_groups(groups),
    )


def _nothing(groups: tuple[Group, ...]) -> tuple[Group, ...]:
    return tuple(Group(group.items, 0, 0) for group in groups)


def _side(line: Line | None, metrics: tuple[Metric, ...]) -> tuple[Cell, ...]:
    first, *others = metrics
    return score_cell(line, first), gain_cell(line, first), *(score_cell(line, metric) for metric in others)


def _side_columns(test: str, metrics: tuple[Metric, ...]) -> tuple[Column, ...]:
    first, *others = metrics
    return (
        Column(captions.title_of(first), above=test),
        Column("gain", above=test),
        *(Column(captions.title_of(metric), above=test, spare=2 + i) for i, metric in enumerate(others, start=1)),
    )


def _loss(pair: Pair, differing: set[str]) -> Cell:
    lines = [line for line in (pair.plain, pair.shifted) if line]
    cells = [loss_cell(line, differing) for line in lines]
    details = dict.fromkeys(cell.detail for cell in cells)
    return Cell(_both_ways(pair, [cell.text for cell in cells]), detail=" | ".join(filter(None, details)))


def _both_ways(pair: Pair, labels: list[str]) -> str:
    """Return the label, or both of them where the two trainings chose different parameters."""
    return " | ".join(dict.fromkeys(labels))


def _name(table: Robustness) -> str:
    protocols = dict.fromkeys((table.plain.protocol, table.shifted.protocol))
    return f"{table.plain.dataset}, split{'s' if len(protocols) > 1 else ''} {' and '.join(protocols)}"


def _notes(table: Robustness) -> tuple[str, ...]:
    plain = captions.notes_on((pair.plain for pair in table.pairs if pair.plain), table.plain)
    shifted = captions.notes_on((pair.shifted for pair in table.pairs if pair.shifted), table.shifted)
    if table.one_model:
        return tuple(plain)
    return (*(f"Split {PLAIN}: {note}" for note in plain), *(f"Split {SHIFTED}: {note}" for note in shifted))
