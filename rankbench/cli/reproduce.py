"""`rankbench reproduce`: make a published table again, and show it beside the published figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rankbench.cli.run import Device

if TYPE_CHECKING:
    from rankbench.published import PublishedTable
    from rankbench.published.reproduction import Reproduced


def reproduce(
    table: Annotated[
        str | None, typer.Argument(help="The published table; left out, the tables are listed.", show_default=False)
    ] = None,
    line: Annotated[
        str | None, typer.Option("--line", "-l", help="Lines of the table, as in SL,PSL; all if left out.")
    ] = None,
    seed: Annotated[str, typer.Option(help="Seeds: 3, 0,1,2 or 0-4.")] = "0",
    device: Annotated[Device, typer.Option(help="CUDA if there is one.")] = Device.auto,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads on the CPU; all if left out.")] = None,
    data: Annotated[Path | None, typer.Option(envvar="RANKBENCH_DATA", help="Folder of the data.")] = None,
    runs: Annotated[Path, typer.Option(envvar="RANKBENCH_RUNS", help="Folder of the results.")] = Path("runs"),
    mirror: Annotated[
        str | None, typer.Option(envvar="RANKBENCH_MIRROR", help="Folder or address to take archives from.")
    ] = None,
    stored: Annotated[bool, typer.Option("--stored", help="Show what is stored, make no runs.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the runs and their ids, make none.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
) -> None:
    """Make the runs of a published table with its settings, and show what they reach beside the published figures."""
    from rankbench.errors import UserError

    if json and markdown:
        raise UserError("--json and --markdown exclude each other.", "Ask for one form of output.")
    if table is None:
        _list(json)
        return
    from rankbench import published
    from rankbench.cli import running
    from rankbench.cli.run import splits_of, use_threads
    from rankbench.device import device_of
    from rankbench.plan import read_seeds
    from rankbench.published.reproduction import jobs_of, lines_of, reproduced
    from rankbench.results.store import Store

    wanted = published.find(table)
    lines = lines_of(wanted, line.split(",") if line else [])
    seeds, where, store = read_seeds(seed), device_of(device.value), Store(runs)
    splits = splits_of(data, wanted.dataset, wanted.protocol, mirror)
    jobs = {one.name: jobs_of(wanted, one, splits, seeds) for one in lines}
    every = [job for of_line in jobs.values() for job in of_line]
    if dry_run:
        running.show_plan(every, store, json)
        return
    if not stored:
        use_threads(threads)
        running.make(every, store, where, force=False)
    found = [reproduced(wanted, one, jobs[one.name], store) for one in lines]
    _show(wanted, found, json, markdown)
    if not all(one.scores for one in found):
        raise typer.Exit(1)


def _show(table: PublishedTable, lines: list[Reproduced], json: bool, markdown: bool) -> None:
    from rankbench.report.reproduction import json_of, table_of

    if json:
        typer.echo(json_of(table, lines), nl=False)
        return
    drawn = table_of(table, lines)
    if markdown:
        from rankbench.report.markdown import markdown_of

        typer.echo(markdown_of(drawn), nl=False)
        return
    from rankbench.cli.console import results
    from rankbench.cli.tables import draw

    draw(drawn, results())


def _list(json: bool) -> None:
    import json as writer

    from rankbench import published

    found = {name: published.find(name) for name in published.names()}
    if json:
        entries = {name: {"title": table.title, "source": table.source} for name, table in found.items()}
        typer.echo(writer.dumps(entries, indent=2, ensure_ascii=False))
        return
    from rich.table import Table

    from rankbench.cli.console import results

    drawn = Table("table", "lines", "what it is", "source", box=None, pad_edge=False)
    for name, table in found.items():
        drawn.add_row(name, str(len(table.lines)), table.title, table.source)
    results().print(drawn)
