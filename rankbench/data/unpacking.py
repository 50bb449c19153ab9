"""What may come out of an archive, and where to: every member is checked before and while it is copied."""

from __future__ import annotations

import difflib
import lzma
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

from rankbench.data.disk import make_folder, need_space, writing
from rankbench.errors import UserError, unknown

RATIO = 200
"""How many times its own size an archive may unpack to where no limit is given; text comes to 20, seldom to 50."""

SMALL = 1 << 26
"""What any archive may unpack to where no limit is given, bytes."""

LARGE = 1 << 36
"""What no archive may unpack to where no limit is given, bytes."""

CHUNK = 1 << 20

_MIB = 1 << 20
_SHOWN = 20
_BESIDE = "__MACOSX/"
_WILD = re.compile(r"[*?[]")
_OUTSIDE = re.compile(r"[/\\]|[A-Za-z]:")
_UNREADABLE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, OSError, NotImplementedError, RuntimeError, ValueError),
)
_FETCH_AGAIN = "It is damaged or cut off: fetch it again with --force."
_DISTRUST = "Do not trust it: fetch it again from its origin, or unpack it yourself and give the file."
_BOMB = f"A small archive that unpacks to so much is made to fill disks. {_DISTRUST}"


class Readable(Protocol):
    """What can be read in pieces."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, none at the end."""


class Unpacking:
    """The wanted members of an archive, as far as they were come across.

    Args:
        archive: the archive.
        member: name or pattern, None or "" for the only file.
        folder: where to put them.
        limit: most bytes, None for what is usual for the archive's size.
    """

    def __init__(self, archive: Path, member: str | None, folder: Path, limit: int | None) -> None:
        self.archive = archive
        self._member = member
        self._folder = folder
        usual = min(max(RATIO * archive.stat().st_size, SMALL), LARGE)
        self._limit = usual if limit is None else limit
        self._whole = usual + (limit or 0)
        self._names: list[str] = []
        self._files: dict[str, Path] = {}
        self._bytes = 0

    def wants(self, name: str) -> bool:
        """Return whether a file of the archive is wanted."""
        self._names.append(name)
        if not self._member:
            return not name.startswith(_BESIDE)
        return name == self._member or (bool(_WILD.search(self._member)) and _matches(self._member, name))

    def check(self, name: str, size: int, *, regular: bool) -> None:
        """Refuse a member by what the archive says of it.

        Args:
            name: of the member.
            size: bytes that are announced.
            regular: whether it is a file, not a link or a device.
        """
        parts = _parts(name)
        if not parts or ".." in parts or _OUTSIDE.match(name) or not name.isprintable():
            raise self.wrong(f"the name {name!r} leads out of the folder that it would be unpacked in", _DISTRUST)
        if not regular:
            raise self.wrong(f"expected a file as {name}, got a link or a device", _DISTRUST)
        if name in self._files:
            raise self.wrong(f"{name} is in it twice", _DISTRUST)
        if not self._member and self._files:
            raise self.wrong("expected one file in it, got several", "Name the one that is wanted.")
        self._check_size(self._bytes + size)
        need_space(self._folder, size)

    def store(self, name: str, source: Readable) -> int:
        """Copy a member and return the number of its bytes."""
        target = self._folder.joinpath(*_parts(name))
        make_folder(target.parent)
        before = self._bytes
        with writing(target), target.open("xb") as opened:
            while chunk := self._read(source):
                self._bytes += len(chunk)
                self._check_size(self._bytes)
                opened.write(chunk)
        self._files[name] = target
        return self._bytes - before

    def files(self) -> tuple[Path, ...]:
        """Return where the members are, in the order of their names."""
        if self._files:
            return tuple(self._files[name] for name in sorted(self._files))
        if not self._member:
            raise self.wrong("expected a file in it, got none", _FETCH_AGAIN)
        few = self._names
        if len(few) > _SHOWN:
            few = difflib.get_close_matches(self._member, self._names) or self._names[:_SHOWN]
        raise unknown(f"file in {self.archive}:", self._member, few)

    def stream(self, source: Readable) -> Readable:
        """Return a stream that stops at what may come out: of a tar file the unwanted has to be unpacked as well."""
        return _Counted(self, source, self._whole)

    def wrong(self, what: str, hint: str = _FETCH_AGAIN) -> UserError:
        """Return the error of an archive that is not as it should be."""
        return UserError(f"{self.archive}: {what}.", hint)

    @contextmanager
    def readable(self) -> Iterator[None]:
        """Turn what goes wrong inside in reading the archive into a UserError."""
        try:
            yield
        except _UNREADABLE as error:
            reason = str(error) or type(error).__name__
            raise self.wrong(f"it is not an archive that can be read: {reason}") from error

    def _read(self, source: Readable) -> bytes:
        with self.readable():
            return source.read(CHUNK)

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise self.wrong(
                f"expected at most {self._limit / _MIB:,.1f} MiB of it, got {size / _MIB:,.1f} MiB or more", _BOMB
            )


class _Counted:
    def __init__(self, unpacking: Unpacking, source: Readable, limit: int) -> None:
        self._unpacking = unpacking
        self._source = source
        self._limit = self._left = limit

    def read(self, size: int, /) -> bytes:
        chunk = self._source.read(size)
        self._left -= len(chunk)
        if self._left < 0:
            raise self._unpacking.wrong(f"it unpacks to more than {self._limit / _MIB:,.1f} MiB", _BOMB)
        return chunk


def _matches(pattern: str, name: str) -> bool:
    """Return whether a name fits a pattern, folder by folder."""
    wanted, parts = pattern.split("/"), name.split("/")
    return len(wanted) == len(parts) and all(map(fnmatchcase, parts, wanted))


def _parts(name: str) -> list[str]:
    return [part for part in re.split(r"[/\\]", name) if part not in ("", ".")]
