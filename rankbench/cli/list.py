"""`rankbench list`: the names of losses, backbones, embedding tables and data sets."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rankbench.registry import Outline


class Shelf(StrEnum):
    """What can be listed."""

    losses = "losses"
    backbones = "backbones"
    tables = "tables"
    datasets = "datasets"


def list_names(
    shelf: Annotated[
        Shelf | None, typer.Argument(help="What to list; everything if left out.", show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List losses, backbones, embedding tables and data sets by the names that the other commands take."""
    shelves = [shelf] if shelf else list(Shelf)
    found = {s.value: _entries(s) for s in shelves}
    if json:
        import json as writer

        typer.echo(writer.dumps(found, indent=2, ensure_ascii=False))
        return
    from rich.table import Table
    from rich.text import Text

    from rankbench.cli.console import results

    console = results()
    for title, entries in found.items():
        columns = [key for key in next(iter(entries.values())) if key not in ("summary", "parameters")]
        table = Table(
            "name",
            *columns,
            "what it is",
            title=title,
            title_justify="left",
            title_style="bold",
            box=None,
            pad_edge=False,
        )
        for name, entry in entries.items():
            parameters = f" ({', '.join(entry['parameters'])})" if entry.get("parameters") else ""
            text = Text.assemble(entry["summary"], (parameters, "dim"))
            table.add_row(name, *(entry[key] for key in columns), text)
        console.print(table)
        console.print()
    console.print("`rankbench show NAME` describes each.", style="dim")


_SEES = {"Loss": "negatives", "ListLoss": "lists", "VectorLoss": "vectors"}
"""What a loss sees, by the class that it is derived from."""


def _entries(shelf: Shelf) -> dict[str, dict[str, Any]]:
    if shelf is Shelf.datasets:
        from rankbench.data.catalog import catalog_of
        from rankbench.data.folder import default_data_folder

        catalog = catalog_of(default_data_folder())
        return {name: {"summary": dataset.title} for name, dataset in catalog.items()}
    if shelf is Shelf.tables:
        from rankbench.tables.form import KINDS

        return {name: {"typed": typed, "summary": summary} for name, (typed, summary) in KINDS.items()}
    from rankbench.registry import Kind, names, outline

    kind: Kind = "loss" if shelf is Shelf.losses else "backbone"
    found = {}
    for name in names(kind):
        known = outline(kind, name)
        traits = _of_loss(known) if kind == "loss" else _of_backbone(known)
        found[name] = {"year": known.year, **traits, "parameters": known.parameters, "summary": known.summary}
    return found


def _of_loss(known: Outline) -> dict[str, str]:
    sees = next((_SEES[base] for base in known.bases if base in _SEES), "negatives")
    return {"family": known.family, "sees": sees}


def _of_backbone(known: Outline) -> dict[str, str]:
    """Return whether a backbone is trained by a loss, and whether it takes in users that train lacks."""
    return {"loss": "-" if "LossFree" in known.bases else "any", "new users": "yes" if known.folds_in else "-"}
