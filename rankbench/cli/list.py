"""`rankbench list`: the names of losses, backbones and data sets."""

from enum import StrEnum
from typing import Annotated

import typer


class Shelf(StrEnum):
    """What can be listed."""

    losses = "losses"
    backbones = "backbones"
    datasets = "datasets"


def list_names(
    shelf: Annotated[
        Shelf | None, typer.Argument(help="What to list; everything if left out.", show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List losses, backbones and data sets by the names that the other commands take."""
    shelves = [shelf] if shelf else list(Shelf)
    found = {s.value: _entries(s) for s in shelves}
    if json:
        import json as writer

        typer.echo(writer.dumps(found, indent=2, ensure_ascii=False))
        return
    from rich.table import Table

    from rankbench.cli.console import results

    console = results()
    for title, entries in found.items():
        table = Table(
            "name", "what it is", title=title, title_justify="left", title_style="bold", box=None, pad_edge=False
        )
        for name, text in entries.items():
            table.add_row(name, text)
        console.print(table)
        console.print()
    console.print("`rankbench show NAME` describes each.", style="dim")


def _entries(shelf: Shelf) -> dict[str, str]:
    if shelf is Shelf.datasets:
        from rankbench.data.catalog import load_catalog

        return {name: dataset.title for name, dataset in load_catalog().items()}
    from rankbench.registry import Kind, names, summary

    kind: Kind = "loss" if shelf is Shelf.losses else "backbone"
    return {name: summary(kind, name) for name in names(kind)}
