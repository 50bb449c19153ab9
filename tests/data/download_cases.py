"""A file to be loaded, and what the tests of loading share."""

import random
from dataclasses import replace
from hashlib import sha256
from pathlib import Path, PurePosixPath

import pytest
from faulty_server import QUICK

from rankbench.data.download import RemoteFile, ensure_file
from rankbench.data.progress import Note
from rankbench.errors import UserError

SIZE = 300_000
CONTENT, OTHER = (random.Random(seed).randbytes(SIZE) for seed in (0, 1))
PLACE = PurePosixPath("set/data.bin")
ONCE = replace(QUICK, tries=1)


def remote(*urls: str, name: str = "data.bin", content: bytes = CONTENT, **traits) -> RemoteFile:
    """The file `set/data.bin`, size and checksum known unless `traits` say otherwise."""
    known = {"bytes": len(content), "checksum": f"sha256:{sha256(content).hexdigest()}"}
    return RemoteFile(PurePosixPath("set") / name, urls, **{**known, **traits})


def files_in(folder: Path) -> list[str]:
    """All files but the locks, which stay."""
    found = (file for file in folder.rglob("*") if file.is_file() and not file.name.startswith(".lock-"))
    return sorted(str(file.relative_to(folder)) for file in found)


def notes(events: list) -> list[str]:
    return [event.text for event in events if isinstance(event, Note)]


def unknown(*urls: str) -> RemoteFile:
    """The same file, nothing known of it."""
    return RemoteFile(PLACE, urls)


def break_off(file: RemoteFile, cache: Path) -> None:
    """Let a download break off and give up."""
    with pytest.raises(UserError):
        ensure_file(file, cache, patience=ONCE)
    assert not (cache / PLACE).exists()
