"""The part `jobs`: steps a second of one, two, four and eight trainings side by side on one device, all together.

One run of a small model cannot fill a GPU; whether several do is measured as `rankbench run --jobs` makes them, each by
a process. On the CPU they share the threads.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import count
from multiprocessing.connection import Connection
from statistics import median

import torch

from rankbench.device import share_memory
from rankbench.errors import UserError
from rankbench.parallel import set_threads
from rankbench.processes import side_by_side
from rankbench.speed.engine import Chosen, train_spec
from rankbench.speed.results import Measurement, Results
from rankbench.speed.sizes import Shape, Size
from rankbench.speed.synthetic import synthetic_split
from rankbench.training.loop import Training
from rankbench.training.progress import Step

NUMBERS = (1, 2, 4, 8)
"""How many run side by side."""

_SECONDS, _WARM_STEPS = 1.0, 8
"""How long all train in a round, about, and the steps before the first: kernels are compiled, a step is captured."""


@dataclass(frozen=True)
class Work:
    """What every process trains.

    Args:
        size: the data.
        loss, backbone: the model.
        shape: B, N and d.
        device: "cpu" or "cuda".
        rounds: how often it is measured.
        seconds: how long a round takes at least.
    """

    size: Size
    loss: Chosen
    backbone: Chosen
    shape: Shape
    device: str
    rounds: int
    seconds: float = _SECONDS


def by(n: int) -> str:
    """Return what the results of n processes go by."""
    return f"{n} jobs" if n > 1 else "1 job"


def measure_jobs(work: Work, threads: int) -> Generator[str, None, Results]:
    """Measure as many jobs as there can be; yield what is being done, return the results.

    On the CPU each needs a thread of its own. A number of jobs for which the device has no memory ends the part.
    """
    results, label = Results(), work.loss.label
    for n in NUMBERS:
        if work.device == "cpu" and n > threads:
            break
        yield f"{work.size.name}: {by(n)} side by side"
        each = max(1, threads // n)
        try:
            rates = _rates(work, n, each)
        except UserError as error:
            if not results.measurements:
                raise
            last = results.measurements.pop()
            results.add(Measurement(**{**vars(last), "note": f"more jobs could not be measured: {error.message}"}))
            break
        found = (median(rates), max(rates), min(rates), len(rates), "steps/s")
        results.add(Measurement("jobs", work.size.name, label, "", by(n), each, *found))
        results.relate("jobs", work.size.name, label, by(n), by(1))
    return results


def _rates(work: Work, n: int, threads: int) -> list[float]:
    """Return the steps a second of n processes together, in each round."""
    with side_by_side(_train, n, work, n, threads) as pipes:
        for pipe in pipes.values():
            _told(pipe)  # ready
        rates = []
        for _ in range(work.rounds):
            for pipe in pipes.values():
                pipe.send("go")
            rates.append(sum(_told(pipe) for pipe in pipes.values()))
        return rates


def _told(pipe: Connection) -> float:
    """Return what a process measured; raise UserError if it could not."""
    try:
        found: float | UserError = pipe.recv()
    except (EOFError, OSError) as error:
        raise UserError("a process of the benchmark was killed.", "Is there enough memory?") from error
    if isinstance(found, UserError):
        raise found
    return found


def _train(work: Work, n: int, threads: int, pipe: Connection) -> None:
    """Be one of n processes: train, and tell the steps a second of each round."""
    set_threads(threads)
    share_memory(n)
    try:
        steps = _Steps(work)
        steps.take(_WARM_STEPS, 0.0)
        pipe.send(0.0)  # ready
        for _ in range(work.rounds):
            pipe.recv()
            pipe.send(steps.rate(work.seconds))
    except UserError as error:
        pipe.send(error)
    except torch.OutOfMemoryError:
        pipe.send(UserError("the device ran out of memory."))


class _Steps:
    """The steps of a training without end, taken some at a time."""

    def __init__(self, work: Work) -> None:
        device, spec = torch.device(work.device), train_spec(work.shape)
        split = synthetic_split(work.size)
        self._training = Training(split, work.loss.loss(), work.backbone.backbone(), spec, 0, device)
        self._rows = self._counted()

    def rate(self, seconds: float) -> float:
        """Return the steps a second while taking them for so long."""
        self._wait()
        started = time.perf_counter()
        steps = self.take(1, seconds)
        return steps / (time.perf_counter() - started)

    def take(self, least: int, seconds: float) -> float:
        """Take so many steps at least, for so long at least; return how many, waiting for the device."""
        started, rows, B = time.perf_counter(), 0, self._training.spec.batch_size
        while rows < least * B or time.perf_counter() - started < seconds:
            rows += next(self._rows)
        self._wait()
        return rows / B

    def _counted(self) -> Iterator[int]:
        """Yield how many rows were taken since it was told before."""
        for epoch in count():
            before = 0
            for event in self._training.epoch(epoch):
                if isinstance(event, Step):
                    yield event.done - before
                    before = event.done

    def _wait(self) -> None:
        if self._training.device.type == "cuda":
            torch.cuda.synchronize(self._training.device)
