"""Archives: the members that are wanted, unpacked to a temporary folder; nothing else, and nowhere else.

What an archive says of itself is not trusted: names, kinds, sizes and checksums of what is wanted are checked.
"""

from __future__ import annotations

import gzip
import shutil
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rankbench.data.disk import TEMPORARY, make_folder, writing
from rankbench.data.unpacking import CHUNK, Unpacking
from rankbench.errors import UserError

ARCHIVES = ("zip", "tar.gz", "gz", "none")
"""Kinds of archives; none: the file itself."""

_ENCRYPTED = 0x1


@contextmanager
def open_members(
    path: Path, kind: str, member: str | None, cache: Path, *, limit: int | None = None
) -> Iterator[tuple[Path, ...]]:
    """Give the files that some members of an archive were unpacked to, by name; they are gone when the block ends.

    Args:
        path: the archive.
        kind: one of `ARCHIVES`; for none the file itself is given, and stays.
        member: a name within the archive, or a pattern in which `*`, `?` and `[...]` stand for characters other than
            "/"; None or "" for the only file that it has.
        cache: a folder; the temporary one is made in it.
        limit: most bytes that may come out; by default 200 times the size of the archive, at least 64 MiB, at most
            64 GiB.

    Raises:
        UserError: no such archive or member, a damaged, encrypted or cut one, names that lead out of the folder, links
            and devices, a name that is there twice, more bytes than the limit, no space; nothing is left behind.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing.", "Fetch it, or give the path of a file.")
    if kind == "none":
        yield (path,)
        return
    make_folder(cache)
    with writing(cache):
        folder = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=cache))
    try:
        unpacking = Unpacking(path, member, folder, limit)
        with unpacking.readable():
            {"zip": _unpack_zip, "tar.gz": _unpack_tar, "gz": _unpack_gz}[kind](unpacking)
        yield unpacking.files()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unpack_zip(unpacking: Unpacking) -> None:
    with zipfile.ZipFile(unpacking.archive) as archive:
        for info in archive.infolist():
            name = info.filename
            if info.is_dir() or not unpacking.wants(name):
                continue
            kind = stat.S_IFMT(info.external_attr >> 16)
            unpacking.check(name, info.file_size, regular=kind in (0, stat.S_IFREG))
            if info.flag_bits & _ENCRYPTED:
                raise unpacking.wrong(f"{name} is encrypted", "Unpack it with its password, and give the file.")
            with archive.open(info) as source:
                got = unpacking.store(name, source)
            if got != info.file_size:
                raise unpacking.wrong(f"expected {info.file_size:,} bytes of {name}, got {got:,}")


def _unpack_tar(unpacking: Unpacking) -> None:
    with gzip.open(unpacking.archive) as packed:
        stream = unpacking.stream(packed)
        with tarfile.open(fileobj=stream, mode="r|") as archive:  # type: ignore[call-overload]
            for info in archive:
                name = info.name.removeprefix("./")
                if info.isdir() or not unpacking.wants(name):
                    continue
                unpacking.check(name, info.size, regular=info.isreg())
                unpacking.store(name, archive.extractfile(info))
        while stream.read(CHUNK):
            pass  # the checksum of a gzip file stands at its end


def _unpack_gz(unpacking: Unpacking) -> None:
    name = unpacking.archive.name.removesuffix(".gz")
    unpacking.wants(name)
    unpacking.check(name, unpacking.archive.stat().st_size, regular=True)
    with gzip.open(unpacking.archive) as source:
        unpacking.store(name, source)
