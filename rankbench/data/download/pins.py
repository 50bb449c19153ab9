"""Pins: size and sha256 of a file whose checksum nobody publishes, as they were at first, `NAME.pin.json` beside it.

The first download is trusted; every later use is held to it.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from rankbench.data.disk import TEMPORARY, writing
from rankbench.errors import UserError


@dataclass(frozen=True)
class Pin:
    """What a file was when it was first loaded.

    Args:
        sha256: of its content.
        bytes: its size.
        url: where it came from, an address or a path.
        time: when, as in 2026-01-31T12:00:00Z.
    """

    sha256: str
    bytes: int
    url: str
    time: str


def pin_of(file: Path) -> Pin | None:
    """Return the pin of a cached file, None when it has none.

    Raises:
        UserError: the pin is damaged or cannot be read.
    """
    place = _place(file)
    try:
        pin = Pin(**json.loads(place.read_text(encoding="utf-8")))
        if not (len(pin.sha256) == 64 and pin.bytes >= 0):
            raise ValueError("no sha256 and size")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        hint = f"Delete it; {file.name} is then trusted as it is at its next use."
        raise UserError(f"{place} is damaged: {error}.", hint) from error
    return pin


def write_pin(file: Path, sha256: str, size: int, url: str) -> None:
    """Record what a file is; an older pin is replaced as a whole.

    Raises:
        UserError: the pin cannot be written.
    """
    place = _place(file)
    pin = Pin(sha256, size, url, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    temporary = place.with_name(f"{TEMPORARY}{place.name}-{os.getpid()}")
    try:
        with writing(place):
            temporary.write_text(json.dumps(asdict(pin), indent=2) + "\n", encoding="utf-8")
            temporary.replace(place)
    finally:
        temporary.unlink(missing_ok=True)


def _place(file: Path) -> Path:
    return file.with_name(f"{file.name}.pin.json")
