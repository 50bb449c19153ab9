"""`rankbench data`: what lies in the folder of the data, whether it is sound, and how to be rid of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rankbench.errors import UserError

if TYPE_CHECKING:
    from rankbench.data.inventory import Prepared

data = typer.Typer(help="List, verify, remove and find the prepared data.", no_args_is_help=True)

Folder = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", envvar="RANKBENCH_DATA", help="Folder of the data.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="A data set.")]
Split = Annotated[str | None, typer.Option(help="Only these splits, as in iid,popularity.", show_default=False)]


@data.command("list")
def list_data(folder: Folder = None, json: Json = False) -> None:
    """List the prepared splits and the downloaded files, with their sizes."""
    from rankbench.data.inventory import downloaded, prepared

    where = _folder(folder)
    splits, files = prepared(where), downloaded(where)
    if json:
        import json as writer

        found = {
            "data": str(where),
            "splits": [
                {"dataset": s.dataset, "protocol": s.protocol, "folder": str(s.folder), "bytes": s.bytes}
                for s in splits
            ],
            "files": [{"file": str(file), "bytes": file.stat().st_size} for file in files],
        }
        typer.echo(writer.dumps(found, indent=2))
        return
    from rich.table import Table

    from rankbench.cli.console import notes, results

    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for title in ("data set", "split"):
        table.add_column(title, overflow="fold")
    table.add_column("size", justify="right", no_wrap=True)
    for split in splits:
        table.add_row(split.dataset, split.protocol, _megabytes(split.bytes))
    for file in files:
        table.add_row(str(file.relative_to(where)), "", _megabytes(file.stat().st_size))
    results().print(table)
    notes().print(f"All of it is in {where}.", style="dim", markup=False, soft_wrap=True)


@data.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Data sets; all if left out.")] = None,
    folder: Folder = None,
    json: Json = False,
) -> None:
    """Hash everything again and name what is wrong; exit code 1 if something is."""
    from dataclasses import asdict

    from rankbench.data.catalog import catalog_of, find_dataset
    from rankbench.data.inventory import verify as check

    where = _folder(folder)
    known = {split.dataset for split in _prepared(where)}
    for name in names or []:
        if name not in known:
            find_dataset(name, catalog_of(where))
    checked = []
    for one in check(where, tuple(names or ())):
        checked.append(one)
        if not json:
            typer.echo(f"{one.what}: {one.fault or 'sound'}")
    if json:
        import json as writer

        typer.echo(writer.dumps([asdict(one) for one in checked], indent=2))
    if any(one.fault for one in checked):
        raise typer.Exit(1)


@data.command()
def remove(name: Name, split: Split = None, folder: Folder = None) -> None:
    """Remove the prepared splits of a data set, and the name of a file of yours; files that were fetched stay."""
    from rankbench.data.inventory import remove as take_away
    from rankbench.data.own_table import forget_table

    for one in _wanted(_folder(folder), name, split):
        take_away(one)
        typer.echo(f"Removed {one.dataset} {one.protocol}, {_megabytes(one.bytes)}.")
    if not split and forget_table(_folder(folder), name):
        typer.echo(f"{name} is no name of a data set any more; its file is where it was.")


@data.command()
def path(name: Name, split: Split = None, folder: Folder = None) -> None:
    """Print the folders of the prepared splits of a data set."""
    for one in _wanted(_folder(folder), name, split):
        typer.echo(one.folder)


def _wanted(where: Path, name: str, split: str | None) -> list[Prepared]:
    """Return the prepared splits of a data set that are asked for.

    Raises:
        UserError: one is not there.
    """
    from rankbench.data.protocol import read_protocol
    from rankbench.errors import unknown

    found = {one.protocol: one for one in _prepared(where) if one.dataset == name}
    if not found:
        names = sorted({one.dataset for one in _prepared(where)})
        raise unknown("prepared data set", name, names, "`rankbench data list` lists what is there.")
    wanted = [str(read_protocol(word)) for word in split.split(",")] if split else list(found)
    for protocol in wanted:
        if protocol not in found:
            raise UserError(
                f"The split {protocol} of {name} is not in {where}; there are {', '.join(found)}.",
                f"`rankbench fetch {name} --split {protocol}` makes it ready.",
            )
    return [found[protocol] for protocol in wanted]


def _prepared(where: Path) -> list[Prepared]:
    from rankbench.data.inventory import prepared

    return prepared(where)


def _folder(given: Path | None) -> Path:
    from rankbench.data.folder import default_data_folder

    return given.expanduser() if given else default_data_folder()


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
