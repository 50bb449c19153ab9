"""The device that a run trains on: what it is, whether Triton works there, what memory is free, what must repeat.

None of this is part of a result. Kernels in Triton are tried once; where they cannot be compiled, for want of the
library or of a C compiler, plain torch does the same.
"""

from __future__ import annotations

import gc
import os
from functools import cache
from importlib.util import find_spec

import torch

from rankbench.errors import UserError

GIB = 2**30

TF32 = "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE"

_deterministic = False
_sharing = 1


def device_of(name: str) -> torch.device:
    """Return the device for `auto`, `cpu` or `cuda`.

    Raises:
        UserError: cuda is asked for and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "There is no CUDA device that this torch can use.",
            "Use --device cpu, or --device auto; `rankbench doctor` says what is missing.",
        )
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def set_deterministic(on: bool) -> None:
    """Have sums on a CUDA device added up in a fixed order from now on, which is slower, or in any order.

    An operation of torch that has no fixed order raises RuntimeError then. On the CPU sums always have one.
    """
    global _deterministic
    _deterministic = on
    if on:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS starts
    torch.use_deterministic_algorithms(on)
    setattr(torch.utils.deterministic, "fill_uninitialized_memory", False)  # noqa: B010  every kernel writes its result


def deterministic() -> bool:
    """Return whether sums must be added up in a fixed order."""
    return _deterministic


def rounds_products() -> bool:
    """Return whether products of float32 matrices on a CUDA device may be computed with fewer bits than float32 has.

    Not unless it was asked for: in the environment, or of torch by a file of the user's, in any of its ways.
    """
    try:
        precise = torch.get_float32_matmul_precision() == "highest"
    except RuntimeError:  # it was asked for in two ways that torch does not reconcile
        precise = False
    return not precise or os.environ.get(TF32) == "1"


def uses_triton(device: torch.device) -> bool:
    """Return whether the kernels for a device are those in Triton."""
    return device.type == "cuda" and not why_no_triton()


@cache
def why_no_triton() -> str:
    """Return why kernels in Triton cannot run on the CUDA device; empty if they can. The first call compiles one."""
    if find_spec("triton") is None:
        return "Triton is not installed"
    os.environ.setdefault("TRITON_DEFAULT_FP_FUSION", "1")  # as it always was; newer versions ask
    try:
        from rankbench.triton_trial import try_triton

        return try_triton(torch.device("cuda"))
    except Exception as error:  # Triton raises its own, the compiler's and the driver's
        return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no message'}"


def share_memory(n: int) -> None:
    """Have this process, one of n that make runs side by side, count an nth of a CUDA device's memory as its own.

    So whether a run fits does not depend on what the others are doing just then.
    """
    global _sharing
    _sharing = n


def free_memory(device: torch.device) -> int:
    """Return the bytes that can still be allocated on a CUDA device: free ones, and those that torch keeps to reuse."""
    free, total = torch.cuda.mem_get_info(device)
    allocated = torch.cuda.memory_allocated(device)
    left = int(free) + torch.cuda.memory_reserved(device) - allocated
    return left if _sharing == 1 else max(min(left, int(total) // _sharing - allocated), 0)


def release_memory(device: torch.device) -> None:
    """Give a CUDA device back what nothing refers to any more, cycles and what torch keeps to reuse included."""
    if device.type == "cuda":
        gc.collect()
        torch.cuda.empty_cache()


def in_gib(n_bytes: float) -> str:
    """Return a number of bytes as it is told: `1.25 GiB`."""
    return f"{n_bytes / GIB:.3g} GiB"


def require_memory(device: torch.device, n_bytes: float, what: str) -> None:
    """Raise UserError if a CUDA device has not so many bytes left for something; a CPU is not asked."""
    if device.type != "cpu" and n_bytes > free_memory(device):
        each = f" for each of {_sharing} runs" if _sharing > 1 else ""
        raise UserError(
            f"{what} needs about {in_gib(n_bytes)} of memory; the CUDA device has {in_gib(free_memory(device))} left"
            f"{each}.",
            "Lower --dim, --batch-size or --negatives, give the tables fewer rows (`rankbench list tables`), make "
            "fewer runs at a time, or use --device cpu.",
        )


def explained(device: torch.device, error: Exception) -> Exception:
    """Return the error that ended a run, in the user's words if the device has run out of memory.

    Raises:
        UserError: the device does not work any more, so no other run can be made by this process.
    """
    if device.type == "cpu" or isinstance(error, UserError):
        return error
    if _found_no_memory(error):
        had = in_gib(torch.cuda.max_memory_allocated(device))
        found = f"the CUDA device ran out of memory, of which the run had {had}. "
        return UserError(found + "Lower --batch-size or --negatives, or make fewer runs at a time.")
    try:
        torch.cuda.synchronize(device)
    except RuntimeError as lost:
        told = str(lost).strip().partition("\n")[0]
        raise UserError(
            f"The CUDA device stopped working: {told}",
            "What is finished is kept, and the same command goes on from here; `rankbench doctor` tries the device.",
        ) from error
    return error


def _found_no_memory(error: Exception) -> bool:
    """Return whether an error says that memory was wanting: torch's own, or what it makes of a library's."""
    text = str(error)
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in text or "STATUS_ALLOC_FAILED" in text
