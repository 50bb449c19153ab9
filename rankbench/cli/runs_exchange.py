"""`rankbench runs export` and `import`: runs as one file, to be kept, sent and taken into another store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rankbench.cli.faults import say_faults
from rankbench.errors import UserError

if TYPE_CHECKING:
    from rankbench.results.compare_runs import Run
    from rankbench.results.exchange import Imported
    from rankbench.results.sound import Reading
    from rankbench.results.store import Store

Folder = Annotated[Path, typer.Option("--runs", envvar="RANKBENCH_RUNS", help="Folder of the results.")]


def export_runs(
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="The archive to write.")],
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="Beginnings of identifiers; all runs if left out.")
    ] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", "-d", help="Data sets; all if left out.")] = None,
    split: Annotated[str | None, typer.Option("--split", "-s", help="Split protocols; all if left out.")] = None,
    backbone: Annotated[str | None, typer.Option("--backbone", "-b", help="Backbones; all if left out.")] = None,
    loss: Annotated[str | None, typer.Option("--loss", "-l", help="Losses; all if left out.")] = None,
    folder: Folder = Path("runs"),
    force: Annotated[bool, typer.Option("--force", help="Replace the file if there is one.")] = False,
) -> None:
    """Write runs into one zip archive; the same runs give the same bytes."""
    from rankbench.report.request import asked_for, check_parts, names_in
    from rankbench.results.exchange import export_runs as write
    from rankbench.results.leaderboard import Query
    from rankbench.results.sound import read_sound
    from rankbench.results.store import Store

    if file.suffix.lower() != ".zip":
        raise UserError(f"{file} does not end in .zip.", "For example runs.zip.")
    if file.exists() and not force:
        raise UserError(f"{file} is there already.", "Name another file, or add --force.")
    store = Store(folder)
    reading = read_sound(store)
    query = Query(
        datasets=names_in(dataset), protocols=names_in(split), backbones=names_in(backbone), losses=names_in(loss)
    )
    if reading.runs:
        check_parts(query, reading.runs)
    found = asked_for(_named(store, reading, ids) if ids else reading.runs, query)
    if not found:
        raise UserError(f"There is nothing to export in {folder}.", "`rankbench runs list` lists what is stored.")
    write(found, file)
    typer.echo(f"{len(found)} run{'s' if len(found) > 1 else ''} in {file}, {file.stat().st_size / 1e6:,.1f} MB.")
    if not ids:
        say_faults(reading.faults)


def import_runs(
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="An archive that `rankbench runs export` wrote.")],
    folder: Folder = Path("runs"),
) -> None:
    """Take the runs of an archive into the store; what is stored already stays as it is."""
    from rankbench.results.exchange import import_runs as take
    from rankbench.results.store import Store

    found = take(file, Store(folder))
    typer.echo(f"{len(found.added)} added, {len(found.known)} here already.")
    _say_refused(found)
    if found.different or found.faults:
        raise typer.Exit(1)


def _named(store: Store, reading: Reading, ids: list[str]) -> list[Run]:
    """Return the runs that are named, each once.

    Raises:
        UserError: one of them does not exist, or cannot be relied on.
    """
    from rankbench.results.lookup import find_run

    by_path = {run.stored.path: run for run in reading.runs}
    found = {}
    for text in ids:
        path = find_run(store, text).path
        if path not in by_path:
            what = next((f"it cannot be relied on: {f.what}" for f in reading.faults if f.path == path), "not of it")
            raise UserError(f"{path} cannot be exported: {what}.", "`rankbench runs list` lists what can.")
        found[path] = by_path[path]
    return list(found.values())


def _say_refused(found: Imported) -> None:
    from rankbench.cli.console import notes

    console = notes()
    if found.different:
        console.print(
            f"{len(found.different)} not taken: stored here with other numbers, which were kept.", style="bold yellow"
        )
        for path in found.different:
            console.print(f"  {path}", markup=False, soft_wrap=True)
        console.print("To take one, `rankbench runs remove` it first, then import again.", style="dim", soft_wrap=True)
    if found.faults:
        console.print(f"{len(found.faults)} not taken: they cannot be relied on.", style="bold yellow")
        for fault in found.faults:
            console.print(f"  {fault.path}: {fault.what}", markup=False, soft_wrap=True)
