"""`rankbench runs`: what is stored, one by one; being rid of it, and sharing it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rankbench.cli.faults import say_faults
from rankbench.cli.runs_exchange import export_runs, import_runs

if TYPE_CHECKING:
    from rankbench.results.compare_runs import Run

runs = typer.Typer(help="List, show, remove and share stored runs.", no_args_is_help=True)
runs.command("export")(export_runs)
runs.command("import")(import_runs)

Folder = Annotated[Path, typer.Option("--runs", envvar="RANKBENCH_RUNS", help="Folder of the results.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Id = Annotated[str, typer.Argument(metavar="RUN", help="The beginning of an identifier, or the folder of a run.")]


@runs.command("list")
def list_runs(
    dataset: Annotated[str | None, typer.Option("--dataset", "-d", help="Data sets; all if left out.")] = None,
    split: Annotated[str | None, typer.Option("--split", "-s", help="Split protocols; all if left out.")] = None,
    backbone: Annotated[str | None, typer.Option("--backbone", "-b", help="Backbones; all if left out.")] = None,
    loss: Annotated[str | None, typer.Option("--loss", "-l", help="Losses; all if left out.")] = None,
    folder: Folder = Path("runs"),
    json: Json = False,
) -> None:
    """List the stored runs; what cannot be relied on is named apart."""
    from rankbench.report.request import asked_for, check_parts, names_in
    from rankbench.report.stored import json_of_runs, table_of_runs
    from rankbench.results.leaderboard import Query
    from rankbench.results.sound import read_sound
    from rankbench.results.store import Store

    reading = read_sound(Store(folder))
    query = Query(
        datasets=names_in(dataset), protocols=names_in(split), backbones=names_in(backbone), losses=names_in(loss)
    )
    if reading.runs:
        check_parts(query, reading.runs)
    found = asked_for(reading.runs, query)
    if json:
        typer.echo(json_of_runs(found, reading.faults), nl=False)
    elif found:
        from rankbench.cli.console import results
        from rankbench.cli.tables import draw

        draw(table_of_runs(found), results())
    else:
        from rankbench.cli.console import notes

        text = f"None of the {len(reading.runs)} runs in {folder} has all these names." if reading.runs else ""
        notes().print(text or f"No runs in {folder}. `rankbench run` makes some.", markup=False, soft_wrap=True)
    say_faults(reading.faults)


@runs.command("show")
def show_run(run: Id, folder: Folder = Path("runs"), json: Json = False) -> None:
    """Show one run: what was run, where, what it reached, and the command that makes it again."""
    from rankbench.results.lookup import find_run
    from rankbench.results.sound import sound
    from rankbench.results.store import Store

    store = Store(folder)
    stored = find_run(store, run)
    found = sound(stored, stored.path.parents[2])
    if json:
        from rankbench.report.stored import json_of_run

        typer.echo(json_of_run(found), nl=False)
        return
    _show(found)


@runs.command("remove")
def remove_run(
    ids: Annotated[list[str], typer.Argument(metavar="RUN...", help="Beginnings of identifiers, or folders of runs.")],
    folder: Folder = Path("runs"),
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove runs from the store; all are looked for before the first one goes."""
    from rankbench.results.lookup import find_run, remove
    from rankbench.results.store import Store

    store = Store(folder)
    found = {stored.path: stored for stored in (find_run(store, text) for text in ids)}
    if not yes:
        for path in found:
            typer.echo(path, err=True)
        typer.confirm(f"Remove {len(found)} run{'s' if len(found) > 1 else ''} for good?", abort=True, err=True)
    for stored in found.values():
        remove(store, stored)
        typer.echo(f"Removed {stored.path}.")


def _show(run: Run) -> None:
    from rich.table import Table
    from rich.text import Text

    from rankbench.cli.console import results
    from rankbench.cli.tables import draw
    from rankbench.report.stored import curves_of_run, facts_of_run, metrics_of_run
    from rankbench.results.lookup import command_of

    console = results()
    facts = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value in facts_of_run(run):
        facts.add_row(Text(name), Text(value))
    for name, bars, span in curves_of_run(run):
        facts.add_row(Text(name), Text(f"{bars}  {span}"))
    console.print(Text(f"Run {run.stored.id}", style="bold"))
    console.print(facts)
    console.print()
    if not run.diverged:
        draw(metrics_of_run(run), console)
    console.print(Text(command_of(run)), soft_wrap=True)
