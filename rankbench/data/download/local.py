"""Copying a file from this machine, checked like a download."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rankbench.data.disk import TEMPORARY, need_space, writing
from rankbench.data.download.cached import settle
from rankbench.data.download.digests import Tally
from rankbench.data.download.faults import SourceError
from rankbench.data.download.remote import RemoteFile, algorithm_of, name_of
from rankbench.data.download.verify import check_size
from rankbench.data.progress import Download, Progress

_CHUNK = 1 << 20


def copy_in(file: RemoteFile, source: Path, cached: Path, progress: Progress, *, accept_changes: bool = False) -> None:
    """Copy a file into the cache; it takes its final name only if it is the right one.

    It is copied and not linked: what is done to the user's file later does not reach the cache. The caller holds the
    lock of the file.

    Args:
        file: what it should be.
        source: where it is; only read.
        cached: the final name.
        progress: gets the bytes so far.
        accept_changes: whether an older pin does not count.

    Raises:
        SourceError: it cannot be read, or it is not the file.
        UserError: no space, a folder that cannot be written; nothing half-written is left.
    """
    size = _size_of(file, source)
    need_space(cached.parent, size)
    temporary = cached.with_name(f"{TEMPORARY}{cached.name}")
    try:
        tally = _copy(file, source, temporary, size, progress)
        settle(file, temporary, tally, str(source), cached, accept_changes=accept_changes)
    finally:
        temporary.unlink(missing_ok=True)


def _size_of(file: RemoteFile, source: Path) -> int:
    """Return the size of a file that is there, which must be the right one."""
    try:
        if not source.is_file():
            raise SourceError("not there")
        size = source.stat().st_size
        check_size(file, size, source)
    except OSError as error:
        raise _unreadable(error) from error
    return size


def _copy(file: RemoteFile, source: Path, temporary: Path, size: int, progress: Progress) -> Tally:
    tally = Tally(algorithm_of(file))
    progress(Download(name_of(file), 0, size))
    with writing(temporary), temporary.open("wb") as stream:
        for chunk in _chunks(source):
            stream.write(chunk)
            tally.update(chunk)
            progress(Download(name_of(file), tally.size, size))
    return tally


def _chunks(source: Path) -> Iterator[bytes]:
    try:
        with source.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise _unreadable(error) from error


def _unreadable(error: OSError) -> SourceError:
    return SourceError(f"cannot be read: {error.strerror or error}", "Make it readable.")
