"""Size and digests of content, counted while it comes."""

from __future__ import annotations

import hashlib
from pathlib import Path

_CHUNK = 1 << 20


class Tally:
    """Counts and hashes content piece by piece.

    Args:
        algorithm: of the checksum that is asked for in the end: `sha256`, `md5`, `git` or "".
    """

    def __init__(self, algorithm: str) -> None:
        self.size = 0
        self._algorithm = algorithm
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False) if algorithm == "md5" else None

    def update(self, chunk: bytes) -> None:
        """Take the next piece in."""
        self.size += len(chunk)
        self._sha256.update(chunk)
        if self._md5:
            self._md5.update(chunk)

    @property
    def sha256(self) -> str:
        """The sha256 so far, in hexadecimal digits."""
        return self._sha256.hexdigest()

    def checksum(self, file: Path) -> str:
        """Return the checksum of the content, which `file` holds, as a RemoteFile has it; "" if none is asked for."""
        if self._algorithm == "git":
            return f"git:{git_blob_of(file)}"
        if self._md5:
            return f"md5:{self._md5.hexdigest()}"
        return f"sha256:{self.sha256}" if self._algorithm else ""


def tally_of(file: Path, algorithm: str) -> Tally:
    """Return the tally of a file's content."""
    tally = Tally(algorithm)
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            tally.update(chunk)
    return tally


def sha256_of(file: Path) -> str:
    """Return the sha256 of a file's content, in hexadecimal digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def git_blob_of(file: Path) -> str:
    """Return the id that git gives a file's content.

    It is read as a whole once it is there: the hash begins with the length, which a server need not announce.
    """
    sha1 = hashlib.sha1(f"blob {file.stat().st_size}\0".encode(), usedforsecurity=False)
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            sha1.update(chunk)
    return sha1.hexdigest()
