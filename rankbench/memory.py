"""Keeps freed memory for the next step.

A step allocates and frees the same few tensors of some megabytes. By default the C library takes each from the system
and gives it back, and the system clears every page again: most of the time of an elementwise operation. Kept, the pages
are warm.
"""

import ctypes
import sys

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
