"""The memory of the process: what is freed is kept for the next step, and what is not there is said in time.

A step allocates and frees the same few tensors of some megabytes. By default the C library takes each from the system
and gives it back, and the system clears every page again: most of the time of an elementwise operation. Kept, the pages
are warm.
"""

import ctypes
import os
import sys
from pathlib import Path

from rankbench.errors import UserError

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
_LARGE = 2**30


def keep_freed_memory() -> None:
    """Tell the C library to keep freed blocks of up to a GiB; does nothing where it is not glibc."""
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_MMAP_THRESHOLD, _LARGE)
    mallopt(_TRIM_THRESHOLD, _LARGE)


def available() -> int:
    """Return how many bytes a program can take now without paging, about."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        kib = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 2**63
    return kib * 1024


def require(n: int, what: str, holds: str) -> None:
    """Raise UserError if `what` needs more than the memory that is there: n bytes, in which it `holds` something."""
    there = available()
    if n > there:
        raise UserError(
            f"{what} needs {n / 2**30:.1f} GiB of memory for {holds}; {there / 2**30:.1f} GiB are free.",
            "Choose a smaller data set, a machine with more memory, or another backbone.",
        )
