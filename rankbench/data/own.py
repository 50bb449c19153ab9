"""Files of the user's own: read where they are, and held against what they were when a split was made of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rankbench.data.dataset import Dataset
from rankbench.data.download import Pin, sha256_of
from rankbench.data.manifest import LOCAL
from rankbench.data.sources import RemoteFile
from rankbench.errors import UserError


def place_of(dataset: Dataset, file: RemoteFile) -> Path:
    """Return where a file of the user's is.

    Raises:
        UserError: it is not there.
    """
    assert file.local is not None
    if not file.local.is_file():
        raise UserError(
            f"{file.local}, which {dataset.name} is made of, is not there.",
            f"Put it back, or say where it is now: `rankbench fetch FILE --name {dataset.name} --force`.",
        )
    return file.local


def pin_of_own(file: Path) -> Pin:
    """Return what a file of the user's is now.

    Raises:
        UserError: it cannot be read.
    """
    try:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Pin(sha256_of(file), file.stat().st_size, str(file), now)
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror or error}.", "Make it readable.") from error


def changed_files(manifest: dict[str, Any]) -> list[Path]:
    """Return the files of the user's that are there and are not what they were when a split was made of them."""
    files = [file for file in manifest["source"].get("files", {}).values() if LOCAL in file]
    pins = {Path(file[LOCAL]): manifest["pins"][file["path"]] for file in files}
    return [file for file, pin in pins.items() if file.is_file() and not _is_as_before(file, pin)]


def _is_as_before(file: Path, pin: dict[str, Any]) -> bool:
    return bool(file.stat().st_size == pin["bytes"] and pin_of_own(file).sha256 == pin["sha256"])
