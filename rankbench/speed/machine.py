"""The machine: what it is called, and the limits of it that matter here, measured."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch

from rankbench.parallel import available_threads, over_blocks
from rankbench.speed.clock import engine_has, timed
from rankbench.speed.results import Measurement

_GEMM = 1536
"""Rows and columns of the matrices multiplied: large enough for the full rate, 28 MB for all three."""

_COPIED = 2**25
"""Elements copied: 128 MiB, several times any cache."""

_PIECES = 8


@dataclass(frozen=True)
class Machine:
    """Where was measured.

    Args:
        cpu: name of the processor.
        processors: how many of them this process may use.
        load: processes that wanted to run in the minute before, this one among them; None where it is not known.
        python, torch, numba: versions.
        gpu: name of the GPU, empty where none is measured.
    """

    cpu: str
    processors: int
    load: float | None
    python: str
    torch: str
    numba: str
    gpu: str = ""

    @classmethod
    def here(cls, gpu: str = "") -> Machine:
        """Return this machine, with the name of the GPU that is measured."""
        load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
        versions = (platform.python_version(), str(torch.__version__), version("numba"))
        return cls(cpu_name(), available_threads(), load, *versions, gpu)


def cpu_name() -> str:
    """Return the name of the processor."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


_ROUNDS = 10
"""A limit is the best of so many rounds."""


def limits(threads: int) -> list[Measurement]:
    """Return the best rates of float32 matrix products (GFLOP/s) and of copying (GB/s, read and written)."""
    left, right, out = torch.randn(3, _GEMM, _GEMM)
    source, target = torch.zeros(2, _COPIED)

    def multiply(start: int, stop: int) -> None:
        torch.mm(left[start:stop], right, out=out[start:stop])

    def copy(start: int, stop: int) -> None:
        target[start:stop].copy_(source[start:stop])

    found = []
    for n in sorted({1, threads}):
        with engine_has(n):
            found += [
                _rate("matrix product", n, threads, "GFLOP/s", 2 * _GEMM**3, multiply, _GEMM),
                _rate("copy", n, threads, "GB/s", 2 * 4 * _COPIED, copy, _COPIED),
            ]
    return found


def _rate(
    subject: str, n: int, threads: int, unit: str, amount: int, work: Callable[[int, int], None], rows: int
) -> Measurement:
    """Return the rate of a work whose rows are shared out among the engine's threads."""
    seconds = [timed(lambda: over_blocks(work, rows, rows // _PIECES)) for _ in range(_ROUNDS)]
    by, best = "engine" if n == threads else "one thread", amount / min(seconds) / 1e9
    return Measurement("limits", "", subject, "", by, n, best, best, amount / max(seconds) / 1e9, _ROUNDS, unit)
