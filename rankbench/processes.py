"""A few processes that work side by side, each at the other end of a pipe, and none of which outlives this one."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any


@contextmanager
def side_by_side(work: Callable[..., None], n: int, *args: Any) -> Generator[dict[int, Connection], None, None]:
    """Call `work(*args, pipe)` in each of n new processes, and give the other ends of the pipes by number.

    They are waited for when the context is left, and ended if it is left by an error, such as Ctrl-C.
    """
    context = multiprocessing.get_context("spawn")  # CUDA and threads do not survive a fork
    started: list[SpawnProcess] = []
    pipes: dict[int, Connection] = {}
    try:
        for number in range(n):
            pipes[number], theirs = context.Pipe()
            process = context.Process(target=_begin, args=(work, args, theirs), daemon=True)
            process.start()
            theirs.close()
            started.append(process)
        yield pipes
        for process in started:
            process.join()
    finally:
        for left in started:
            left.terminate()
            left.join()


def _begin(work: Callable[..., None], args: tuple[Any, ...], pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the first process ends the others
    threading.Thread(target=_end_with_parent, daemon=True).start()
    work(*args, pipe)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
