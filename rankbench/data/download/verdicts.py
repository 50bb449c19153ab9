"""Whether addresses still answer and announce the right size, without loading anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rankbench.data.download import patience as waiting
from rankbench.data.download.at_once import at_once
from rankbench.data.download.client import network, open_client, refusal
from rankbench.data.download.faults import SourceError
from rankbench.data.download.headers import is_document, length_of, part_of
from rankbench.data.download.patience import Patience, persist
from rankbench.data.download.remote import RemoteFile, is_document_name
from rankbench.data.download.sources import sources_of
from rankbench.data.progress import silent
from rankbench.errors import UserError

if TYPE_CHECKING:
    import httpx

AT_ONCE = 8
"""Files that are checked at the same time."""

_TRIES = 2


@dataclass(frozen=True)
class Verdict:
    """What became of an address.

    Args:
        url: the address, or the path within a mirror that is a folder.
        alive: whether the file seems to be there.
        bytes: its size as announced, None when it is not.
        same_size: whether that is the size in the catalogue, None when one of them is unknown.
        reason: why it is not alive, else "".
    """

    url: str
    alive: bool
    bytes: int | None
    same_size: bool | None
    reason: str


def check(file: RemoteFile, mirror: str | None = None, *, patience: Patience | None = None) -> list[Verdict]:
    """Return what each source of a file says, the mirror's first; a file without an address has no verdict.

    Args:
        file: which one.
        mirror: a folder or an http(s) address.
        patience: how long to wait; an address is tried twice at most.

    Raises:
        UserError: the mirror is neither an address nor a folder that is there.
    """
    with _client(patience) as client:
        return _check(file, mirror, client, patience)


def check_files(
    files: Sequence[RemoteFile],
    mirror: str | None = None,
    *,
    patience: Patience | None = None,
) -> list[list[Verdict]]:
    """Return the verdicts on several files, in their order; some are asked for at the same time.

    Raises:
        UserError: as `check`.
    """
    with _client(patience) as client:
        outcomes = at_once(lambda file, _: _check(file, mirror, client, patience), files, AT_ONCE, silent)
    verdicts = []
    for outcome in outcomes:
        if isinstance(outcome, UserError):
            raise outcome
        verdicts.append(outcome)
    return verdicts


def _client(patience: Patience | None) -> httpx.Client:
    return open_client((patience or waiting.DEFAULT).timeout)


def _check(file: RemoteFile, mirror: str | None, client: httpx.Client, patience: Patience | None) -> list[Verdict]:
    verdicts = []
    for source in sources_of(file, mirror):
        try:
            size = _size_of(source) if isinstance(source, Path) else _announced(file, source, client, patience)
        except SourceError as fault:
            verdicts.append(Verdict(str(source), False, None, None, fault.reason))
        else:
            same = None if None in (size, file.bytes) else size == file.bytes
            verdicts.append(Verdict(str(source), True, size, same, ""))
    return verdicts


def _size_of(source: Path) -> int:
    try:
        return source.stat().st_size
    except OSError as error:
        raise SourceError("not there") from error


def _announced(file: RemoteFile, url: str, client: httpx.Client, patience: Patience | None) -> int | None:
    """Return the size that an address announces, None if it announces none."""
    few = replace(patience or waiting.DEFAULT, tries=_TRIES)
    return persist(lambda: _ask(file, client, url), lambda: 0, few, lambda reason, wait: None)


def _ask(file: RemoteFile, client: httpx.Client, url: str) -> int | None:
    """Ask for the headers, and where that is refused or says too little, for the first byte."""
    with network():
        head = client.head(url)
        if head.status_code == 200 and (size := length_of(head.headers)) is not None:
            return _plausible(file, head, size)
        with client.stream("GET", url, headers={"Range": "bytes=0-0"}) as response:  # the body is not read
            if response.status_code == 206:
                return _plausible(file, response, (part_of(response.headers) or (0, None))[1])
            if response.status_code != 200:
                raise refusal(response)
            return _plausible(file, response, length_of(response.headers))


def _plausible(file: RemoteFile, response: httpx.Response, size: int | None) -> int | None:
    """Return the size, unless a web page stands in the file's place."""
    document = is_document(response.headers) and not is_document_name(file)
    if document and (size is None or size != file.bytes):
        raise SourceError("a web page (HTML) is in the file's place")
    return size
