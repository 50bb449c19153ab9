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
    from rankbench.results.leaderboard import Query
    from rankbench.results.sound import Fault

Answered = tuple[int, tuple[str, ...], tuple["Fault", ...]]
"""How many tables there were, what could not be answered, and which runs proved to be damaged on the way."""


def print_leaderboards(runs: Sequence[Run], query: Query, form: Form) -> Answered:
    """Print the leaderboards."""
    from rankbench.report.csv import csv_of
    from rankbench.report.json import json_of
    from rankbench.report.leaderboard import table_of
    from rankbench.results.compare import compare
    from rankbench.results.sound import surviving

    found, damaged = surviving(runs, lambda kept: compare(kept, query))
    if form is Form.json:
        typer.echo(json_of(found.leaderboards), nl=False)
    elif form is Form.csv:
        typer.echo(csv_of(found.leaderboards, query), nl=False)
    else:
        _draw([table_of(board) for board in found.leaderboards], form)
    return len(found.leaderboards), found.omitted, damaged


def print_shift(runs: Sequence[Run], query: Query, form: Form, view: str) -> Answered:
    """Print the tables of robustness, or a view of them: "group", "k" or "gamma"."""
    from rankbench.report.by_cut_off import at_every_cut_off
    from rankbench.report.csv import csv_of_shift
    from rankbench.report.json import json_of_shift
    from rankbench.report.view import tables_of_view
    from rankbench.results.compare_shift import Shift, compare_shift
    from rankbench.results.sound import surviving

    asked = at_every_cut_off(query) if view == "k" else query

    def answer(kept: list[Run]) -> tuple[Shift, list[Table]]:
        found = compare_shift(kept, asked)  # what a view reads beside it may be damaged, too
        return found, [drawn for table in found.tables for drawn in tables_of_view(table, view, kept)]

    (found, tables), damaged = surviving(runs, answer)
    if form is Form.json:
        typer.echo(json_of_shift(found.tables), nl=False)
    elif form is Form.csv:
        typer.echo(csv_of_shift(found.tables, query), nl=False)
    else:
        _draw(tables, form)
    return len(found.tables), found.omitted, damaged


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
