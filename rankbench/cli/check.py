"""`rankbench check NAME`: what can be checked of a loss or backbone without knowing what it should compute."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from rankbench.backbones import Backbone
    from rankbench.contract.verdict import Verdict
    from rankbench.losses import Loss
    from rankbench.params import Value

    Owner = type[Loss] | type[Backbone]

_SIGNS = {"passed": ("✓", "green"), "failed": ("✗", "bold red"), "noted": ("!", "yellow"), "skipped": ("–", "dim")}
_WORDS = {
    ("loss", "negatives"): "on scores of sampled negatives",
    ("loss", "lists"): "on scores of all items",
    ("loss", "vectors"): "on vectors",
    ("backbone", "vectors"): "a backbone with vectors",
    ("backbone", "rows"): "a backbone that scores rows",
}


def check(
    name: Annotated[
        str,
        typer.Argument(
            help="A file of yours, as in ./my_loss.py, ./my_loss.py:tau=0.1 or ./my_backbone.py, or the name of a loss "
            "or backbone."
        ),
    ],
    speed: Annotated[bool, typer.Option("--speed/--no-speed", help="Time a training step, too.")] = True,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check a loss or backbone: shapes, gradients, extremes, state, parameters, speed; exit code 1 if a check fails.

    ✓ is right and ✗ is wrong. ! is unusual: it may be meant, and fails nothing. – says nothing about this one.
    """
    from rankbench.contract.examine import examine
    from rankbench.parallel import available_threads, set_threads
    from rankbench.registry import kind_of, read
    from rankbench.spec import read_part

    found, called, typed = read(kind_of(read_part(name)[0]), name)
    owner = cast("Owner", found)
    set_threads(available_threads())
    verdicts = examine(owner, typed, speed=speed)
    if json:
        made = list(verdicts)
        _print_json(name, owner, typed, made)
    else:
        made = _draw(called, owner, typed, verdicts)
    if any(verdict.mark == "failed" for verdict in made):
        raise typer.Exit(1)


def _print_json(text: str, owner: Owner, typed: dict[str, Value], made: list[Verdict]) -> None:
    import json
    from dataclasses import asdict

    from rankbench.params import resolve

    kind, what = _what(owner)
    document: dict[str, Any] = {
        kind: text,
        "class": owner.__name__,
        "gives" if kind == "backbone" else "sees": what,
        "parameters": resolve(owner, typed),
        "ok": all(verdict.mark != "failed" for verdict in made),
        "checks": [asdict(verdict) for verdict in made],
    }
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


def _what(owner: Owner) -> tuple[str, str]:
    """Return whether it is a loss or a backbone, and what it sees or gives."""
    from rankbench.backbones import Backbone
    from rankbench.contract.backbone import BackboneSubject
    from rankbench.contract.subject import Subject

    if issubclass(owner, Backbone):
        return "backbone", BackboneSubject(owner, {}).gives
    return "loss", Subject(owner, {}).sees


def _draw(name: str, owner: Owner, typed: dict[str, Value], verdicts: Iterator[Verdict]) -> list[Verdict]:
    """Print verdicts as they are made, those not made for want of others in one line, and the count."""
    from rich.text import Text

    from rankbench.cli.console import results
    from rankbench.spec import spell

    console = results()
    words = _WORDS[_what(owner)]
    console.print(Text.assemble((spell(name, typed), "bold"), f"  {owner.__name__}, {words}"), soft_wrap=True)
    made: list[Verdict] = []
    group, waiting = "", 0
    for verdict in verdicts:
        made.append(verdict)
        if verdict.mark == "skipped" and verdict.got.startswith("needs "):
            waiting += 1
            continue
        if verdict.group != group:
            group = verdict.group
            console.print(Text(f"\n{group}", style="bold"))
        _print(console, verdict)
    _count(console, made, waiting)
    return made


def _print(console: Console, verdict: Verdict) -> None:
    """Print a verdict in a line, and what there is to say about it in lines below."""
    sign, style = _SIGNS[verdict.mark]
    aside = verdict.mark in ("passed", "skipped")
    title = f"{verdict.title}: {verdict.got}" if verdict.got and aside else verdict.title
    _wrapped(console, sign, style, title, "dim" if verdict.mark == "skipped" else "", 2)
    found = "got" if verdict.expected else "found"
    below = {"expected": verdict.expected, found: "" if aside else verdict.got, "hint": verdict.hint}
    for label, text in below.items():
        if text:
            _wrapped(console, f"{label:<8}", "dim", text, "", 4)


def _wrapped(console: Console, label: str, label_style: str, text: str, style: str, indent: int) -> None:
    """Print a label and a text that wraps under itself, without spaces at the ends of lines."""
    from rich.text import Text

    from rankbench.cli.tables import CAPTION

    margin = " " * (indent + len(label) + 1)
    lines = wrap(text, min(console.width, CAPTION) - len(margin), break_on_hyphens=False)
    first = Text.assemble(" " * indent, (label, label_style), " ", (lines[0], style))
    for line in (first, *(Text(margin + line, style=style) for line in lines[1:])):
        console.print(line, soft_wrap=True)


def _count(console: Console, made: list[Verdict], waiting: int) -> None:
    from rich.text import Text

    count = Counter(verdict.mark for verdict in made)
    parts = [
        (f"{count['passed']} passed", "green"),
        (f"{count['failed']} failed", "bold red" if count["failed"] else ""),
        (f"{count['noted']} noted", "yellow" if count["noted"] else ""),
    ]
    text = Text("\n")
    for i, (words, style) in enumerate(parts):
        text.append(", " * bool(i)).append(words, style=style)
    text.append(f", {waiting} not made for want of those that failed." if waiting else ".")
    console.print(text)
