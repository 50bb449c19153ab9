"""What a page and a folder of plots hold: for every leaderboard its tables, its figures and the runs behind them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rankbench.report import leaderboard, shift
from rankbench.report.both_choices import shift_choices_table
from rankbench.report.figures import graded, popularity, scatter, significance, training
from rankbench.report.figures.series import Drawing, Series, series_of
from rankbench.report.table import Table
from rankbench.results.both_choices import compare_shift_both
from rankbench.results.compare import compare
from rankbench.results.compare_runs import Run
from rankbench.results.compare_shift import Robustness, compare_shift
from rankbench.results.evidence import evidences
from rankbench.results.leaderboard import Leaderboard, Line, Query


@dataclass(frozen=True)
class Section:
    """A leaderboard with all that belongs to it.

    Args:
        name: for a file or a link.
        title: data set and split.
        tables: the leaderboard first.
        drawings: its figures.
        series: its lines as they are called in the figures.
        lines: its lines, for their runs.
    """

    name: str
    title: str
    tables: tuple[Table, ...]
    drawings: tuple[Drawing, ...]
    series: tuple[Series, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Sections:
    """The sections that answer a query, and in words what could not be answered."""

    found: tuple[Section, ...]
    omitted: tuple[str, ...]


def sections_of(runs: Sequence[Run], query: Query, both: bool = False) -> Sections:
    """Return a section for every data set with both tests, and one for every other leaderboard.

    Args:
        runs: the runs.
        query: what is asked.
        both: whether to show also what each validation set chooses, where there are two.
    """
    robust, boards = compare_shift(runs, query), compare(runs, query)
    chosen = _choices(runs, query) if both else {}
    found = [_of_shift(table, chosen.get(table.plain.dataset) if table.one_model else None) for table in robust.tables]
    covered = {(table.plain.dataset, table.plain.protocol) for table in robust.tables if table.one_model}
    found += [_of_board(board) for board in boards.leaderboards if (board.dataset, board.protocol) not in covered]
    return Sections(tuple(sorted(found, key=lambda section: section.title)), boards.omitted)


def _choices(runs: Sequence[Run], query: Query) -> dict[str, Table]:
    """Return, by data set, what each validation set chooses where there are two."""
    found = [tables for tables in compare_shift_both(runs, query).found if len(tables) > 1]
    return {tables[0].plain.dataset: shift_choices_table(tables) for tables in found}


def _of_shift(table: Robustness, choices: Table | None) -> Section:
    lines = [pair.line for pair in table.pairs]
    series = series_of(lines)
    tables = [*shift.tables_of(table), *([choices] if choices else []), *shift.recall_tables(table)]
    K, select = table.plain.query.metrics[0].K, table.plain.query.select
    drawings = [
        scatter.of_shift(table, series),
        graded.of_board(table.plain, [pair.plain for pair in table.pairs], series),
        popularity.of_groups_on(table.plain.test, K, [pair.plain_groups for pair in table.pairs], series),
        popularity.of_groups_on(table.shifted.test, K, [pair.shifted_groups for pair in table.pairs], series),
        *_significance(table, series),
        training.of_lines(lines, select, series),
    ]
    protocols = " and ".join(dict.fromkeys((table.plain.protocol, table.shifted.protocol)))
    sides = [side for pair in table.pairs for side in (pair.plain, pair.shifted) if side]
    return _section(table.plain.dataset, protocols, tables, drawings, series, sides if not table.one_model else lines)


def _significance(table: Robustness, series: Sequence[Series]) -> list[Drawing | None]:
    if table.evidence is None:
        return []
    plain, shifted = ([pair.plain for pair in table.pairs], [pair.shifted for pair in table.pairs])
    by_test = table.evidence.by_test
    return [
        significance.of_board(board, by_test[board.test].beats, lines, series)
        for board, lines in ((table.plain, plain), (table.shifted, shifted))
        if board.test in by_test
    ]


def _of_board(board: Leaderboard) -> Section:
    series, found = series_of(board.lines), evidences([board])
    beats = found.by_test[board.test].beats if found else {}
    drawings = [
        graded.of_board(board, board.lines, series),
        significance.of_board(board, beats, board.lines, series),
        training.of_lines(board.lines, board.query.select, series),
    ]
    return _section(board.dataset, board.protocol, [leaderboard.table_of(board)], drawings, series, board.lines)


def _section(
    dataset: str,
    protocol: str,
    tables: Iterable[Table],
    drawings: Iterable[Drawing | None],
    series: Iterable[Series],
    lines: Iterable[Line],
) -> Section:
    return Section(
        name="-".join(re.findall(r"[a-z0-9.]+", f"{dataset} {protocol}".lower())),
        title=f"{dataset}, split {protocol}",
        tables=tuple(tables),
        drawings=tuple(drawing for drawing in drawings if drawing),
        series=tuple(series),
        lines=tuple(lines),
    )
