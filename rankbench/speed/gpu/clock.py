"""Timing on a device: works are replayed from a graph, so that what is measured is the device and not its launches."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from rankbench.speed.clock import Timing
from rankbench.training.capture import CudaGraphs

_ROUND_SECONDS, _MOST_TIMES = 0.01, 200
"""A round repeats a short work until it takes about so long, or so often."""


def synchronise(device: torch.device) -> None:
    """Wait for what has been launched on a device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measured(device: torch.device, work: Callable[[], object], rounds: int) -> Timing:
    """Return the seconds that a work takes, launched by Python each time, after one round to warm up."""
    return _timing(device, work, rounds)


def replayed(device: torch.device, work: Callable[[], object], rounds: int) -> Timing:
    """Return the seconds that the device takes for a work that can be captured."""
    if device.type != "cuda":
        return _timing(device, work, rounds)
    graphs = CudaGraphs(device)
    for _ in range(3):
        graphs.run(lambda: _discard(work))
    return _timing(device, graphs.capture(lambda: _discard(work)), rounds)


def _discard(work: Callable[[], object]) -> None:
    work()


def _timing(device: torch.device, work: Callable[[], object], rounds: int) -> Timing:
    once = _seconds(device, work, 1)
    times = int(min(max(_ROUND_SECONDS / max(once, 1e-6), 1), _MOST_TIMES))
    return Timing.of([_seconds(device, work, times) for _ in range(rounds)])


def _seconds(device: torch.device, work: Callable[[], object], times: int) -> float:
    synchronise(device)
    started = time.perf_counter()
    for _ in range(times):
        work()
    synchronise(device)
    return (time.perf_counter() - started) / times
