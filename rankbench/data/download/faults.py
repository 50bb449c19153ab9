"""Why a source did not give a file, and the error that remains when none did."""

from __future__ import annotations

from collections.abc import Sequence

from rankbench.data.download.remote import RemoteFile, name_of
from rankbench.errors import UserError

HINT_NETWORK = "Check the network and try again."
HINT_SPOILT = (
    "A changed file at the source, a proxy that answers with a page of its own, or a damaged copy can be the cause."
)
HINT_GONE = "It may have moved: look at the home page of the data set."
HINT_MIRROR = "A copy of the files is taken with --mirror DIR-or-URL."
HINT_CHANGED = "If you trust the new content, accept it with --force."
HINT_LOGIN = (
    "Load it with a browser, logged in where that is asked, and give it with `rankbench fetch NAME --from PATH`."
)
HINT_PAGE = (
    "A login page, or the page of a network that wants you to sign in, stands in the file's place: open the address "
    "in a browser. A file loaded there is taken with `rankbench fetch NAME --from PATH`."
)
HINT_CERTIFICATE = (
    "If your network has a certificate of its own, name its file in the environment variable SSL_CERT_FILE; "
    "else check the clock of this machine."
)
HINT_PROXY = "Check the environment variables HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY."
HINT_OFFLINE = "Go without --offline, or give a folder that has the file with --mirror DIR."


class SourceError(Exception):
    """A source cannot give a file; another one may.

    Args:
        reason: what is the matter, without a full stop.
        hint: what may help.
    """

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


class WrongContentError(SourceError):
    """A source gave something else than the file."""


class TransientError(SourceError):
    """A fault that another try may overcome.

    Args:
        reason: what is the matter.
        after: seconds that the server asks to wait.
        slack: bytes that the attempt must have gained to count as progress.
        hint: what may help.
    """

    def __init__(self, reason: str, *, after: float = 0.0, slack: int = 0, hint: str = HINT_NETWORK) -> None:
        super().__init__(reason, hint)
        self.after = after
        self.slack = slack


class UnresumableError(Exception):
    """A partial file cannot be continued; it is discarded, and the next attempt begins anew."""


def failure(file: RemoteFile, faults: Sequence[tuple[str, SourceError]], *, offline: bool) -> UserError:
    """Return the error for a file that no source gave, with the reason of each.

    Args:
        file: what was wanted.
        faults: the sources that were tried, each with its fault.
        offline: whether the web was left out.
    """
    without = " (offline: only the cache and folder mirrors are used)" if offline else ""
    if not faults:
        if offline:
            return UserError(f"{name_of(file)} is not in the cache{without}.", HINT_OFFLINE)
        return UserError(f"{name_of(file)} has no address that it can be loaded from.", f"{HINT_LOGIN} {HINT_MIRROR}")
    if len(faults) == 1:
        origin, fault = faults[0]
        message = f"{name_of(file)} cannot be loaded from {origin}: {fault.reason}{without}."
    else:
        lines = [f"  {origin}: {fault.reason}" for origin, fault in faults]
        message = "\n".join([f"{name_of(file)} cannot be loaded{without}:", *lines])
    hints = [fault.hint for _, fault in faults if fault.hint]
    hints += [] if file.urls else [HINT_LOGIN]
    hints += [HINT_OFFLINE if offline else HINT_MIRROR]
    return UserError(message, " ".join(dict.fromkeys(hints)))
