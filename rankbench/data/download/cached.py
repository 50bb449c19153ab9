"""Files in the cache: they have their final name only when they are whole and right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rankbench.data.disk import writing
from rankbench.data.download.digests import Tally, tally_of
from rankbench.data.download.faults import WrongContentError
from rankbench.data.download.pins import Pin, pin_of, write_pin
from rankbench.data.download.remote import RemoteFile, algorithm_of, needs_pin
from rankbench.data.download.verify import check_size, verify
from rankbench.data.progress import Note, Progress
from rankbench.errors import UserError


def is_right(file: RemoteFile, cached: Path) -> bool:
    """Return whether a file is in the cache, is the right one and has the pin that it needs; nothing is changed.

    Raises:
        UserError: a damaged pin, a file that cannot be read.
    """
    with _reading(cached):
        if not cached.is_file():
            return False
        try:
            tally, pin = _examine(file, cached)
        except WrongContentError:
            return False
    return not needs_pin(file) or (pin is not None and pin.sha256 == tally.sha256)


def keep(file: RemoteFile, cached: Path, progress: Progress) -> bool:
    """Return whether the cache has the right file; one that has no pin yet gets it, a wrong one is deleted.

    The caller holds the lock of the file.

    Raises:
        UserError: a damaged pin, a file that cannot be read or deleted, a pin that cannot be written.
    """
    with _reading(cached):
        if not cached.is_file():
            return False
        try:
            tally, pin = _examine(file, cached)
        except WrongContentError as fault:
            progress(Note(f"{cached} is damaged ({fault.reason}); it is fetched again."))
            with writing(cached):
                cached.unlink()
            return False
    _record(file, tally, cached, pin, "found in the cache")
    return True


def settle(
    file: RemoteFile, loaded: Path, tally: Tally, origin: str, cached: Path, *, accept_changes: bool = False
) -> None:
    """Give loaded content its final name if it is the file.

    The pin is written first: were the process killed between the two, the next download is held to the pin.

    Args:
        file: what it should be.
        loaded: the content, on the file system of `cached`.
        tally: of the content.
        origin: where it came from.
        cached: the final name.
        accept_changes: whether an older pin does not count.

    Raises:
        WrongContentError: it is not the file.
        UserError: the folder cannot be written, the pin is damaged.
    """
    pin = pin_of(cached) if needs_pin(file) and not accept_changes else None
    with _reading(loaded):
        verify(file, tally, loaded, pin)
    _record(file, tally, cached, pin, origin)
    with writing(cached):
        loaded.replace(cached)


@contextmanager
def locked(cached: Path, progress: Progress) -> Iterator[None]:
    """Hold the lock of a cached file, so that two processes do not load it at once.

    Raises:
        UserError: the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(cached.with_name(f".lock-{cached.name}"))
    with writing(cached):
        try:
            lock.acquire(timeout=0)
        except Timeout:
            progress(Note(f"Another rankbench is loading {cached.name}; waiting for it."))
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _examine(file: RemoteFile, cached: Path) -> tuple[Tally, Pin | None]:
    check_size(file, cached.stat().st_size, cached)  # before the content is read: it may be large
    pin = pin_of(cached) if needs_pin(file) else None
    tally = tally_of(cached, algorithm_of(file))
    verify(file, tally, cached, pin)
    return tally, pin


def _record(file: RemoteFile, tally: Tally, cached: Path, pin: Pin | None, origin: str) -> None:
    if needs_pin(file) and (pin is None or pin.sha256 != tally.sha256):
        write_pin(cached, tally.sha256, tally.size, origin)


@contextmanager
def _reading(content: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        hint = "Make it readable, or choose another folder with --data DIR."
        raise UserError(f"{content} cannot be read: {reason}.", hint) from error
