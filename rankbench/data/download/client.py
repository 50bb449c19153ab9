"""Speaking HTTP: proxies and certificates as the environment says, answers and errors as faults of a source."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from rankbench import __version__
from rankbench.data.download.faults import (
    HINT_CERTIFICATE,
    HINT_GONE,
    HINT_LOGIN,
    HINT_NETWORK,
    HINT_PROXY,
    SourceError,
    TransientError,
)
from rankbench.data.download.headers import seconds_to_wait
from rankbench.errors import UserError

if TYPE_CHECKING:
    import ssl

    import httpx

_HEADERS = {
    "User-Agent": f"rankbench/{__version__}",
    "Accept-Encoding": "identity",  # sizes, ranges and checksums are those of the file, not of a packed form
}
_PERMANENT = {
    401: HINT_LOGIN,
    403: HINT_LOGIN,
    404: HINT_GONE,
    407: HINT_PROXY,
    410: HINT_GONE,
}
_NUMBER = re.compile(r"^\[Errno -?\d+\] ")
_PASSING = (408, 425, 429)


def open_client(timeout: float) -> httpx.Client:
    """Return a client that follows redirects and breaks a connection after some seconds of silence.

    Raises:
        UserError: the environment names proxies or certificates that cannot be used.
    """
    import httpx

    try:
        verify = _certificates(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
        return httpx.Client(headers=_HEADERS, follow_redirects=True, timeout=timeout, verify=verify)
    except (OSError, ValueError, ImportError, httpx.InvalidURL) as error:
        raise UserError(
            f"The connection cannot be set up as the environment says: {error}.",
            f"{HINT_PROXY[:-1]}, and SSL_CERT_FILE and SSL_CERT_DIR.",
        ) from error


@cache
def _certificates(file: str | None, folder: str | None) -> ssl.SSLContext:
    """Return the trusted certificates: reading them takes longer than a small download, so they are read once."""
    import httpx

    return httpx.create_ssl_context()  # it looks at the same two variables


def refusal(response: httpx.Response) -> SourceError:
    """Return the fault that an answer without the content stands for."""
    status = response.status_code
    reason = f"{status} {response.reason_phrase}".strip()
    if status in _PASSING or status >= 500:
        return TransientError(reason, after=seconds_to_wait(response.headers))
    return SourceError(reason, _PERMANENT.get(status, HINT_NETWORK))


@contextmanager
def network() -> Iterator[None]:
    """Turn what goes wrong on the way inside into faults.

    Raises:
        TransientError: another try may do.
        SourceError: it will not.
    """
    import httpx

    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = _NUMBER.sub("", str(error).partition("\n")[0]) or type(error).__name__
        if "CERTIFICATE_VERIFY_FAILED" in reason:
            raise SourceError(reason, HINT_CERTIFICATE) from error
        if isinstance(error, httpx.ProxyError):
            raise _proxy_fault(reason) from error
        if isinstance(error, httpx.TimeoutException):
            raise TransientError(f"no answer in time ({reason})") from error
        if isinstance(error, httpx.TransportError) and not isinstance(error, httpx.UnsupportedProtocol):
            raise TransientError(reason) from error
        raise SourceError(reason, HINT_NETWORK) from error


def _proxy_fault(reason: str) -> SourceError:
    told = f"the proxy refuses: {reason}"
    if reason.startswith(("401", "403", "407")):
        return SourceError(told, HINT_PROXY)
    return TransientError(told, hint=HINT_PROXY)
