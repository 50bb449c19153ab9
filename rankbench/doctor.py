"""What this machine has, and what every stage of a run makes of it: versions, devices, routes and why."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from rankbench import __version__
from rankbench.device import TF32, device_of, free_memory, in_gib, why_no_triton
from rankbench.evaluation.filters import fastest_precision
from rankbench.parallel import available_threads
from rankbench.scoring import DENSE_ITEMS_A_NEGATIVE
from rankbench.scoring.cuda import DENSE_ITEMS_A_NEGATIVE as DENSE_ON_CUDA
from rankbench.scoring.cuda import OPEN
from rankbench.speed.machine import cpu_name

SCHEMA = "rankbench.doctor/1"
"""Name and version of the document. Fields may be added under it; the meaning of none changes."""

PACKAGES = ("torch", "triton", "numba", "numpy", "pyarrow", "polars")

_DRIVER = Path("/proc/driver/nvidia/version")


@dataclass(frozen=True)
class Route:
    """How a stage of a run is done here: `stage` by `route`, because of `why`."""

    stage: str
    route: str
    why: str


@dataclass(frozen=True)
class Gpu:
    """The CUDA device that runs take.

    Args:
        name: what it is called.
        capability: its compute capability, such as 9.0.
        memory: all its bytes.
        free: bytes that no process has taken.
        count: how many devices there are; a run takes the first.
    """

    name: str
    capability: str
    memory: int
    free: int
    count: int


@dataclass(frozen=True)
class Diagnosis:
    """What was found.

    Args:
        versions: of rankbench, of Python and of each of `PACKAGES`, empty for one that is not installed.
        system: name of the operating system.
        cpu: name of the processor.
        threads: how many threads a run takes if it is not told otherwise.
        built_for: the version of CUDA that torch is built for, empty for none.
        driver: version of NVIDIA's driver, empty where there is none.
        gpu: the device, None where torch can use none.
        without_gpu: why there is none.
        without_triton: why kernels in Triton do not run on it; empty if they do.
        device: what `--device auto` takes.
        routes: how each stage is done there.
        problems: what should be mended.
    """

    versions: Mapping[str, str]
    system: str
    cpu: str
    threads: int
    built_for: str
    driver: str
    gpu: Gpu | None
    without_gpu: str
    without_triton: str
    device: str
    routes: tuple[Route, ...]
    problems: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the document: its schema and the fields, in nested plain data."""
        fields = dict(vars(self))
        fields["gpu"] = vars(self.gpu) if self.gpu else None
        fields["routes"] = [vars(route) for route in self.routes]
        return {"schema": SCHEMA, **fields}


def diagnose() -> Diagnosis:
    """Look at the machine; where there is a GPU, the smallest kernel in Triton is compiled and run on it."""
    device, driver = device_of("auto"), driver_version()
    on_gpu = device.type == "cuda"
    without_triton = why_no_triton() if on_gpu else ""
    gpu, silent = _gpu(device) if on_gpu else (None, "")
    return Diagnosis(
        versions={
            "rankbench": __version__,
            "python": platform.python_version(),
            **{name: _version(name) for name in PACKAGES},
        },
        system=platform.platform(),
        cpu=cpu_name(),
        threads=available_threads(),
        built_for=torch.version.cuda or "",
        driver=driver,
        gpu=gpu,
        without_gpu=silent if on_gpu else _why_no_gpu(driver),
        without_triton=without_triton,
        device=device.type,
        routes=tuple(_routes_on_gpu(without_triton) if on_gpu else _routes_on_cpu()),
        problems=tuple(_problems(without_triton, silent)),
    )


def driver_version() -> str:
    """Return the version of NVIDIA's kernel driver, empty where it is not loaded or does not tell."""
    try:
        words = _DRIVER.read_text(encoding="utf-8").splitlines()[0].split()
    except (OSError, IndexError):
        return ""
    return next((word for word in words if word[0].isdigit() and "." in word), "")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _gpu(device: torch.device) -> tuple[Gpu | None, str]:
    """Return the device, or None and why it does not answer: it is broken, full, or another process's alone."""
    try:
        found, free = torch.cuda.get_device_properties(device), free_memory(device)
    except RuntimeError as error:
        return None, f"the device does not answer: {str(error).strip().partition(chr(10))[0]}"
    capability = f"{found.major}.{found.minor}"
    return Gpu(found.name, capability, found.total_memory, free, torch.cuda.device_count()), ""


def _why_no_gpu(driver: str) -> str:
    if torch.version.cuda is None:
        return "this torch is built for the CPU alone"
    if not driver:
        return "NVIDIA's driver is not loaded"
    return f"torch, built for CUDA {torch.version.cuda}, cannot use a device with driver {driver}"


def _problems(without_triton: str, silent: str) -> list[str]:
    found = []
    if silent:
        found.append(f"Runs cannot be made on CUDA, {silent}. Use --device cpu until it does.")
    elif without_triton:
        found.append(f"Kernels in Triton do not run, so plain torch is used, which is slower: {without_triton}.")
    if os.environ.get(TF32) == "1":
        found.append(
            f"{TF32} is set: matrix products are rounded to ten bits, so numbers differ from those of other machines, "
            "and lists take longer to prove. Unset it."
        )
    return found


def _routes_on_cpu() -> list[Route]:
    fastest = str(fastest_precision(64)).removeprefix("torch.")
    threads = f"{available_threads()} threads"
    small = f"up to {DENSE_ITEMS_A_NEGATIVE} items a negative the product; else a fused gather"
    return [
        Route("negatives", "numba", f"{threads}; without rejection"),
        Route("scores", "numba, or a matrix product", small),
        Route("graph", "numba", threads),
        Route("evaluation", f"{fastest} product, then exact scores", "the faster of two products, measured"),
        Route("steps", "one by one", "the CPU; the next batch is drawn meanwhile"),
    ]


def _routes_on_gpu(without_triton: str) -> list[Route]:
    exact = Route("evaluation", "float32 product, then exact scores", "lists are those of the CPU; measured there, too")
    steps = Route(
        "steps", "a captured CUDA graph", "one by one for losses and backbones that need the host; they say so"
    )
    if without_triton:
        return [
            Route("negatives", "torch", without_triton),
            Route("scores", "torch, gathered in blocks", without_triton),
            Route("graph", "cuSPARSE", without_triton),
            exact,
            steps,
        ]
    least, most = (f"{of:g}" for of in (DENSE_ON_CUDA / OPEN, DENSE_ON_CUDA * OPEN))
    small = f"up to {least} items a negative the product, beyond {most} a fused gather, between them the faster"
    return [
        Route("negatives", "Triton", "without rejection"),
        Route("scores", "Triton, or a matrix product", f"{small}; --deterministic: a fused gather"),
        Route("graph", "Triton", "sums in a fixed order"),
        exact,
        steps,
    ]


def memory_of(gpu: Gpu) -> str:
    """Return the memory of a device in words."""
    return f"{in_gib(gpu.memory)}, {in_gib(gpu.free)} of it free"
