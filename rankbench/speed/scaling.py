"""The part `scaling`: what the engine's work costs when the interactions, the items, N or d are doubled."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import replace

import torch

from rankbench.data.interactions import Split
from rankbench.speed.clock import Timing, Work, by_engine, take_turns
from rankbench.speed.engine import Chosen, EngineStep
from rankbench.speed.evaluate import evaluation_of
from rankbench.speed.propagation import LIGHTGCN, there_and_back
from rankbench.speed.results import Results, in_ms
from rankbench.speed.sizes import Shape, Size
from rankbench.speed.synthetic import synthetic_split

BASE = "base"

Case = tuple[Size, Shape]


def doubled(size: Size, shape: Shape) -> dict[str, Case]:
    """Return the base and, by what is doubled, the other cases."""
    return {
        BASE: (size, shape),
        "interactions": (replace(size, n_train=2 * size.n_train), shape),
        "items": (replace(size, n_items=2 * size.n_items), shape),
        "negatives": (size, replace(shape, negatives=2 * shape.negatives)),
        "dim": (size, replace(shape, dim=2 * shape.dim)),
    }


def measure_scaling(
    size: Size, loss: Chosen, backbone: Chosen, shape: Shape, threads: int, rounds: int
) -> Generator[str, None, Results]:
    """Time steps, epochs, evaluations and propagations of all cases; yield what is being done, return the results."""
    yield f"{size.name}: the work doubled"
    cases, results = doubled(size, shape), Results()
    splits = {by: synthetic_split(case[0]) for by, case in cases.items()}
    works = _works(cases, splits, loss, backbone)
    for subject, of_cases in works.items():
        for by, timing in take_turns(of_cases, rounds).items():
            results.add(in_ms("scaling", size.name, subject, by, threads, timing))
            if subject == "step":
                batches = math.ceil(cases[by][0].n_train / cases[by][1].batch_size)
                results.add(in_ms("scaling", size.name, "epoch", by, threads, _times(timing, batches)))
    for subject in ("epoch", *works):
        for by in cases:
            if by != BASE:
                results.relate("scaling", size.name, subject, by, BASE)
    return results


def _works(
    cases: dict[str, Case], splits: dict[str, Split], loss: Chosen, backbone: Chosen
) -> dict[str, dict[str, Work]]:
    """Return what is timed, by subject and case."""
    ranked = {by: case[1] for by, case in cases.items() if by != "negatives"}  # a ranking knows no negatives
    return {
        "step": {by: EngineStep(splits[by], loss, backbone, case[1]).seconds for by, case in cases.items()},
        "evaluation": {by: by_engine(evaluation_of(splits[by], shape.dim)) for by, shape in ranked.items()},
        "propagation": {by: by_engine(_propagation(splits[by], shape)) for by, shape in ranked.items()},
    }


def _times(timing: Timing, n: int) -> Timing:
    return Timing(timing.median * n, timing.fastest * n, timing.slowest * n, timing.rounds)


def _propagation(split: Split, shape: Shape) -> Callable[[], None]:
    backbone = LIGHTGCN.backbone()
    backbone.bind(split.train, shape.dim, "normal", torch.Generator().manual_seed(0))
    return there_and_back(backbone, [*backbone.parameters()])
