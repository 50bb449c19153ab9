"""How long a download is tried: waits that grow, and a new start of the count when bytes were gained."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from rankbench.data.download.faults import SourceError, TransientError, UnresumableError

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How long to try and to wait.

    Args:
        tries: attempts without a byte gained before a source is given up.
        pause: seconds before the second attempt, twice as long before each further one, up to `longest_pause`;
            each wait is multiplied by a random number between 0.5 and 1.5, so that many clients do not come at once.
        longest_pause: seconds.
        longest_request: seconds that a server may ask to wait (Retry-After).
        timeout: seconds of silence that break a connection.
        stall_seconds, stall_bytes: fewer bytes than these in so many seconds break a connection, too.
        sleep, chance, clock: the world; chance gives numbers from 0 to 1.
    """

    tries: int = 4
    pause: float = 1.0
    longest_pause: float = 60.0
    longest_request: float = 300.0
    timeout: float = 30.0
    stall_seconds: float = 60.0
    stall_bytes: int = 1 << 16
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random
    clock: Callable[[], float] = time.monotonic

    def wait(self, failures: int, asked: float) -> float:
        """Return the seconds to wait after so many failures in a row, at least what the server asked for."""
        pause = min(self.pause * 2.0 ** (failures - 1), self.longest_pause)
        return max(asked, 0.0) + pause * (0.5 + self.chance())


DEFAULT = Patience()
"""What is used where a caller gives none."""


def persist(
    attempt: Callable[[], T], reached: Callable[[], int], patience: Patience, tell: Callable[[str, float], None]
) -> T:
    """Return what `attempt` gives, tried again while it fails for a passing reason.

    The count of failures starts anew when an attempt got further than any before it. Getting further than the last
    one is not enough: a server that breaks off at the same place for ever would be tried for ever.

    Args:
        attempt: gives the result or raises.
        reached: how many bytes are there.
        patience: how often, how long.
        tell: gets the reason of a failure and the seconds until the next attempt.

    Raises:
        SourceError: another attempt is not worth it.
    """
    failures, furthest = 0, reached()
    while True:
        try:
            return attempt()
        except UnresumableError:
            continue
        except TransientError as fault:
            if reached() > furthest + fault.slack:
                failures = 0
            failures, furthest = failures + 1, max(furthest, reached())
            if failures >= patience.tries:
                tries = f"{failures} tries" if failures > 1 else "1 try"
                raise SourceError(f"{fault.reason} ({tries})", fault.hint) from fault
            if fault.after > patience.longest_request:
                raise SourceError(f"{fault.reason}, asks to come again in {fault.after:,.0f} s", fault.hint) from fault
            wait = patience.wait(failures, fault.after)
            tell(fault.reason, wait)
            patience.sleep(wait)


class Watch:
    """Tells a connection that drips from one that flows."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._since, self._gained = patience.clock(), 0

    def count(self, gained: int) -> None:
        """Note bytes that came.

        Raises:
            TransientError: too few came in the time that has passed.
        """
        self._gained += gained
        passed = self._patience.clock() - self._since
        if passed < self._patience.stall_seconds:
            return
        if self._gained < self._patience.stall_bytes:
            reason = f"stalled: {self._gained:,} bytes in {passed:,.0f} s"
            raise TransientError(reason, slack=self._patience.stall_bytes)
        self._since, self._gained = self._patience.clock(), 0
