"""What the work on data tells while it goes on; the command line shows it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Note:
    """A sentence for the user: terms of a data set, what is being done, what went on."""

    text: str


@dataclass(frozen=True)
class Download:
    """How far a download is, in bytes.

    Args:
        name: what is loaded.
        done: bytes so far.
        total: bytes of the whole, None when nobody says.
    """

    name: str
    done: int
    total: int | None


@dataclass(frozen=True)
class Ended:
    """A download is over, whole or given up.

    Args:
        name: what was loaded.
    """

    name: str


Event = Note | Download | Ended
Progress = Callable[[Event], None]


def silent(event: Event) -> None:
    """Drop an event."""
