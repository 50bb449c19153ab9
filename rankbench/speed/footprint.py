"""The memory that a step needs beyond data, embeddings and Adam's moments: in a process of its own.

In the measuring process memory freed by one would be used again by the next, and each would look smaller than it is.
The high-water mark of the resident set is what Linux keeps of a process; elsewhere nothing is measured.
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

from rankbench import parallel
from rankbench.speed.engine import Chosen, EngineStep
from rankbench.speed.results import Measurement, Results
from rankbench.speed.sizes import Shape, Size
from rankbench.speed.step import baselines_of
from rankbench.speed.synthetic import synthetic_split

_STEPS = 3
_WARM_BATCH = 16
"""Positives of the steps that load code and libraries, which would count as memory of the first step."""

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = "5"


def measure_footprint(size: Size, loss: Chosen, backbone: Chosen, shape: Shape, threads: int) -> Results:
    """Return the extra memory of a step of the engine and of the baselines, in MB; empty where it cannot be read."""
    results = Results()
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            found = pool.submit(extra_memory, size, loss, backbone, shape, threads).result()
        except BrokenProcessPool:  # the system ended it, for want of memory
            return results
    for by, mb in found.items():
        results.add(Measurement("memory", size.name, loss.label, "", by, threads, mb, mb, mb, 1, "MB"))
    for of in ("published", "plain"):
        results.relate("memory", size.name, loss.label, of, "engine")
    return results


def extra_memory(size: Size, loss: Chosen, backbone: Chosen, shape: Shape, threads: int) -> dict[str, float]:
    """Return the extra peak memory (MB) of a step by name, the engine first; changes the memory of this process."""
    parallel.set_threads(threads)
    if not _reset_peak():
        return {}
    split = synthetic_split(size)
    small = replace(shape, batch_size=min(_WARM_BATCH, shape.batch_size))
    warm = EngineStep(split, loss, backbone, small)
    for _ in range(_STEPS):
        warm.advance()
    for baseline in baselines_of(warm, loss, small, threads).values():
        baseline.seconds()
    del warm
    engine = EngineStep(split, loss, backbone, shape)
    moments = 2 * 4 * sum(p.numel() for p in engine.training.backbone.parameters())  # made in the first step
    found = {"engine": _extra(engine.advance, moments)}
    baselines = baselines_of(engine, loss, shape, threads)
    for name in sorted(baselines):  # plain before published, which needs most and leaves a heap full of holes
        found[name] = _extra(baselines[name].seconds, moments)
    return found


def _extra(step: Callable[[], object], kept: int) -> float:
    """Return the MB by which some steps raise the high-water mark, less what they keep for good."""
    gc.collect()
    _give_back_freed()
    _reset_peak()
    before = resident("VmRSS")
    for _ in range(_STEPS):
        step()
    return max(resident("VmHWM") - before - kept, 0) / 1e6


def resident(name: str) -> int:
    """Return how many bytes of memory this process has now ("VmRSS") or had at most ("VmHWM").

    Raises:
        OSError: this system does not tell.
    """
    for line in _STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise OSError(f"{_STATUS} has no {name}")


def _reset_peak() -> bool:
    """Set the high-water mark to what is resident now; return whether the system allows it."""
    try:
        _CLEAR.write_text(_RESET_PEAK, encoding="ascii")
        return resident("VmHWM") > 0
    except OSError:
        return False


def _give_back_freed() -> None:
    """Give freed memory that the C library keeps back to the system."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):  # not glibc
        return
