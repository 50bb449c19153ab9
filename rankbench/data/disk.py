"""Writing to disk: faults that the user can mend as UserError, space checked before, folders replaced as a whole."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rankbench.errors import UserError

TEMPORARY = ".tmp-"
"""How the names of unfinished files and folders begin."""

_MIB = 1024 * 1024
_RESERVE = 4 * _MIB
_FULL = (errno.ENOSPC, errno.EDQUOT)
_HINT_FULL = "Make room there, or choose another folder with --data DIR."
_HINT_RIGHTS = "Make the folder writable, or choose another with --data DIR (or RANKBENCH_DATA)."


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals inside into a UserError about `path`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        hint = _HINT_FULL if error.errno in _FULL else _HINT_RIGHTS
        raise UserError(f"{path} cannot be written: {reason}. Nothing half-written was kept.", hint) from error


def make_folder(folder: Path) -> None:
    """Make a folder and those above it.

    Raises:
        UserError: it cannot be made.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)


def need_space(folder: Path, size: int) -> None:
    """Check that a folder's file system has room for `size` bytes and a small reserve.

    Raises:
        UserError: it has not; the message says how much is missing.
    """
    with writing(folder):
        free = shutil.disk_usage(folder).free
    missing = size + _RESERVE - free
    if missing > 0:
        raise UserError(
            f"Not enough space in {folder}: {(size + _RESERVE) / _MIB:.1f} MiB are needed, "
            f"{free / _MIB:.1f} MiB are free, {missing / _MIB:.1f} MiB are missing. Nothing was written.",
            _HINT_FULL,
        )


@contextmanager
def new_folder(final: Path) -> Iterator[Path]:
    """Give a temporary folder to fill; it takes the name `final`, as a whole, when the block ends without an error.

    A folder that stands there already is replaced. Leftovers of killed processes beside it are removed; the caller
    holds a lock, so no other process is at work there.

    Raises:
        UserError: the folder cannot be written.
    """
    make_folder(final.parent)
    with writing(final.parent):
        for stale in final.parent.glob(f"{TEMPORARY}*"):
            shutil.rmtree(stale)
    temporary = final.with_name(f"{TEMPORARY}{final.name}-{os.getpid()}")
    try:
        with writing(final):
            temporary.mkdir()
            yield temporary
            _replace(final, temporary)
    finally:
        for leftover in final.parent.glob(f"{temporary.name}*"):
            shutil.rmtree(leftover, ignore_errors=True)


def _replace(final: Path, new: Path) -> None:
    """Give `new` the name `final`; what stood there comes back if that fails."""
    if not final.exists():
        new.rename(final)
        return
    old = new.with_name(f"{new.name}-old")
    final.rename(old)
    try:
        new.rename(final)
    except OSError:
        old.rename(final)
        raise
