"""Timing: works that take turns, medians of what they took, and who has the threads meanwhile."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

from rankbench import parallel

FEW_ROUNDS = 3
"""Rounds of a work that is slow; its spread against its length is small anyway."""

SLOW = 0.5
"""Seconds from which a work is slow."""

Work = Callable[[], float]
"""Does something and returns the seconds that it took, or seconds an item where it does several."""


@dataclass(frozen=True)
class Timing:
    """Seconds: the median, the fastest and the slowest of so many rounds."""

    median: float
    fastest: float
    slowest: float
    rounds: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Timing:
        """Return the timing of the rounds."""
        return cls(statistics.median(seconds), min(seconds), max(seconds), len(seconds))


@dataclass
class Laps:
    """A stopwatch: `lap(name)` ends a stage, whose seconds go by that name."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _since: float = 0.0

    def start(self) -> None:
        """Start the first stage."""
        self._since = time.perf_counter()

    def lap(self, name: str) -> None:
        """End a stage and start the next."""
        now = time.perf_counter()
        self.seconds[name].append(now - self._since)
        self._since = now

    def timings(self, rounds: int) -> dict[str, Timing]:
        """Return the timing of each stage over its last `rounds` rounds: those before were to warm up."""
        return {name: Timing.of(seconds[-rounds:]) for name, seconds in self.seconds.items()}


def take_turns(works: Mapping[str, Work], rounds: int) -> dict[str, Timing]:
    """Return the timing of each work, after one round to warm up; in every round each has its turn.

    A work that takes longer than `SLOW` seconds has `FEW_ROUNDS` turns at most.
    """
    for work in works.values():
        work()
    taken: dict[str, list[float]] = defaultdict(list)
    for i in range(rounds):
        for name, work in works.items():
            if i < FEW_ROUNDS or taken[name][0] < SLOW:
                taken[name].append(work())
    return {name: Timing.of(seconds) for name, seconds in taken.items()}


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def by_engine(work: Callable[[], object], times: int = 1) -> Work:
    """Return the timing of a call that does its work `times` times."""
    return lambda: timed(work) / times


def by_one_thread(work: Callable[[], object], times: int = 1) -> Work:
    """Return the timing of a call while the engine has one thread."""

    def seconds() -> float:
        with engine_has(1):
            return timed(work) / times

    return seconds


def by_torch(work: Callable[[], object], threads: int) -> Work:
    """Return the timing of a call while torch has so many threads."""

    def seconds() -> float:
        with torch_has(threads):
            return timed(work)

    return seconds


@contextmanager
def torch_has(threads: int) -> Iterator[None]:
    """Give torch so many threads, as a baseline needs them, and afterwards as many as it had."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def engine_has(threads: int) -> Iterator[None]:
    """Give the engine so many threads, and afterwards as many as it had."""
    before = parallel.threads()
    parallel.set_threads(threads)
    try:
        yield
    finally:
        parallel.set_threads(before)
