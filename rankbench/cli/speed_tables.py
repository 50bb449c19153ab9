"""The tables of `rankbench speed`: one a part, ratios beside the times, no wider than 80 columns."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.table import Table

from rankbench.speed.benchmark import Request
from rankbench.speed.clock import FEW_ROUNDS
from rankbench.speed.draws import NEGATIVES
from rankbench.speed.evaluate import ACCURACY, EVALUATION, LISTS
from rankbench.speed.jobs import by as number_of
from rankbench.speed.machine import Machine
from rankbench.speed.preparing import MEMORY, READING
from rankbench.speed.propagation import PROPAGATION, STEP
from rankbench.speed.results import Measurement, Results
from rankbench.speed.step import BANDWIDTH, STAGES

WIDTH = 80

_LABEL = 16
"""Columns of a loss's name; a longer one is folded."""


_SCALES = 0.7
"""Share of so many times the rate of one thread that threads reach at least on an idle machine."""


def draw_machine(console: Console, request: Request, machine: Machine, results: Results) -> None:
    """Print what the machine is, what it can do at best, and how is measured."""
    shape = request.shape
    load = "" if machine.load is None else f", load {machine.load:g}"
    about = f"{machine.cpu}, {machine.processors} processors{load}; {request.threads} threads; torch {machine.torch}"
    console.print(about, markup=False, width=WIDTH)
    for subject in ("matrix product", "copy"):
        found = [results.find("limits", "", subject, by) for by in ("one thread", "engine")]
        rates = ", ".join(f"{number(m.median)} {m.unit} on {_threads(m.threads)}" for m in found if m)
        console.print(f"Best {subject}: {rates}", markup=False)
    if _busy(results, request.threads):
        warning = (
            f"{request.threads} threads multiply hardly faster than one: the processors are busy with other work, or "
            "share their units. torch's threads then wait for each other, and the ratios to torch come out too high."
        )
        console.print(warning, markup=False, width=WIDTH, style="yellow")
    text = (
        f"A step has B = {shape.batch_size:,}, N = {shape.negatives:,}, d = {shape.dim}. Medians of {request.rounds} "
        f"rounds, of {min(request.rounds, FEW_ROUNDS)} where one takes long; all take turns in one process. "
        "104x: the engine is 104 times as fast."
    )
    console.print(text, markup=False, width=WIDTH, style="dim")


def _busy(results: Results, threads: int) -> bool:
    """Return whether the threads together reach much less than their number times the rate of one."""
    one, together = (results.find("limits", "", "matrix product", by) for by in ("one thread", "engine"))
    return one is not None and together is not None and together.median < _SCALES * threads * one.median


def draw(console: Console, request: Request, part: str, results: Results) -> None:
    """Print the tables of a part."""
    draw_tables(console, tables_of(request, part, results), results)


def tables_of(request: Request, part: str, results: Results) -> list[Table]:
    """Return the tables of a part, the main one first."""
    return _TABLES[part](request, results)


def draw_tables(console: Console, tables: Iterable[Table], results: Results) -> None:
    """Print tables, and the notes of what was measured."""
    console.print()
    for table in tables:
        console.print(table)
    for note in dict.fromkeys(f"* {m.size}, {m.by}: {m.note}." for m in results.measurements if m.note):
        console.print(note, markup=False, style="dim", width=WIDTH)


def _step_tables(request: Request, results: Results) -> list[Table]:
    names = _short([loss.label for loss in request.losses])
    first = next(iter(names))
    beside = f"time of\n{names[first]}"
    whole = new_table("Whole step, ms", "size", "loss", "engine", "published", "plain", "one thread", beside)
    for size in request.sizes:
        for loss, name in names.items():
            cost = results.ratio("step", size.name, loss, "engine", first)
            cells = [against(results, "step", size.name, loss, by) for by in ("published", "plain", "one thread")]
            engine = results.find("step", size.name, loss, "engine")
            whole.add_row(size.name, name, cell(engine), *cells, "" if cost is None else f"{cost:.2f}x")
    longer = [f"{name} is {label}." for label, name in names.items() if name != label]
    whole.caption = " ".join(longer) if longer else None
    return [whole, _stages_table(request, results, names), _memory_table(results, first)]


def _short(labels: list[str]) -> dict[str, str]:
    """Return the name of each loss in a table: without its parameters where that is enough to tell them apart."""
    names = [label.partition(":")[0] for label in labels]
    return {label: name if names.count(name) == 1 else label for label, name in zip(labels, names, strict=True)}


def _stages_table(request: Request, results: Results, names: dict[str, str]) -> Table:
    first, *others = names
    table = new_table("Stages, ms", "size", "stage", names[first], "published", "plain", *(names[o] for o in others))
    for size in request.sizes:
        for stage in STAGES:
            found = [results.find("stages", size.name, label, "engine", stage) for label in names]
            cells = [against(results, "stages", size.name, first, by, stage) for by in ("published", "plain")]
            table.add_row(size.name, stage, cell(found[0]), *cells, *map(cell, found[1:]))
    rates = [
        f"{number(m.median)} GB/s at {m.size}"
        for m in results.measurements
        if (m.part, m.subject, m.stage) == ("stages", first, BANDWIDTH)
    ]
    table.caption = (
        "together: score, loss and backward as the training loop does them, piece by piece in the cache where the loss "
        "allows it. The negatives of published and plain are drawn beforehand and not counted. "
        f"The engine's Adam moves {', '.join(rates)}."
    )
    return table


def _memory_table(results: Results, first: str) -> Table:
    table = new_table("Extra memory of a step at its peak, MB", "size", "engine", "published", "plain")
    for m in (m for m in results.measurements if m.part == "memory" and m.by == "engine"):
        table.add_row(
            m.size, cell(m), *(against(results, "memory", m.size, first, by) for by in ("published", "plain"))
        )
    table.caption = None if table.rows else "Not measured: this system does not tell it, or has not enough memory."
    return table


def _evaluate_tables(request: Request, results: Results) -> list[Table]:
    whole = new_table("Evaluation of all users, ms", "size", "engine", "published", "plain", "all metrics", "product")
    for size in request.sizes:
        engine = results.find("evaluate", size.name, ACCURACY, "engine")
        cells = [against(results, "evaluate", size.name, ACCURACY, by) for by in ("published", "plain")]
        everything = results.find("evaluate", size.name, EVALUATION, "engine")
        faster = results.ratio("evaluate", size.name, EVALUATION, "published", "engine")
        product = results.find("evaluate", size.name, EVALUATION, "product")
        whole.add_row(size.name, cell(engine), *cells, f"{cell(everything)} {_times(faster):>5}", cell(product))
    whole.caption = (
        "Engine and baselines: lists of 100 and five metrics of accuracy, at five K; published ranks for each of four. "
        "all metrics: what a run measures, those beyond accuracy too, beside published's five. product: the matrix "
        "product alone."
    )
    return [whole, _lists_table(request, results)]


def _lists_table(request: Request, results: Results) -> Table:
    lists = new_table("Lists of 100 items for all users, ms", "size", "engine", "implicit")
    for size in request.sizes:
        engine = results.find("evaluate", size.name, LISTS, "engine")
        lists.add_row(size.name, cell(engine), against(results, "evaluate", size.name, LISTS, "implicit"))
    if not any(m.by == "implicit" for m in results.measurements):
        lists.caption = "The library implicit is not installed here."
    return lists


def _sampling_tables(request: Request, results: Results) -> list[Table]:
    others = ("published", "plain", "one thread", "unchecked")
    table = new_table("Negatives drawn a second, millions", "size", "engine", *others)
    for size in request.sizes:
        cells = [against(results, "sampling", size.name, NEGATIVES, by) for by in others]
        table.add_row(size.name, cell(results.find("sampling", size.name, NEGATIVES, "engine")), *cells)
    table.caption = "unchecked: torch.randint alone, which may draw a user's own items."
    return [table]


def _graph_tables(request: Request, results: Results) -> list[Table]:
    others = ("published", "plain", "one thread")
    table = new_table("LightGCN with two layers, ms", "size", "", "engine", *others, "GB/s")
    for size in request.sizes:
        for subject, title in ((PROPAGATION, "propagation"), (STEP, "whole step")):
            cells = [against(results, "graph", size.name, subject, by) for by in others]
            rate = results.find("graph", size.name, "rate", "engine") if subject == PROPAGATION else None
            table.add_row(
                size.name, title, cell(results.find("graph", size.name, subject, "engine")), *cells, cell(rate)
            )
    table.caption = "GB/s: counting a vector read for each edge, as if none stayed in the cache."
    return [table]


def _data_tables(request: Request, results: Results) -> list[Table]:
    table = new_table("From 25 million ratings to a split", "split", "seconds", "peak memory, MB")
    made = [m for m in results.measurements if m.unit == "s"]
    for m in made:
        memory = results.find("data", m.size, m.subject, "engine", MEMORY)
        table.add_row(m.subject, number(m.median), f"{memory.median:,.0f}" if memory else "")
    table.add_row("together", number(sum(m.median for m in made)), "")
    reading = next(m for m in results.measurements if m.subject == READING)
    table.caption = (
        f"Each in a process of its own, its start included. To read the split iid of a million ratings: "
        f"{number(reading.median)} ms, hashes checked."
    )
    return [table]


def _scaling_tables(request: Request, results: Results) -> list[Table]:
    subjects = ("step", "epoch", "evaluation", "propagation")
    size = results.measurements[0].size
    table = new_table(f"What doubling costs at {size}", "doubled", *subjects)
    base = [cell(results.find("scaling", size, subject, "base")) for subject in subjects]
    table.add_row("nothing, ms", *base)
    for by in ("interactions", "items", "negatives", "dim"):
        ratios = [results.ratio("scaling", size, subject, by, "base") for subject in subjects]
        table.add_row(by, *("" if r is None else f"{r:.2f}x time" for r in ratios))
    return [table]


def _jobs_tables(request: Request, results: Results) -> list[Table]:
    one, label = number_of(1), results.measurements[0].subject
    table = new_table(f"Trainings side by side at {results.measurements[0].size}", "", "threads each", "steps/s", "")
    for m in results.measurements:
        ratio = results.ratio("jobs", m.size, label, m.by, one)
        table.add_row(m.by, str(m.threads), cell(m), "" if ratio is None else f"{ratio:.2f}x")
    table.caption = f"Steps of {label} a second, all together, and how many times those of one training."
    return [table]


_TABLES = {
    "jobs": _jobs_tables,
    "step": _step_tables,
    "evaluate": _evaluate_tables,
    "sampling": _sampling_tables,
    "graph": _graph_tables,
    "scaling": _scaling_tables,
    "data": _data_tables,
}


def new_table(title: str, *columns: str) -> Table:
    """Return an empty table."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        show_edge=False,
    )
    for i, name in enumerate(columns):
        text = name in ("size", "loss", "stage", "", "doubled") or not i
        table.add_column(name, justify="left" if text else "right", max_width=_LABEL, overflow="fold")
    return table


def against(results: Results, part: str, size: str, subject: str, by: str, stage: str = "") -> str:
    """Return a baseline's number and how many times as fast, or as small, the engine is."""
    found = results.find(part, size, subject, by, stage)
    of, to = ("engine", by) if found and found.unit == "M/s" else (by, "engine")
    ratio = results.ratio(part, size, subject, of, to, stage)
    return f"{cell(found)} {_times(ratio):>5}" if found and ratio is not None else cell(found)


def cell(found: Measurement | None) -> str:
    """Return the median of a measurement, with a star where there is a note; nothing for none."""
    return number(found.median) + ("*" if found.note else "") if found else ""


def number(value: float) -> str:
    """Return a number with three digits, or all of its digits before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.0f}x" if ratio >= 10 else f"{ratio:.1f}x"


def _threads(n: int) -> str:
    return "one thread" if n == 1 else f"{n} threads"
