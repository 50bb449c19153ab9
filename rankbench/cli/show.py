"""`rankbench show NAME`: what a loss, a backbone, a metric or a data set is."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

if TYPE_CHECKING:
    from rankbench.params import Configurable
    from rankbench.registry import Kind


def show(
    name: Annotated[str, typer.Argument(help="A loss, backbone, metric, data set, or your own file ./my_loss.py.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Describe a loss, a backbone, a metric or a data set: formula, paper, parameters with default and grid."""
    import json as writer

    described = describe(name)
    if json:
        typer.echo(writer.dumps(described, indent=2, ensure_ascii=False))
        return
    _draw(described)


def describe(name: str) -> dict[str, Any]:
    """Return what is known of a name as plain data.

    Raises:
        UserError: nothing has that name.
    """
    from rankbench.data.catalog import load_catalog
    from rankbench.errors import unknown
    from rankbench.evaluation.metrics import METRICS, TITLES
    from rankbench.registry import names

    kinds: tuple[Kind, ...] = ("loss", "backbone")
    for kind in kinds:
        if name in names(kind) or (kind == "loss" and name.endswith(".py")):
            return _part(kind, name)
    if name.lower().replace("-", "_") in METRICS:
        key = name.lower().replace("-", "_")
        return {"kind": "metric", "name": TITLES[key], "text": inspect.getdoc(METRICS[key])}
    catalog = load_catalog()
    if name in catalog:
        return _dataset(name)
    known = [*names("loss"), *names("backbone"), *METRICS, *catalog]
    raise unknown("name", name, known, "`rankbench list` lists losses, backbones and data sets.")


def _part(kind: Kind, name: str) -> dict[str, Any]:
    from rankbench.params import Param
    from rankbench.registry import find

    owner = find(kind, name)

    def row(p: Param) -> dict[str, Any]:
        return {"default": p.default, "range": p.range(), "grid": list(p.grid), "help": p.help}

    found = {
        "kind": kind,
        "name": name,
        "text": inspect.getdoc(owner) or "",
        "paper": getattr(owner, "paper", ""),
        "parameters": {key: row(p) for key, p in owner.params.items()},
    }
    if kind == "loss":
        reading = getattr(owner, "provenance", "paper") == "reading"
        found["provenance"] = (
            "our reading: not all of the paper's formulas are known to us" if reading else "the paper's formulas"
        )
        found["score"] = getattr(owner, "score", "")
        found["training"] = _training(owner)
    return found


def _training(owner: type[Configurable]) -> dict[str, Any]:
    from rankbench.params import resolve
    from rankbench.spec import TrainSpec

    return resolve(TrainSpec, getattr(owner, "recipe", {}))


def _dataset(name: str) -> dict[str, Any]:
    from rankbench.data.catalog import find_dataset

    found = find_dataset(name)
    return {
        "kind": "data set",
        "name": name,
        "text": f"{found.title}\n\n{found.terms}\n\nCite: {found.cite}\n\nHome: {found.home}",
        "splits": list(found.protocols),
        "counts": {"users": found.users, "items": found.items, "interactions": found.interactions},
        "licence": found.licence,
    }


def readable(text: str) -> str:
    """Return a docstring with its LaTeX formulas in characters that a terminal shows."""
    from pylatexenc.latex2text import LatexNodes2Text

    convert = LatexNodes2Text(math_mode="text", keep_braced_groups=True).latex_to_text

    def formula(match: re.Match[str]) -> str:
        return cast(str, convert(match[0])).strip()

    paragraphs = text.split("\n\n")
    return "\n\n".join(re.sub(r"\$\$?[^$]+\$\$?", formula, paragraph) for paragraph in paragraphs)


def _draw(described: dict[str, Any]) -> None:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from rankbench.cli.console import results
    from rankbench.params import show as spell

    console = results()
    console.print(Text.assemble((described["name"], "bold"), f"  {described['kind']}"))
    console.print(Padding(Text(readable(described["text"])), (1, 0)))
    for key in ("provenance", "score", "licence"):
        if described.get(key):
            console.print(f"[bold]{key.capitalize()}[/]: {described[key]}")
    if described.get("splits"):
        console.print(f"[bold]Splits[/]: {', '.join(described['splits'])}")
    if described.get("counts"):
        console.print(
            "[bold]Counts[/]: " + ", ".join(f"{count:,} {what}" for what, count in described["counts"].items())
        )
    if described.get("training"):
        values = "  ".join(f"{key}={spell(value)}" for key, value in described["training"].items())
        console.print(f"[bold]Training[/]: {values}")
    if described.get("parameters"):
        table = Table("parameter", "default", "grid", "meaning", box=None, pad_edge=False)
        for key, p in described["parameters"].items():
            meaning = p["help"] + (f" ({p['range']})" if p["range"] else "")
            table.add_row(key, spell(p["default"]), " ".join(spell(v) for v in p["grid"]), meaning)
        console.print()
        console.print(table)
