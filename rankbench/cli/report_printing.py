"""What `rankbench report` prints: tables on the terminal, or one of the forms for other programs; notes on stderr."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rankbench.cli.report_options import Form

if TYPE_CHECKING:
    from rankbench.report.table import Table
    from rankbench.results.compare_runs import Run
    from rankbench.results.compare_shift import Robustness
    from rankbench.results.leaderboard import Leaderboard, Query
    from rankbench.results.sound import Fault

Answered = tuple[int, tuple[str, ...], tuple["Fault", ...]]
"""How many tables there were, what could not be answered, and which runs proved to be damaged on the way."""


def print_leaderboards(runs: Sequence[Run], query: Query, form: Form) -> Answered:
    """Print the leaderboards."""
    from rankbench.report.leaderboard import table_of
    from rankbench.results.compare import compare
    from rankbench.results.sound import surviving

    found, damaged = surviving(runs, lambda kept: compare(kept, query))
    if not _written(found.leaderboards, query, form):
        _draw([table_of(board) for board in found.leaderboards], form)
    return len(found.leaderboards), found.omitted, damaged


def print_shift(runs: Sequence[Run], query: Query, form: Form, view: str) -> Answered:
    """Print the tables of robustness, or a view of them: "group", "k" or "gamma"."""
    from rankbench.report.by_cut_off import at_every_cut_off
    from rankbench.report.view import tables_of_view
    from rankbench.results.compare_shift import Shift, compare_shift
    from rankbench.results.sound import surviving

    if view not in ("", "k") and form in (Form.json, Form.csv):
        return _print_records(runs, query, form, view)
    asked = at_every_cut_off(query) if view == "k" else query

    def answer(kept: list[Run]) -> tuple[Shift, list[Table]]:
        found = compare_shift(kept, asked)  # what a view reads beside it may be damaged, too
        drawn = [] if form in (Form.json, Form.csv) else found.tables
        return found, [one for table in drawn for one in tables_of_view(table, view, kept)]

    (found, tables), damaged = surviving(runs, answer)
    if not _written_shift(found.tables, asked, form):
        _draw(tables, form)
    return len(found.tables), found.omitted, damaged


def _print_records(runs: Sequence[Run], query: Query, form: Form, view: str) -> Answered:
    """Print a view of the tables of robustness for other programs."""
    from rankbench.report.csv import written
    from rankbench.report.records import Record, columns_of_view, json_of_records, records_of_view
    from rankbench.results.compare_shift import compare_shift
    from rankbench.results.sound import surviving

    def answer(kept: list[Run]) -> tuple[tuple[str, ...], list[tuple[Robustness, list[Record]]]]:
        found = compare_shift(kept, query)
        return found.omitted, [(table, records_of_view(table, view, kept)) for table in found.tables]

    (omitted, found), damaged = surviving(runs, answer)
    if form is Form.json:
        typer.echo(json_of_records(found, view), nl=False)
    else:
        records = [record for _, of_table in found for record in of_table]
        typer.echo(written(columns_of_view(view, query), records), nl=False)
    return len(found), omitted, damaged


def print_both(runs: Sequence[Run], query: Query, form: Form, ood: bool) -> Answered:
    """Print leaderboards, or tables of robustness, as each validation set chooses them."""
    from rankbench.report.both_choices import choices_table, shift_choices_table
    from rankbench.results.both_choices import compare_both, compare_shift_both
    from rankbench.results.sound import surviving

    if ood:
        tables, damaged = surviving(runs, lambda kept: compare_shift_both(kept, query))
        if not _written_shift([table for both in tables.found for table in both], query, form):
            _draw([shift_choices_table(both) for both in tables.found], form)
        return len(tables.found), tables.omitted, damaged
    boards, damaged = surviving(runs, lambda kept: compare_both(kept, query))
    if not _written([board for both in boards.found for board in both], query, form):
        _draw([choices_table(both) for both in boards.found], form)
    return len(boards.found), boards.omitted, damaged


def _written(boards: Sequence[Leaderboard], query: Query, form: Form) -> bool:
    """Print leaderboards for other programs, if that is asked for."""
    from rankbench.report.csv import csv_of
    from rankbench.report.json import json_of

    if form is Form.json:
        typer.echo(json_of(boards), nl=False)
    elif form is Form.csv:
        typer.echo(csv_of(boards, query), nl=False)
    return form in (Form.json, Form.csv)


def _written_shift(tables: Sequence[Robustness], query: Query, form: Form) -> bool:
    """Print tables of robustness for other programs, if that is asked for."""
    from rankbench.report.csv import csv_of_shift
    from rankbench.report.json import json_of_shift

    if form is Form.json:
        typer.echo(json_of_shift(tables), nl=False)
    elif form is Form.csv:
        typer.echo(csv_of_shift(tables, query), nl=False)
    return form in (Form.json, Form.csv)


def _draw(tables: list[Table], form: Form) -> None:
    if form is Form.markdown:
        from rankbench.report.markdown import markdown_of

        typer.echo("\n".join(markdown_of(table) for table in tables), nl=False)
        return
    if form is Form.latex:
        from rankbench.report.latex import latex_of

        typer.echo("\n".join(latex_of(table) for table in tables), nl=False)
        return
    from rankbench.cli.console import results
    from rankbench.cli.tables import draw

    console = results()
    for table in tables:
        draw(table, console)


def say(shown: int, omitted: tuple[str, ...], runs: int, damaged: bool, ood: bool, folder: Path) -> None:
    """Say on stderr what was left out, and what to run where there is nothing to show."""
    from rankbench.cli.console import notes

    console = notes()
    for sentence in omitted:
        console.print(sentence, markup=False, soft_wrap=True)
    if not runs and damaged:
        console.print(f"No run in {folder} can be relied on.", markup=False, soft_wrap=True)
    elif not runs:
        console.print(
            f"No runs in {folder} yet. `rankbench run` makes the first: dsl and softmax on the data that ships.",
            markup=False,
            soft_wrap=True,
        )
    elif ood and not shown:
        console.print("`rankbench run --split shift` trains one model for both tests.", markup=False, soft_wrap=True)
    elif not shown and not omitted:
        console.print(f"None of the {runs} runs in {folder} has all these names.", markup=False, soft_wrap=True)
