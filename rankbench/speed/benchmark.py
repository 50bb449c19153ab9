"""The whole benchmark: the parts that are asked for, on the sizes that are asked for, as events and one document."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from rankbench import parallel
from rankbench.errors import UserError, unknown
from rankbench.spec import split_parts
from rankbench.speed.clock import engine_has
from rankbench.speed.draws import measure_sampling
from rankbench.speed.engine import Chosen
from rankbench.speed.evaluate import measure_evaluation
from rankbench.speed.footprint import measure_footprint
from rankbench.speed.gpu.limits import limits as gpu_limits
from rankbench.speed.gpu.parts import GPU_PARTS, measure_on_gpu
from rankbench.speed.jobs import Work, measure_jobs
from rankbench.speed.machine import Machine, limits
from rankbench.speed.preparing import measure_preparing
from rankbench.speed.propagation import measure_graph
from rankbench.speed.results import Results
from rankbench.speed.scaling import measure_scaling
from rankbench.speed.sizes import SIZES, Shape, Size
from rankbench.speed.step import CPU, measure_step
from rankbench.speed.synthetic import gini, synthetic_split

SCHEMA = "rankbench.speed/1"
"""Name and version of the document. Fields may be added under it; the meaning of none changes."""

PARTS = ("step", "evaluate", "sampling", "graph", "scaling")
"""What is measured unless something else is asked for."""

DATA, JOBS = "data", "jobs"
"""Splits of a file of 25 million ratings, and trainings side by side: on the CPU only when they are asked for."""


@dataclass(frozen=True)
class Request:
    """What to measure.

    Args:
        losses: the first is timed against the baselines, the others against it.
        backbone: what steps are trained with; the part `graph` has its own.
        sizes: the data sets to make up.
        parts: some of `PARTS`, and `DATA`.
        threads: threads of the engine and of the baselines.
        rounds: repetitions of which medians are taken; slow baselines have fewer.
        shape: B, N and d.
        device: what is measured: the CPU, or a GPU.
    """

    losses: tuple[Chosen, ...]
    backbone: Chosen
    sizes: tuple[Size, ...] = tuple(SIZES.values())
    parts: tuple[str, ...] = PARTS
    threads: int = field(default_factory=parallel.available_threads)
    rounds: int = 5
    shape: Shape = field(default_factory=Shape)
    device: torch.device = CPU


@dataclass(frozen=True)
class Doing:
    """What is being measured now."""

    text: str


@dataclass(frozen=True)
class Limits:
    """The machine, and what it can do at best."""

    machine: Machine
    results: Results


@dataclass(frozen=True)
class Done:
    """All measurements of a part have been made."""

    part: str
    results: Results


Event = Doing | Limits | Done


def read_parts(text: str | None, device: torch.device = CPU) -> tuple[str, ...]:
    """Return the parts of `step,evaluate`, of which a GPU has some; None for what is measured unless asked otherwise.

    Raises:
        UserError: one is unknown, or none is given.
    """
    if text is None:
        return PARTS if device.type == "cpu" else (*GPU_PARTS, JOBS)
    known = (*PARTS, JOBS, DATA)
    names = [word.strip() for word in text.split(",") if word.strip()]
    if not names:
        raise UserError("No part is named.", f"Give some of {', '.join(known)}, as in --part step,evaluate.")
    for name in names:
        if name not in known:
            raise unknown("part", name, known)
    here = known if device.type == "cpu" else (*GPU_PARTS, JOBS)
    parts = tuple(part for part in here if part in names)
    if not parts:
        raise UserError(
            f"{names[0]} is measured on the CPU alone.", f"Give some of {', '.join(here)}, or use --device cpu."
        )
    return parts


def read_losses(text: str) -> tuple[Chosen, ...]:
    """Return the losses of `softmax,dsl:gamma=0`; raise UserError if one is unknown or sees no negatives."""
    chosen = [Chosen("loss", name) for name in split_parts(text)]
    for loss in chosen:
        loss.loss()
    return tuple({loss.label: loss for loss in chosen}.values())


def read_backbone(text: str) -> Chosen:
    """Return the backbone of `mf` or `lightgcn:layers=3`; raise UserError if it is unknown."""
    names = split_parts(text)
    if len(names) > 1:
        raise UserError(f"--backbone {text!r}: expected one backbone, got {len(names)}.", "Time one after the other.")
    chosen = Chosen("backbone", names[0])
    chosen.backbone()  # refuses what does not exist
    return chosen


def measure(request: Request) -> Generator[Event, None, dict[str, Any]]:
    """Measure what is asked for; yield what is being done and each part when it is done, return the document."""
    on_gpu = request.device.type != "cpu"
    gpu = torch.cuda.get_device_name(request.device) if on_gpu else ""
    machine, everything = Machine.here(gpu), Results()
    with engine_has(request.threads):
        yield Doing("the limits of the machine")
        everything.add(*(gpu_limits(request.device, request.rounds) if on_gpu else limits(request.threads)))
        yield Limits(machine, everything)
        for part in request.parts:
            results = Results()
            if part == DATA:
                results.extend((yield from _told(measure_preparing(request.threads, request.rounds))))
            for size in _sizes_of(part, request):
                results.extend((yield from _measured(part, size, request)))
            everything.extend(results)
            yield Done(part, results)
    return document(request, machine, everything)


def document(request: Request, machine: Machine, results: Results) -> dict[str, Any]:
    """Return the document: its schema, the machine, what was asked for, and the rows of `results`.

    Keys: schema, machine (see `Machine`), threads, repeat, shape (batch_size, negatives, dim), losses, backbone, sizes
    (name, n_users, n_items, n_train, and gini of the train items), measurements and ratios (see `results`).
    """
    return {
        "schema": SCHEMA,
        "machine": asdict(machine),
        "threads": request.threads,
        "repeat": request.rounds,
        "shape": asdict(request.shape),
        "losses": [loss.label for loss in request.losses],
        "backbone": request.backbone.label,
        "sizes": [{**asdict(s), "gini": gini(synthetic_split(s).train.item_counts)} for s in request.sizes],
        **results.to_json(),
    }


def _sizes_of(part: str, request: Request) -> tuple[Size, ...]:
    """Return the sizes that a part is measured on: scaling and jobs on the middle one; data have their own."""
    if part == DATA:
        return ()
    return (request.sizes[len(request.sizes) // 2],) if part in ("scaling", JOBS) else request.sizes


def _measured(part: str, size: Size, request: Request) -> Generator[Event, None, Results]:
    if part == JOBS:
        model = (request.losses[0], request.backbone, request.shape)
        work = Work(size, *model, request.device.type, request.rounds)
        return (yield from _told(measure_jobs(work, request.threads)))
    if request.device.type != "cpu":
        yield Doing(f"{size.name}: {size.n_users:,} users, {size.n_items:,} items, {size.n_train:,} interactions")
        return (yield from _told(measure_on_gpu(part, synthetic_split(size), size.name, request)))
    losses, backbone, shape = request.losses, request.backbone, request.shape
    first, threads, rounds = losses[0], request.threads, request.rounds
    if part == "scaling":
        return (yield from _told(measure_scaling(size, first, backbone, shape, threads, rounds)))
    yield Doing(f"{size.name}: {size.n_users:,} users, {size.n_items:,} items, {size.n_train:,} interactions")
    split = synthetic_split(size)
    if part == "evaluate":
        return (yield from _told(measure_evaluation(split, size.name, shape.dim, threads, rounds)))
    if part == "sampling":
        return (yield from _told(measure_sampling(split, size.name, shape, threads, rounds)))
    if part == "graph":
        return (yield from _told(measure_graph(split, size.name, first, shape, threads, rounds)))
    results = yield from _told(measure_step(split, size.name, losses, backbone, shape, threads, rounds))
    if size == max(request.sizes, key=lambda s: s.n_train):
        yield Doing(f"{size.name}: memory of a step")
        results.extend(measure_footprint(size, first, backbone, shape, threads))
    return results


def _told(measuring: Generator[str, None, Results]) -> Generator[Event, None, Results]:
    """Pass on what is being done as events."""
    try:
        while True:
            yield Doing(next(measuring))
    except StopIteration as end:
        results: Results = end.value
        return results
