"""`rankbench report`: the leaderboards of what is stored."""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rankbench.cli.faults import say_faults
from rankbench.cli.report_files import check_places, write_files

if TYPE_CHECKING:
    from rankbench.report.table import Table
    from rankbench.results.compare import Query
    from rankbench.results.compare_runs import Run
    from rankbench.results.sound import Fault, Reading


class Compat(StrEnum):
    """Conventions of published tables."""

    ir_benchmark = "ir-benchmark"


class _Form(StrEnum):
    """What is printed."""

    terminal = "terminal"
    json = "json"
    csv = "csv"
    markdown = "markdown"
    latex = "latex"


class By(StrEnum):
    """What a report of robustness is broken down by."""

    group = "group"
    k = "k"


class Match(StrEnum):
    """Where losses are compared along their sweeps."""

    arp = "arp"
    ndcg = "ndcg"


class Along(StrEnum):
    """What a curve runs along."""

    gamma = "gamma"


KEEP = "What to show"
FORM = "Form of the output"


def report(
    ood: Annotated[
        bool, typer.Option("--ood", help="Tests iid and popularity side by side: what is real and what it costs.")
    ] = False,
    by: Annotated[
        By | None, typer.Option(help="With --ood, by groups of items and users, or at every K.", rich_help_panel=KEEP)
    ] = None,
    curve: Annotated[
        Along | None, typer.Option(help="With --ood, NDCG under a graded popularity shift.", rich_help_panel=KEEP)
    ] = None,
    pareto: Annotated[
        bool, typer.Option("--pareto", help="With --ood, all configurations that none beats.", rich_help_panel=KEEP)
    ] = False,
    match: Annotated[
        Match | None,
        typer.Option("--matched", help="With --ood, losses at the ARP or NDCG of softmax.", rich_help_panel=KEEP),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", "-d", help="Data sets; all if left out.", rich_help_panel=KEEP)
    ] = None,
    split: Annotated[
        str | None, typer.Option("--split", "-s", help="Split protocols; all if left out.", rich_help_panel=KEEP)
    ] = None,
    backbone: Annotated[
        str | None, typer.Option("--backbone", "-b", help="Backbones; all if left out.", rich_help_panel=KEEP)
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option("--loss", "-l", help="Losses; all if left out. Lines without one stay.", rich_help_panel=KEEP),
    ] = None,
    metric: Annotated[
        str, typer.Option("--metric", "-m", help="Metrics; the first one ranks.", rich_help_panel=KEEP)
    ] = "ndcg@20,recall@20",
    select: Annotated[
        str,
        typer.Option(help="Validation set that chooses parameters and epoch: iid or popularity.", rich_help_panel=KEEP),
    ] = "iid",
    compat: Annotated[
        Compat | None, typer.Option(help="Measure as the published tables do.", rich_help_panel=KEEP)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel=FORM)] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV, numbers in full.", rich_help_panel=FORM)] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.", rich_help_panel=FORM)] = False,
    latex: Annotated[
        bool, typer.Option("--latex", help="Print LaTeX, with the rules of booktabs.", rich_help_panel=FORM)
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write one page with tables and figures.", rich_help_panel=FORM),
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option("--plots", metavar="DIR", help="Write the figures as SVG, PDF and PNG.", rich_help_panel=FORM),
    ] = None,
    runs: Annotated[Path, typer.Option(envvar="RANKBENCH_RUNS", help="Folder of the results.")] = Path("runs"),
) -> None:
    """Print the leaderboard of every data set and split: parameters chosen on validation, measured on test."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: products here are too small to be shared out
    form = _form(json=json, csv=csv, markdown=markdown, latex=latex)
    view = _view(
        {"--by": by and by.value, "--curve": curve and curve.value, "--matched": match and match.value},
        pareto,
        ood,
        form,
    )
    from rankbench.report.request import check_names, metrics_in, names_in
    from rankbench.results.compare import Query

    query = Query(
        metrics=metrics_in(metric),
        select=select,
        convention=compat.value if compat else "standard",
        datasets=names_in(dataset),
        protocols=names_in(split),
        backbones=names_in(backbone),
        losses=names_in(loss),
    )
    if html or plots:
        check_places(html, plots, form.value)
    reading = _stored(runs)
    if reading.runs:
        check_names(query, reading.runs)
    if html or plots:
        shown, omitted, damaged = write_files(reading, query, html, plots)
    else:
        found = _shift(reading.runs, query, form, view) if ood else _leaderboards(reading.runs, query, form)
        shown, omitted, damaged = found
    faults = (*reading.faults, *damaged)
    _say(shown, omitted, len(reading.runs) - len(damaged), bool(faults), ood, runs)
    say_faults(faults)


def _form(**asked: bool) -> _Form:
    from rankbench.errors import UserError

    chosen = [name for name, wanted in asked.items() if wanted]
    if len(chosen) > 1:
        raise UserError(f"--{' and --'.join(chosen)} exclude each other.", "Ask for one form of output.")
    return _Form(chosen[0]) if chosen else _Form.terminal


def _view(options: dict[str, str | None], pareto: bool, ood: bool, form: _Form) -> str:
    """Return which view of a report of robustness is asked for, "" for none."""
    from rankbench.errors import UserError

    asked = {f"{option} {value}": value for option, value in options.items() if value}
    if pareto:
        asked["--pareto"] = "pareto"
    if len(asked) > 1:
        raise UserError(f"{' and '.join(asked)} exclude each other.", "Ask for one of them at a time.")
    option, view = next(iter(asked.items()), ("", ""))
    if view and not ood:
        raise UserError(f"{option} goes with --ood.", f"rankbench report --ood {option}")
    if view and form in (_Form.json, _Form.csv):
        raise UserError(
            f"{option} is a view for reading; --{form.value} has a fixed schema.",
            f"Name metrics instead, as in --{form.value} --metric ndcg@20,ndcg@50,ndcg_gamma_1@20.",
        )
    return view


def _stored(folder: Path) -> Reading:
    from rankbench.results.sound import read_sound
    from rankbench.results.store import Store

    return read_sound(Store(folder))


Answered = tuple[int, tuple[str, ...], tuple["Fault", ...]]
"""How many tables there were, what could not be answered, and which runs proved to be damaged on the way."""


def _leaderboards(runs: Sequence[Run], query: Query, form: _Form) -> Answered:
    """Print the leaderboards."""
    from rankbench.report.csv import csv_of
    from rankbench.report.json import json_of
    from rankbench.report.leaderboard import table_of
    from rankbench.results.compare import compare
    from rankbench.results.sound import surviving

    found, damaged = surviving(runs, lambda kept: compare(kept, query))
    if form is _Form.json:
        typer.echo(json_of(found.leaderboards), nl=False)
    elif form is _Form.csv:
        typer.echo(csv_of(found.leaderboards, query), nl=False)
    else:
        _draw([table_of(board) for board in found.leaderboards], form)
    return len(found.leaderboards), found.omitted, damaged


def _shift(runs: Sequence[Run], query: Query, form: _Form, view: str) -> Answered:
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
    if form is _Form.json:
        typer.echo(json_of_shift(found.tables), nl=False)
    elif form is _Form.csv:
        typer.echo(csv_of_shift(found.tables, query), nl=False)
    else:
        _draw(tables, form)
    return len(found.tables), found.omitted, damaged


def _draw(tables: list[Table], form: _Form) -> None:
    if form is _Form.markdown:
        from rankbench.report.markdown import markdown_of

        typer.echo("\n".join(markdown_of(table) for table in tables), nl=False)
        return
    if form is _Form.latex:
        from rankbench.report.latex import latex_of

        typer.echo("\n".join(latex_of(table) for table in tables), nl=False)
        return
    from rankbench.cli.console import results
    from rankbench.cli.tables import draw

    console = results()
    for table in tables:
        draw(table, console)


def _say(shown: int, omitted: tuple[str, ...], runs: int, damaged: bool, ood: bool, folder: Path) -> None:
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
