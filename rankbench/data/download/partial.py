"""A partial download, `.part-NAME` beside its target, and what it is the beginning of, `.part-NAME.json`.

It outlives the process, so that the next one continues it. It is continued only if the server still has what it began
with: same address, same validator, same size. In doubt it is discarded.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rankbench.data.disk import writing
from rankbench.data.download.digests import Tally, tally_of
from rankbench.errors import UserError

_ROOM = "Make room there, or choose another folder with --data DIR."
_HINTS = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EFBIG: "The file system or a limit of this session takes no file so large: choose another with --data DIR.",
}


@dataclass(frozen=True)
class Version:
    """Which content a partial file is the beginning of.

    Args:
        url: the address.
        validator: what the server knows the content by, an ETag or a date of change; "" if it names none.
        size: of the whole, None when the server does not say.
    """

    url: str
    validator: str
    size: int | None


class Partial:
    """The partial download of one file.

    Args:
        target: the final name.
    """

    def __init__(self, target: Path) -> None:
        self.file = target.with_name(f".part-{target.name}")
        self._sidecar = target.with_name(f".part-{target.name}.json")

    def size(self) -> int:
        """Return how many bytes are there."""
        try:
            return self.file.stat().st_size
        except OSError:
            return 0

    def version(self) -> Version | None:
        """Return what the file is the beginning of, None if it is empty, unknown, or nothing to continue from."""
        try:
            version = Version(**json.loads(self._sidecar.read_text(encoding="utf-8")))
            whole = version.size is None or 0 < self.size() <= version.size
        except (OSError, ValueError, TypeError):
            return None
        return version if version.validator and self.size() and whole else None

    def begin(self, version: Version) -> None:
        """Start anew with the content of a version.

        The old file goes before the record of the new one comes: a kill between them never joins the two.

        Raises:
            UserError: the folder cannot be written.
        """
        self.discard()
        with writing(self.file):
            self._sidecar.write_text(json.dumps(asdict(version)), encoding="utf-8")
            self.file.touch()

    @contextmanager
    def extending(self) -> Iterator[Callable[[bytes], None]]:
        """Give a function that adds to the file; what was written stays when the block ends with an error.

        Raises:
            UserError: the file cannot be written; the message says that what is there is kept.
        """
        with self._storing():
            stream = self.file.open("ab", buffering=0)  # unbuffered: what came is there, whatever ends the process

        def write(chunk: bytes) -> None:
            rest = memoryview(chunk)
            with self._storing():
                while rest:
                    rest = rest[stream.write(rest) :]

        try:
            yield write
        finally:
            with self._storing():
                stream.close()

    def tally(self, algorithm: str) -> Tally:
        """Return the tally of what is there.

        Raises:
            UserError: the file cannot be read.
        """
        with writing(self.file):
            return tally_of(self.file, algorithm)

    def discard(self) -> None:
        """Delete the file, then the record.

        Raises:
            UserError: the folder cannot be written.
        """
        with writing(self.file):
            self.file.unlink(missing_ok=True)
            self._sidecar.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Delete what nobody can continue."""
        if self.version() is None:
            self.discard()

    @contextmanager
    def _storing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            hint = _HINTS.get(error.errno or 0, "Make the folder writable, or choose another with --data DIR.")
            raise UserError(
                f"{self.file} cannot be written: {error.strerror or error}. What was loaded so far, {self.size():,} "
                "bytes, is kept there; the next fetch continues from it.",
                hint,
            ) from error
