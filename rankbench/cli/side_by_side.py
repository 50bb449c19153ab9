"""Runs made side by side: a few processes, each of which is given the next run when it has made one.

One run of a small model cannot fill a GPU. The processes share nothing but the store, so one that is killed costs the
run that it was making; its checkpoint stays.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import torch

from rankbench.device import device_of, set_deterministic, share_memory
from rankbench.errors import UserError
from rankbench.parallel import available_threads, set_threads
from rankbench.processes import side_by_side
from rankbench.results.store import Store
from rankbench.runner import Event, Failed, Finished, Job, Started, Waiting, run_all
from rankbench.spec import RunSpec


@dataclass(frozen=True)
class Asked:
    """How runs are to be made, so that another process can make some of them in the same way.

    Args:
        plan: returns all runs, the same in every process; what it was made of is data, prepared already.
        runs: the folder of the results.
        device: "cpu" or "cuda".
        deterministic: whether sums on CUDA have a fixed order.
        threads: threads of all processes together; None for all processors.
        force: make stored runs again.
        models: keep the models, too.
    """

    plan: Callable[[], Sequence[Job]]
    runs: Path
    device: str
    deterministic: bool
    threads: int | None
    force: bool = False
    models: bool = False

    def settle(self, n: int) -> torch.device:
        """Have this process, one of n, make runs as asked, and return the device."""
        set_threads(max(1, (self.threads or available_threads()) // n))
        device = device_of(self.device)
        set_deterministic(self.deterministic and device.type == "cuda")
        share_memory(n)
        return device


def check_jobs(n: int, device: str) -> None:
    """Raise UserError if n runs cannot be made side by side on a device: on the CPU each needs a processor."""
    if device == "cpu" and n > available_threads():
        raise UserError(
            f"--jobs {n}: on the CPU each run needs a processor, and this process may use {available_threads()}.",
            f"Use --jobs {available_threads()} or fewer; the threads are shared out among them.",
        )


def run_side_by_side(
    asked: Asked, jobs: Sequence[Job], store: Store, n: int
) -> Generator[tuple[int, Event], None, None]:
    """Make all runs in n processes and yield what happens in each, with its number.

    Raises:
        UserError: what the user must mend, in any of them; the others are ended.
    """
    left, at_work = _groups(jobs), dict[int, list[int]]()
    n = min(n, len(left))
    with side_by_side(_work, n, asked, n) as pipes:
        while pipes:
            for pipe in wait(list(pipes.values())):
                worker = next(number for number, other in pipes.items() if other is pipe)
                try:
                    index, told = pipes[worker].recv()
                except (EOFError, OSError):
                    del pipes[worker]
                    if lost := at_work.pop(worker, None):
                        error = UserError("its process was killed.", "The same command goes on from its checkpoint.")
                        yield worker, Failed(jobs[lost[0]], error)
                        left += [lost[1:]] if lost[1:] else []
                    continue
                if told == "ready":
                    pipes[worker].send(left[-1] if left else None)
                    if left:
                        at_work[worker] = list(left.pop())
                    else:
                        del pipes[worker]
                    continue
                event = _unpacked(told, None if index is None else jobs[index], store)
                if index is not None:
                    at_work[worker].remove(index)
                    if isinstance(event, Started | Waiting):
                        at_work[worker].insert(0, index)  # what is being made comes first
                yield worker, event
    for index in (index for group in left for index in group):  # all processes were killed
        yield 0, Failed(jobs[index], UserError("no process was left to make it."))


def _groups(jobs: Sequence[Job]) -> list[list[int]]:
    """Return the numbers of the jobs, those of one training together, the first one last: one process makes them."""
    groups: dict[RunSpec, list[int]] = {}
    for index, job in enumerate(jobs):
        groups.setdefault(replace(job.spec, rerank=""), []).append(index)
    return list(groups.values())[::-1]


def _work(asked: Asked, n: int, pipe: Connection) -> None:
    """Be one of n processes: make the runs whose numbers come through the pipe."""
    try:
        device, store, jobs = asked.settle(n), Store(asked.runs), asked.plan()
        pipe.send((None, "ready"))
        while (group := pipe.recv()) is not None:
            for event in run_all([jobs[index] for index in group], store, device, asked.force, asked.models):
                index = next((i for i in group if jobs[i] is getattr(event, "job", None)), None)
                pipe.send((index, _packed(event)))
            pipe.send((None, "ready"))
    except UserError as error:
        pipe.send((None, (UserError, error.message, error.hint)))


def _packed(event: Event) -> Any:
    """Return an event as it goes through a pipe: without the job, whose data the other side has."""
    match event:
        case Started() | Waiting():
            return (type(event),)
        case Finished():
            return Finished, event.cached
        case Failed():
            from rankbench.cli.running import told

            return Failed, told(event.error)
    return event


def _unpacked(packed: Any, job: Job | None, store: Store) -> Any:
    """Return the event that `_packed` was given, of a job if it has one; raise UserError if it was one."""
    match packed:
        case (kind, message, hint) if kind is UserError:
            raise UserError(message, hint)
        case (kind, cached) if kind is Finished and job is not None:
            return Finished(job, store.get(job.spec), cached)
        case (kind, text) if kind is Failed and job is not None:
            return Failed(job, UserError(text))
        case (kind,):
            return kind(job)
    return packed
