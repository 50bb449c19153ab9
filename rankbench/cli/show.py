"""`rankbench show NAME...`: what a loss, a backbone, an embedding table, a metric or a data set is."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rankbench.evaluation.meanings import Meaning
    from rankbench.params import Configurable, Value
    from rankbench.registry import Kind

PLOT = "Plot"


def show(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME",
            help="Losses and backbones, with parameters as in softmax:tau=0.2 or as your own file ./my_loss.py; "
            "embedding tables; metrics; data sets.",
        ),
    ],
    plot: Annotated[
        bool,
        typer.Option(
            "--plot", help="Draw the weight that losses give a negative as its score moves.", rich_help_panel=PLOT
        ),
    ] = False,
    share: Annotated[
        bool,
        typer.Option(
            "--share",
            help="Draw the share of the push on all negatives, in decades; where a loss is trained with one, of 1000.",
            rich_help_panel=PLOT,
        ),
    ] = False,
    negatives: Annotated[
        int | None,
        typer.Option(
            min=1, help="Negatives of the example, N; left out, those of the loss's training.", rich_help_panel=PLOT
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write a .png, .svg or .pdf instead; needs matplotlib.", rich_help_panel=PLOT
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Describe losses, backbones, tables, metrics and data sets (formula, paper, parameters); plot what losses do."""
    import json as writer

    from rankbench.errors import UserError
    from rankbench.spec import split_parts

    words = [part for word in names for part in split_parts(word)]
    if plot:
        from rankbench.cli.show_curves import show_curves

        show_curves(words, share, negatives, out, json)
        return
    for option, value in (("--share", share), ("--negatives", negatives), ("--out", out)):
        if value:
            raise UserError(f"{option} goes with --plot.", f"rankbench show {' '.join(names)} --plot {option} ...")
    described = [describe(word) for word in words]
    if json:
        shown = described[0] if len(described) == 1 else described
        typer.echo(writer.dumps(shown, indent=2, ensure_ascii=False))
        return
    for number, one in enumerate(described):
        if number:
            typer.echo("\n")
        _draw(one)


def describe(text: str) -> dict[str, Any]:
    """Return what is known of a name, or of a name with parameters, as plain data.

    Raises:
        UserError: nothing has that name, or it has no such parameters.
    """
    from rankbench.data.catalog import catalog_of
    from rankbench.data.folder import default_data_folder
    from rankbench.errors import UserError, unknown
    from rankbench.evaluation.meanings import MEANINGS
    from rankbench.registry import kind_of, names
    from rankbench.spec import read_part
    from rankbench.tables.form import KINDS

    if (table := text.split(":")[0]) in KINDS:
        return _table(table)
    name, typed = read_part(text)
    if name.endswith(".py") or name in names("loss") or name in names("backbone"):
        return _part(kind_of(name), text)
    key = name.lower().replace("-", "_")
    catalog = catalog_of(default_data_folder())
    if key not in MEANINGS and name not in catalog:
        known = [*names("loss"), *names("backbone"), *KINDS, *MEANINGS, *catalog]
        raise unknown("name", name, known, "`rankbench list` lists losses, backbones and data sets.")
    if typed:
        raise UserError(f"{name} has no parameters, got {text!r}.", "Only losses and backbones have any.")
    if key in MEANINGS:
        return _metric(key)
    from rankbench.cli.show_dataset import describe_dataset

    return describe_dataset(catalog[name])


def _metric(key: str) -> dict[str, Any]:
    from rankbench.evaluation.meanings import MEANINGS, SYMBOLS

    found = MEANINGS[key]
    return {
        "kind": "metric",
        "name": found.title,
        "text": f"{found.text}\n\n{SYMBOLS}",
        "better": found.better,
        "note": found.note,
        "source": found.source,
        "typed": _typed(key, found),
    }


def _typed(key: str, found: Meaning) -> str:
    from rankbench.evaluation.metrics import KS

    if not found.has_cut_off:
        return key
    return f"{key}@{found.only_at}" if found.only_at else f"{key}@K, K one of {', '.join(map(str, KS))}"


def _part(kind: Kind, text: str) -> dict[str, Any]:
    from rankbench.params import Param
    from rankbench.registry import find, part
    from rankbench.spec import read_part

    name = read_part(text)[0]
    owner, values = find(kind, name), dict(part(kind, text).params)

    def row(p: Param, value: Value) -> dict[str, Any]:
        return {"value": value, "default": p.default, "range": p.range(), "grid": list(p.grid), "help": p.help}

    found = {
        "kind": kind,
        "name": name,
        "text": inspect.getdoc(owner) or "",
        "paper": getattr(owner, "paper", ""),
        "parameters": {key: row(p, values[key]) for key, p in owner.params.items()},
    }
    return {**found, **(_of_loss(owner) if kind == "loss" else _of_backbone(owner))}


def _of_backbone(owner: type[Configurable]) -> dict[str, Any]:
    """Return what backbones alone have."""
    from rankbench.backbones import LossFree, RowBackbone

    loss_free = issubclass(owner, LossFree)
    return {
        "trained": "once, without a loss" if loss_free else "by a loss",
        "seed": "of no effect" if issubclass(owner, LossFree) and not owner.uses_seed else "used",
        "score": "of its own" if issubclass(owner, RowBackbone) else "inner product of vectors",
        "new users": "scored, too" if getattr(owner, "folds_in", False) else "not scored",
    }


def _table(kind: str) -> dict[str, Any]:
    from rankbench.tables.form import KINDS
    from rankbench.tables.placing import CLASSES

    typed, summary = KINDS[kind]
    owner = CLASSES.get(kind)
    text = inspect.getdoc(owner) if owner else summary
    return {"kind": "embedding table", "name": kind, "typed": typed, "text": text, "paper": getattr(owner, "paper", "")}


def _of_loss(owner: type[Configurable]) -> dict[str, Any]:
    """Return what losses alone have."""
    from rankbench.losses import ListLoss, VectorLoss
    from rankbench.params import resolve
    from rankbench.spec import TrainSpec

    reading = getattr(owner, "provenance", "paper") == "reading"
    return {
        "provenance": (
            "our reading: not all of the paper's formulas are known to us" if reading else "the paper's formulas"
        ),
        "family": getattr(owner, "family", ""),
        "sees": "lists" if issubclass(owner, ListLoss) else "vectors" if issubclass(owner, VectorLoss) else "negatives",
        "score": getattr(owner, "score", ""),
        "training": resolve(TrainSpec, getattr(owner, "recipe", {})),
    }


def _draw(described: dict[str, Any]) -> None:
    from rich.text import Text

    from rankbench.cli.console import results
    from rankbench.cli.formulas import readable
    from rankbench.cli.tables import CAPTION
    from rankbench.params import show as spell

    console = results()
    console.print(Text.assemble((described["name"], "bold"), f"  {described['kind']}"))
    console.print()
    console.print(Text(readable(described["text"], min(console.width, CAPTION))))
    console.print()
    of_metrics, of_data = ("better", "note", "source"), ("licence", "login", "filter")
    of_parts = ("typed", "provenance", "family", "sees", "trained", "seed", "score", "new users")
    lines = {key: described.get(key) for key in (*of_metrics, *of_parts, *of_data)}
    lines["splits"] = ", ".join(described.get("splits", ()))
    lines["counts"] = ", ".join(f"{count:,} {what}" for what, count in described.get("counts", {}).items() if count)
    lines["statistics"] = "  ".join(f"{key}={value}" for key, value in described.get("statistics", {}).items())
    lines["training"] = "  ".join(f"{key}={spell(value)}" for key, value in described.get("training", {}).items())
    for key, text in lines.items():
        if text:
            console.print(Text.assemble((key.capitalize(), "bold"), f": {text}"))
    if described.get("parameters"):
        console.print()
        console.print(_parameters(described["parameters"]))
    if described.get("popularity"):
        from rankbench.cli.show_dataset import popularity_plot

        console.print()
        console.print(popularity_plot(described["popularity"]))


def _parameters(parameters: dict[str, dict[str, Any]]) -> Any:
    """Return the table of parameters, with a column for their values if any is not the default."""
    from rich.table import Table

    from rankbench.params import show as spell

    typed = any(p["value"] != p["default"] for p in parameters.values())
    table = Table("parameter", *(["value"] if typed else []), "default", "grid", "meaning", box=None, pad_edge=False)
    for key, p in parameters.items():
        meaning = p["help"] + (f" ({p['range']})" if p["range"] else "")
        values = [spell(p[column]) for column in (["value"] if typed else []) + ["default"]]
        table.add_row(key, *values, " ".join(spell(v) for v in p["grid"]), meaning)
    return table
