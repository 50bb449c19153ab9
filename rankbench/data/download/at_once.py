"""Work on several things at the same time; all that is told is told in the caller's own thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from rankbench.data.progress import Event, Progress
from rankbench.errors import UserError

T = TypeVar("T")
R = TypeVar("R")

_GRACE = 2.0
"""Seconds that unfinished work gets to end when the caller is interrupted."""


class _StoppedError(Exception):
    """The caller was interrupted; work ends where it next tells something."""


def at_once(
    work: Callable[[T, Progress], R], items: Sequence[T], threads: int, progress: Progress
) -> list[R | UserError]:
    """Return what `work` gives for each item, in their order, or the UserError that it raised.

    When the caller is interrupted, the threads get a moment to end; those that hang on the network do not hold up the
    end of the process.

    Args:
        work: gets an item, and where to tell of it.
        items: what is worked on.
        threads: how many at once.
        progress: gets what is told, in the thread of the caller.

    Raises:
        Exception: any other that `work` raised.
    """
    crew = _Crew(work, items)
    workers = [threading.Thread(target=crew.labour, daemon=True) for _ in range(min(threads, len(items)))]
    for worker in workers:
        worker.start()
    outcomes: dict[int, R | UserError] = {}
    try:
        while len(outcomes) < len(items):
            told = crew.told.get()
            if not isinstance(told, _Outcome):
                progress(told)
            elif isinstance(told.value, BaseException) and not isinstance(told.value, UserError):
                raise told.value
            else:
                outcomes[told.number] = told.value
    finally:
        crew.stop.set()
        deadline = time.monotonic() + _GRACE
        for worker in workers:
            worker.join(max(0.0, deadline - time.monotonic()))
    return [outcomes[number] for number in range(len(items))]


class _Outcome(Generic[R]):
    """What became of an item."""

    def __init__(self, number: int, value: R | BaseException) -> None:
        self.number = number
        self.value = value


class _Crew(Generic[T, R]):
    """What the threads share."""

    def __init__(self, work: Callable[[T, Progress], R], items: Sequence[T]) -> None:
        self.told: SimpleQueue[Event | _Outcome[R]] = SimpleQueue()
        self.stop = threading.Event()
        self._work, self._items = work, items
        self._waiting: SimpleQueue[int] = SimpleQueue()
        for number in range(len(items)):
            self._waiting.put(number)

    def labour(self) -> None:
        """Work until nothing waits."""
        while not self.stop.is_set():
            try:
                number = self._waiting.get_nowait()
            except Empty:
                return
            try:
                self.told.put(_Outcome(number, self._work(self._items[number], self._tell)))
            except BaseException as error:  # it is raised in the caller's thread
                self.told.put(_Outcome(number, error))

    def _tell(self, event: Event) -> None:
        if self.stop.is_set():
            raise _StoppedError
        self.told.put(event)
