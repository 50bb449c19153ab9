"""One pool of threads for everything that runs in parallel on the CPU.

Kernels release the interpreter lock and work on a range of rows; how the rows are cut never changes a result, because
each row (or fixed block of rows) is computed by one thread in one order. torch itself keeps to a single thread: the
ends of its parallel chunks are computed by other instructions than their middles, so its results depend on the number
of threads, and its OpenMP threads would fight with ours for the cores.
"""

import itertools
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from rankbench.memory import keep_freed_memory

T = TypeVar("T")

_PIECES_A_THREAD = 4
"""Ranges of rows a thread: enough that one which starts late, or is slowed down, does not hold up the others."""

_threads = 1
_pool: ThreadPoolExecutor | None = None
"""All threads but the one that shares work out, which takes its share of it."""

_here = threading.local()
"""Of a thread: `busy` while what it does is itself a share, `ahead` while it does work ahead."""

Help = tuple["Future[None]", Callable[[], None]]

_now: deque[Help] = deque()
_later: deque[Help] = deque()
"""Calls for help with what is waited for and with what is done ahead."""


def available_threads() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_threads(n: int) -> None:
    """Use n threads from now on, one of them for torch, and keep freed memory for the next step."""
    import torch

    global _threads, _pool
    keep_freed_memory()
    torch.set_num_threads(1)
    if _pool is not None:
        _pool.shutdown()
    _threads = n
    _pool = ThreadPoolExecutor(n - 1, "rankbench", _one_for_torch) if n > 1 else None


def _one_for_torch() -> None:
    """Keep torch to one thread on a new thread of the pool as well: the libraries beneath it count for each."""
    import torch

    torch.set_num_threads(1)


def threads() -> int:
    """Return the number of threads in use."""
    return _threads


def over_rows(kernel: Callable[..., None], n_rows: int, *args: Any) -> None:
    """Call `kernel(start, stop, *args)` on ranges of rows that together cover 0..n_rows, in parallel."""
    pieces = min(n_rows, _PIECES_A_THREAD * _threads) if _shared() else 1
    edges = [n_rows * i // pieces for i in range(pieces + 1)] if pieces else []
    _share(lambda i: kernel(edges[i], edges[i + 1], *args), pieces)


def over_blocks(work: Callable[[int, int], None], n_rows: int, block: int) -> None:
    """Call `work(start, stop)` on blocks of `block` rows, in parallel; the blocks do not depend on the threads."""
    _share(lambda i: work(i * block, min((i + 1) * block, n_rows)), -(-n_rows // block))


def _share(work: Callable[[int], None], n: int) -> None:
    """Call `work(0)` ... `work(n - 1)`: each thread takes the next one when it is free, this thread among them."""
    ticket = itertools.count()
    ahead = getattr(_here, "ahead", False)

    def take() -> None:
        before, _here.busy = getattr(_here, "busy", False), True
        try:
            while (i := next(ticket)) < n:
                if ahead:
                    _help(_now)
                work(i)
        finally:
            _here.busy = before

    if _pool is None or not _shared():
        for i in range(n):
            work(i)
        return
    helps: list[Help] = [(Future(), take) for _ in range(min(_threads, n) - 1)]
    wanted = _later if ahead else _now
    wanted.extend(helps)
    if not ahead:
        for _ in helps:
            _pool.submit(_help, _now)
    take()
    for help_ in helps:
        if not help_[0].cancel():
            help_[0].result()
        elif help_ in wanted:
            wanted.remove(help_)


def _help(wanted: deque[Help]) -> bool:
    """Answer a call for help, if there is one that nobody has answered and that is not over."""
    try:
        future, take = wanted.popleft()
    except IndexError:
        return False
    if future.set_running_or_notify_cancel():
        try:
            take()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(None)
    return True


def _shared() -> bool:
    """Whether work may be shared out: work that is itself a share keeps to its one thread."""
    return _pool is not None and not getattr(_here, "busy", False)


def ahead(work: Callable[..., T], *args: Any) -> Callable[[], T]:
    """Start `work(*args)` on a free thread, if there is one; the returned function waits for its result.

    Work done ahead gives way to what is waited for; who waits for it helps with it.
    """
    if _pool is None:
        return lambda: work(*args)
    future: Future[T] = _pool.submit(_work_ahead, work, *args)

    def result() -> T:
        if future.cancel():
            return work(*args)
        while not future.done() and _help(_later):
            pass
        return future.result()

    return result


def _work_ahead(work: Callable[..., T], *args: Any) -> T:
    _here.ahead = True
    try:
        return work(*args)
    finally:
        _here.ahead = False
