"""What `rankbench speed --device cuda` prints besides the tables of the CPU: the card, and what is reached of it."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from rankbench.cli.speed_tables import WIDTH, against, cell, draw_tables, new_table, number, tables_of
from rankbench.speed.benchmark import Request
from rankbench.speed.evaluate import EVALUATION, LISTS
from rankbench.speed.gpu.stages import ACHIEVED, ROUTES
from rankbench.speed.gpu.step import EPOCH
from rankbench.speed.machine import Machine
from rankbench.speed.results import Results
from rankbench.speed.step import STAGES


def draw_gpu(console: Console, request: Request, machine: Machine, results: Results) -> None:
    """Print what the card is, what it can do at best, and how is measured."""
    shape = request.shape
    console.print(f"{machine.gpu or machine.cpu}; torch {machine.torch}", markup=False, width=WIDTH)
    limits = ", ".join(f"{m.subject} {number(m.median)} {m.unit}" for m in results.measurements)
    console.print(f"Best of the card in this run: {limits}", markup=False, width=WIDTH)
    text = (
        f"A step has B = {shape.batch_size:,}, N = {shape.negatives:,}, d = {shape.dim}. Medians of {request.rounds} "
        "rounds. Steps of the engine are epochs of the training loop divided by their steps, drawing included; "
        "stages are replayed alone from a graph. 25x: the engine is 25 times as fast."
    )
    console.print(text, markup=False, width=WIDTH, style="dim")


def draw_part(console: Console, request: Request, part: str, limits: Results, results: Results) -> None:
    """Print the tables of a part; `limits` are those of the card."""
    tables = [_evaluation(request, results)] if part == "evaluate" else tables_of(request, part, results)[:1]
    if part == "step":
        tables += [_epochs(request, results), _achieved(request, limits, results), _routes(request, results)]
    draw_tables(console, tables, results)


def _evaluation(request: Request, results: Results) -> Table:
    table = new_table("Evaluation of all users, ms", "size", "engine", "lists", "plain lists", "product", "GFLOP/s")
    for size in request.sizes:
        whole, product = (results.find("evaluate", size.name, EVALUATION, by) for by in ("engine", "product"))
        plain = against(results, "evaluate", size.name, LISTS, "plain")
        lists, rate = (results.find("evaluate", size.name, of, "engine") for of in (LISTS, "rate"))
        table.add_row(size.name, cell(whole), cell(lists), plain, cell(product), cell(rate))
    table.caption = (
        "lists: the 100 best items, with exact scores and ties by item, back on the host; the rate is theirs. plain "
        "lists: product, mask and topk, ties in any order. engine: all metrics besides, on the device."
    )
    return table


def _epochs(request: Request, results: Results) -> Table:
    labels = [loss.label for loss in request.losses]
    table = new_table("Epochs, seconds", "size", *labels)
    for size in request.sizes:
        found = [results.find("step", size.name, label, "engine", EPOCH) for label in labels]
        table.add_row(size.name, *(number(m.median / 1e3) if m else "" for m in found))
    return table


def _achieved(request: Request, limits: Results, results: Results) -> Table:
    label = request.losses[0].label
    table = new_table(f"Achieved by {label}", "size", "stage", "ms", "GB/s", "of a copy", "GFLOP/s", "of a product")
    best = {"GB/s": limits.find("limits", "", "copy", "engine")}
    best["GFLOP/s"] = limits.find("limits", "", "matrix product", "engine")
    for size in request.sizes:
        for stage in STAGES:
            time = results.find("stages", size.name, label, "engine", stage)
            if time is None:
                continue
            cells = [size.name, stage, cell(time)]
            for unit, limit in best.items():
                found = results.find(ACHIEVED, size.name, label, unit, stage)
                share = f"{found.median / limit.median:.0%}" if found and limit else ""
                cells += [cell(found), share]
            table.add_row(*cells)
    table.caption = (
        "A vector counts as moved for each negative, though most come from the second cache: shares of a copy may "
        "exceed 100%. backward: scores again and both gradients."
    )
    return table


def _routes(request: Request, results: Results) -> Table:
    names = list(dict.fromkeys(m.by for m in results.measurements if m.part == ROUTES))
    table = new_table("Routes of scores, ms", "size", "items a negative", *names)
    for size in request.sizes:
        found = [results.find(ROUTES, size.name, "scores", name) for name in names]
        table.add_row(size.name, number(size.n_items / request.shape.negatives), *map(cell, found))
    table.caption = "Scores and both gradients. The engine takes gather or dense by items a negative, or tries both."
    return table
