"""One pool of threads for everything that runs in parallel on the CPU.

Kernels release the interpreter lock and work on a range of rows; how the rows are cut never changes a result, because
each row (or fixed block of rows) is computed by one thread in one order. torch itself keeps to a single thread: the
ends of its parallel chunks are computed by other instructions than their middles, so its results depend on the number
of threads, and its OpenMP threads would fight with ours for the cores.
"""

import itertools
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from rankbench.memory import keep_freed_memory

T = TypeVar("T")

_PIECES_A_THREAD = 4
"""Ranges of rows a thread: enough that one which starts late, or is slowed down, does not hold up the others."""

_threads = 1
_pool: ThreadPoolExecutor | None = None
_here = threading.local()


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
    _pool = ThreadPoolExecutor(n, "rankbench", _one_for_torch) if n > 1 else None


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

    def take() -> None:
        _here.busy = True
        try:
            while (i := next(ticket)) < n:
                work(i)
        finally:
            _here.busy = False

    if _pool is None or not _shared():
        for i in range(n):
            work(i)
        return
    helpers = [_pool.submit(take) for _ in range(min(_threads, n) - 1)]
    take()
    for helper in helpers:
        if not helper.cancel():
            helper.result()


def _shared() -> bool:
    """Whether work may be shared out: work that is itself a share, or done ahead, keeps to its one thread."""
    return _pool is not None and not getattr(_here, "busy", False)


def ahead(work: Callable[..., T], *args: Any) -> Callable[[], T]:
    """Start `work(*args)` on a free thread, if there is one; the returned function waits for its result.

    Work done ahead keeps to its one thread: the others are busy with what comes first.
    """
    if _pool is None:
        return lambda: work(*args)
    future: Future[T] = _pool.submit(_work_ahead, work, *args)
    return future.result


def _work_ahead(work: Callable[..., T], *args: Any) -> T:
    _here.busy = True
    try:
        return work(*args)
    finally:
        _here.busy = False
