"""The part `step` on a GPU: whole epochs of the real training loop, and steps of plain torch on the same card."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from itertools import cycle

import torch
from torch import Tensor

from rankbench.data.interactions import Split
from rankbench.speed.clock import Laps, Timing
from rankbench.speed.engine import Chosen, train_spec
from rankbench.speed.gpu.clock import measured, synchronise
from rankbench.speed.gpu.stages import measure_stages
from rankbench.speed.results import Measurement, Results, in_ms
from rankbench.speed.sizes import Shape
from rankbench.speed.step import BASELINES, propagation_of, tables_of
from rankbench.training.loop import Training

_BATCHES = 8
"""Batches that the baselines take in turn, so that none has its vectors in the cache from the step before."""

EPOCH = "epoch"
"""The stage by which goes a whole epoch."""


def measure_step(
    device: torch.device,
    split: Split,
    size: str,
    losses: Sequence[Chosen],
    backbone: Chosen,
    shape: Shape,
    rounds: int,
) -> Generator[str, None, Results]:
    """Time steps on a split; yield what is being done, return the results."""
    results = Results()
    first = losses[0].label
    of_first: Timing | None = None
    for loss in losses:
        yield f"{size}: epochs of {loss.label}"
        training = training_of(device, split, loss, backbone, shape)
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        epochs = epoch_seconds(training, rounds)
        results.add(in_ms("step", size, loss.label, "engine", 0, step_of(training, epochs)))
        results.add(in_ms("step", size, loss.label, "engine", 0, epochs, EPOCH))
        results.add(*_memory(device, size, loss.label))
        results.extend((yield from measure_stages(device, training, size, loss.label, shape, rounds)))
        of_first = of_first or step_of(training, epochs)
        if loss is not losses[0]:
            results.add(in_ms("step", size, loss.label, first, 0, of_first))
            results.relate("step", size, loss.label, "engine", first)
    yield f"{size}: steps of {first} in plain torch"
    training = training_of(device, split, losses[0], backbone, shape)
    for name in BASELINES:
        timing = _baseline(device, name, training, losses[0], shape, rounds)
        if timing:
            results.add(in_ms("step", size, first, name, 0, timing))
            results.relate("step", size, first, name, "engine")
    return results


def training_of(device: torch.device, split: Split, loss: Chosen, backbone: Chosen, shape: Shape) -> Training:
    """Return a training without end and without validation."""
    return Training(split, loss.loss(), backbone.backbone(), train_spec(shape), seed=0, device=device)


def epoch_seconds(training: Training, rounds: int) -> Timing:
    """Return the seconds of an epoch, after a first one in which the step is captured."""
    taken = []
    for epoch in range(rounds + 1):
        synchronise(training.device)
        started = time.perf_counter()
        for _ in training.epoch(epoch):
            pass
        taken.append(time.perf_counter() - started)
    return Timing.of(taken[1:])


def step_of(training: Training, epochs: Timing) -> Timing:
    """Return the timing of a step, given that of epochs."""
    n = -(-training.batches.size // training.spec.batch_size)
    return Timing(epochs.median / n, epochs.fastest / n, epochs.slowest / n, epochs.rounds)


def _memory(device: torch.device, size: str, label: str) -> list[Measurement]:
    """Return the most memory that torch has held, in MB, all tables included."""
    if device.type != "cuda":
        return []
    most = torch.cuda.max_memory_allocated(device) / 1e6
    return [Measurement("memory", size, label, "", "engine", 0, most, most, most, 1, "MB", "tables included")]


def _baseline(
    device: torch.device, name: str, training: Training, loss: Chosen, shape: Shape, rounds: int
) -> Timing | None:
    propagate = propagation_of(name, training.backbone, training.split.train, device)
    if propagate is None:
        return None
    fresh = loss.loss()
    fresh.bind(training.split.train, training.seed)
    user, item = tables_of(training.backbone)  # (U, d), (I, d)
    step = BASELINES[name](user, item, fresh.to(device), train_spec(shape), propagate)
    batches = cycle(list(some_batches(training, shape)))
    return measured(device, lambda: step.step(*next(batches), Laps()), rounds)


def some_batches(training: Training, shape: Shape) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield batches on the device: users (B,), positives (B,) and negatives (B, N), all int64."""
    generator = torch.Generator().manual_seed(0)
    key = torch.zeros((), dtype=torch.int64, device=training.device)  # ()
    for _ in range(_BATCHES):
        row = torch.randint(training.batches.size, (shape.batch_size,), generator=generator)  # (B,)
        user, pos, neg = training.batches.draw_there(key, row.to(training.device))  # (B,), (B,), (B, N)
        yield user, pos, neg.long()
