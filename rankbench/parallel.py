"""One pool of threads for everything that runs in parallel on the CPU.

Kernels release the interpreter lock and work on a range of rows; how the rows are cut never changes a result, because
each row (or fixed block of rows) is computed by one thread in one order. torch itself keeps to a single thread: the ends
of its parallel chunks are computed by other instructions than their middles, so its results depend on the number of
threads, and its OpenMP threads would fight with ours for the cores.
"""

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from rankbench.memory import keep_freed_memory

T = TypeVar("T")

_threads = 1
_pool: ThreadPoolExecutor | None = None
_ahead = threading.local()


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
    _pool = ThreadPoolExecutor(n, thread_name_prefix="rankbench") if n > 1 else None


def threads() -> int:
    """Return the number of threads in use."""
    return _threads


def over_rows(kernel: Callable[..., None], n_rows: int, *args: Any) -> None:
    """Call `kernel(start, stop, *args)` on ranges of rows that together cover 0..n_rows, in parallel."""
    if _pool is None or n_rows < 2 * _threads or getattr(_ahead, "working", False):
        kernel(0, n_rows, *args)
        return
    edges = [n_rows * i // _threads for i in range(_threads + 1)]
    futures = [_pool.submit(kernel, start, stop, *args) for start, stop in zip(edges[1:-1], edges[2:], strict=True)]
    kernel(edges[0], edges[1], *args)
    for future in futures:
        future.result()


def over_blocks(work: Callable[[int, int], None], n_rows: int, block: int) -> None:
    """Call `work(start, stop)` on consecutive blocks of `block` rows each, in parallel; blocks do not depend on threads."""
    starts = range(0, n_rows, block)
    run(lambda start: work(start, min(start + block, n_rows)), starts)


def run(work: Callable[[int], None], items: Iterable[int]) -> None:
    """Call `work` on each item, in parallel."""
    for _ in map(work, items) if _pool is None else _pool.map(work, items):
        pass


def ahead(work: Callable[..., T], *args: Any) -> Callable[[], T]:
    """Start `work(*args)` on a free thread, if there is one; the returned function waits for its result.

    Work done ahead keeps to its one thread: the others are busy with what comes first.
    """
    if _pool is None:
        return lambda: work(*args)
    future: Future[T] = _pool.submit(_work_ahead, work, *args)
    return future.result


def _work_ahead(work: Callable[..., T], *args: Any) -> T:
    _ahead.working = True
    try:
        return work(*args)
    finally:
        _ahead.working = False
