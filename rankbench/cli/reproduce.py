"""`rankbench reproduce`: make a published table again, and show it beside the published figures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rankbench.cli.places import DataFolder, Deterministic, Device, Jobs, Mirror, RunsFolder, Threads, Where

if TYPE_CHECKING:
    import torch

    from rankbench.published import Line, PublishedTable
    from rankbench.published.reproduction import Reproduced
    from rankbench.results.store import Store
    from rankbench.runner import Job

    Chosen = tuple[PublishedTable, tuple[Line, ...]]


def reproduce(
    table: Annotated[
        str | None, typer.Argument(help="The published table; left out, the tables are listed.", show_default=False)
    ] = None,
    line: Annotated[
        str | None, typer.Option("--line", "-l", help="Lines of the table, as in SL,PSL; all if left out.")
    ] = None,
    part: Annotated[
        str | None, typer.Option("--only", help="Backbones or data sets of the table, as in mf; all if left out.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A tenth of the epochs: a look, no reproduction.")] = False,
    seed: Annotated[str, typer.Option(help="Seeds: 3, 0,1,2 or 0-4.")] = "0",
    device: Where = Device.auto,
    deterministic: Deterministic = False,
    threads: Threads = None,
    jobs: Jobs = 1,
    data: DataFolder = None,
    runs: RunsFolder = Path("runs"),
    mirror: Mirror = None,
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
    from rankbench.cli.side_by_side import Asked, check_jobs
    from rankbench.device import device_of
    from rankbench.plan import read_seeds
    from rankbench.published.reproduction import lines_of, reproduced
    from rankbench.report.request import names_in
    from rankbench.results.store import Store

    wanted = published.only(published.find(table), names_in(part))
    wanted = tuple(map(published.quick, wanted)) if quick else wanted
    each = [(one, lines_of(wanted, one, names_in(line))) for one in wanted]
    chosen = [(one, lines) for one, lines in each if lines]
    seeds, where, store = read_seeds(seed), device_of(device.value), Store(runs)
    check_jobs(jobs, where.type)
    of_line = _planned(chosen, seeds, data, mirror)
    every = _in_order(of_line)
    if dry_run:
        running.show_plan(every, store, json)
        return
    if not stored:
        made = partial(_planned_again, chosen, seeds, data)
        asked = Asked(made, runs, where.type, deterministic, threads)
        _say_duration(every, store, asked.settle(1), jobs)
        running.make(asked, every, store, jobs)
    found = [(one, [reproduced(one, of, of_line[one.part, of.name], store) for of in lines]) for one, lines in chosen]
    _show(found, json, markdown)
    if not all(of.scores for _, lines in found for of in lines):
        raise typer.Exit(1)


def _planned(
    chosen: Sequence[Chosen], seeds: list[int], data: Path | None, mirror: str | None
) -> dict[tuple[str, str], list[Job]]:
    """Return the runs of each line, by the names of part and line; data that are missing are prepared now."""
    from rankbench.cli.run import splits_of
    from rankbench.published.reproduction import jobs_of

    jobs: dict[tuple[str, str], list[Job]] = {}
    for one, lines in chosen:
        splits = splits_of(data, one.dataset, one.protocol, mirror)
        jobs |= {(one.part, line.name): jobs_of(one, line, splits, seeds) for line in lines}
    return jobs


def _planned_again(chosen: Sequence[Chosen], seeds: list[int], data: Path | None) -> list[Job]:
    """Return the runs of all lines, whose data are there already."""
    return _in_order(_planned(chosen, seeds, data, None))


def _in_order(of_line: dict[tuple[str, str], list[Job]]) -> list[Job]:
    return [job for jobs in of_line.values() for job in jobs]


def _say_duration(jobs: list[Job], store: Store, device: torch.device, n: int) -> None:
    """Say on stderr how long it may take, and where the guess comes from."""
    from rankbench.cli.console import notes
    from rankbench.device import release_memory
    from rankbench.published.duration import SECONDS, guess
    from rankbench.report.stored import duration

    found = guess(jobs, store, device)
    release_memory(device)  # of what was trained to be measured: the runs may be made by other processes
    if not found.missing:
        return
    sources = []
    if found.known:
        sources.append(f"stored runs of {found.known} of their kinds")
    if found.measured:
        sources.append(f"{SECONDS:.0f} s of training of each of {found.measured} kinds, evaluation not counted")
    notes().print(
        f"{found.missing} of {len(jobs)} runs are to be made, about {duration(found.seconds)} on this machine"
        f"{', one after the other' if n > 1 else ''}: a guess "
        f"from {' and '.join(sources)}. It can be stopped; the same command goes on.",
        markup=False,
        soft_wrap=True,
    )


def _show(found: list[tuple[PublishedTable, list[Reproduced]]], json: bool, markdown: bool) -> None:
    from rankbench.report.reproduction import json_of, table_of

    if json:
        typer.echo(json_of(found), nl=False)
        return
    tables = [table_of(table, lines) for table, lines in found]
    if markdown:
        from rankbench.report.markdown import markdown_of

        typer.echo("\n".join(map(markdown_of, tables)), nl=False)
        return
    from rankbench.cli.console import results
    from rankbench.cli.tables import draw

    console = results()
    for drawn in tables:
        draw(drawn, console)


def _list(json: bool) -> None:
    import json as writer

    from rankbench import published

    found = {name: published.find(name) for name in published.names()}
    if json:
        entries = {
            name: [
                {"part": one.part, "title": one.title, "dataset": one.dataset, "backbone": one.backbone,
                 "lines": len(one.lines), "source": one.source, "certainty": one.certainty}
                for one in parts
            ]
            for name, parts in found.items()
        }  # fmt: skip
        typer.echo(writer.dumps(entries, indent=2, ensure_ascii=False))
        return
    from rich.table import Table

    from rankbench.cli.console import results

    drawn = Table("table", "--only", "lines", "what it is", box=None, pad_edge=False)
    for name, parts in found.items():
        for one in parts:
            drawn.add_row(name, one.part, str(len(one.lines)), one.title)
        drawn.add_row("", "", "", "; ".join(filter(None, (parts[0].source, parts[0].certainty))), style="dim")
    results().print(drawn)
