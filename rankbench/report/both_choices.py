"""Leaderboards as two validation sets choose them, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rankbench.report import captions
from rankbench.report.leaderboard import both_ways, gain_cell, label_of, score_cell, table_of
from rankbench.report.notes import notes_on
from rankbench.report.shift_table import side_cells, sides_of, table_of_both
from rankbench.report.table import Cell, Column, Table, mark_best, percent
from rankbench.results.both_choices import change, epoch_of
from rankbench.results.compare_shift import Robustness
from rankbench.results.leaderboard import PLAIN, SHIFTED, Leaderboard, Line

SAME = "="
"""What stands for a change where both sets chose the same."""


def choices_table(boards: Sequence[Leaderboard]) -> Table:
    """Return a leaderboard as each validation set chooses it; as it is where only one does."""
    if len(boards) < 2:
        return table_of(boards[0])
    first, second = boards
    others = {line.key: line for line in second.lines}
    both = [(line, others[line.key]) for line in first.lines]
    metric, differing = first.query.metrics[0], captions.varying(line for pair in both for line in pair)
    rows = [
        (
            *_names(pair, differing),
            *(cell for line in pair for cell in (_bare(score_cell(line, metric)), gain_cell(line, metric))),
            _change(*pair, first),
            _epochs(pair, boards),
        )
        for pair in both
    ]
    return Table(
        title=f"{first.dataset}, split {first.protocol}, test {first.test}: {captions.title_of(metric)} as each "
        "validation set chooses",
        columns=(*_NAMES, *_columns(boards, "", (0, 2, 1)), _EPOCH),
        rows=mark_best(rows),
        caption=captions.of_choices(first),
        notes=tuple(dict.fromkeys(note for board in boards for note in notes_on(board.lines, board))),
    )


def shift_choices_table(tables: Sequence[Robustness]) -> Table:
    """Return a table of robustness as each validation set chooses it; as it is where only one does."""
    if len(tables) < 2:
        return table_of_both(tables[0])
    first, second = tables
    others = {pair.line.key: pair for pair in second.pairs}
    both = [(pair, others[pair.line.key]) for pair in first.pairs]
    differing = captions.varying(line for pairs in both for pair in pairs for line in sides_of(pair))
    rows = [
        (
            *_names([pair.line for pair in pairs], differing),
            *_on_test([pair.plain for pair in pairs], [table.plain for table in tables], tables),
            *_on_test([pair.shifted for pair in pairs], [table.shifted for table in tables], tables),
            _epochs([pair.line for pair in pairs], [table.plain for table in tables]),
        )
        for pairs in both
    ]
    boards, metric = [table.plain for table in tables], captions.title_of(first.plain.query.metrics[0])
    return Table(
        title=f"{first.plain.dataset}, split {first.plain.protocol}: {metric} as each validation set chooses",
        columns=(
            *_NAMES,
            *_columns(boards, PLAIN, (2, 4, 3)),
            *_columns(boards, SHIFTED, (0, 0, 1)),
            _EPOCH,
        ),
        rows=mark_best(rows),
        caption=captions.of_shift_choices(first),
        notes=tuple(dict.fromkeys(note for table in tables for note in table_of_both(table).notes)),
    )


_NAMES = (Column("loss", number=False), Column("backbone", number=False))
_EPOCH = Column("epoch", number=False, spare=5)


def _columns(boards: Sequence[Leaderboard], test: str, spares: tuple[int, int, int]) -> tuple[Column, ...]:
    """Return the columns of a test; spares are those of the metric, of the gain and of the change."""
    value, gain, changed = spares
    of_choices = [
        Column(title, above=test, spare=spare)
        for board in boards
        for title, spare in ((f"by {board.query.select}", value), ("gain", gain))
    ]
    return (*of_choices, Column("change", above=test, spare=changed))


def _on_test(
    lines: Sequence[Line | None], boards: Sequence[Leaderboard], tables: Sequence[Robustness]
) -> tuple[Cell, ...]:
    """Return the first metric and its gain by each choice, and what the second choice changes."""
    cells = [
        _bare(cell)
        for line, board, table in zip(lines, boards, tables, strict=True)
        for cell in side_cells(line, board, table)[:2]
    ]
    return (*cells, _change(lines[0], lines[1], boards[0]))


def _names(lines: Sequence[Line], differing: set[str]) -> tuple[Cell, Cell]:
    return label_of(lines, differing), Cell(both_ways(line.backbone for line in lines))


def _bare(cell: Cell) -> Cell:
    """Return a cell without spread and interval, which the report of one choice has."""
    return replace(cell, spread="", detail="")


def _change(first: Line | None, second: Line | None, board: Leaderboard) -> Cell:
    found = change(first, second, board.query)
    return Cell(SAME) if found == 0 else replace(percent(found, signed=True), value=None)


def _epochs(lines: Sequence[Line], boards: Sequence[Leaderboard]) -> Cell:
    found = [epoch_of(line, board.query.select) for line, board in zip(lines, boards, strict=True)]
    return Cell(both_ways(f"{epoch:.4g}" for epoch in found if epoch is not None) or Cell().text)
