"""Loading from one address: what is there already is continued, and only the rest is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rankbench.data.disk import need_space
from rankbench.data.download.client import network, open_client, refusal
from rankbench.data.download.digests import Tally
from rankbench.data.download.faults import HINT_SPOILT, TransientError, UnresumableError, WrongContentError
from rankbench.data.download.headers import (
    is_delimited,
    is_document,
    length_of,
    part_of,
    same_content,
    size_beyond,
    validator_of,
)
from rankbench.data.download.partial import Partial, Version
from rankbench.data.download.patience import Patience, Watch, persist
from rankbench.data.download.remote import RemoteFile, algorithm_of, name_of
from rankbench.data.download.verify import check_size, wrong
from rankbench.data.progress import Download, Note, Progress

if TYPE_CHECKING:
    import httpx


_PACKED = (".gz", ".tgz", ".bz2", ".xz", ".zst", ".zip")
"""Files that are packed themselves: a server may label them with their own packing."""

_NO_RANGES = (400, 412, 501)
"""Answers of servers that a request for a part confuses."""

_ANEW = "the server has another version or cannot continue; the file is loaded anew."


class Transfer:
    """The loading of one file from one address.

    Args:
        file: what is loaded.
        url: from where.
        partial: where to.
        patience: how often and how long to try.
        progress: gets notes and the bytes so far.
    """

    def __init__(self, file: RemoteFile, url: str, partial: Partial, patience: Patience, progress: Progress) -> None:
        self.continued = False
        """Whether the beginning of the content came with an earlier answer than its end."""
        self._file, self._url, self._partial = file, url, partial
        self._patience, self._progress = patience, progress
        self._tally: Tally | None = None

    def run(self) -> Tally:
        """Load until the partial file is whole, and return its tally.

        Raises:
            SourceError: the address does not give it; what came so far is kept unless it is wrong.
            UserError: no space, a folder that cannot be written.
        """
        with open_client(self._patience.timeout) as client:
            return persist(lambda: self._attempt(client), self._partial.size, self._patience, self._tell)

    def _tell(self, reason: str, wait: float) -> None:
        self._progress(Note(f"{name_of(self._file)}: {reason}; trying again in {wait:.1f} s."))

    def _attempt(self, client: httpx.Client) -> Tally:
        """Ask once for what is missing and store what comes."""
        kept = self._kept()
        have = self._partial.size() if kept else 0
        if kept and kept.size == have:
            return self._continue(have)
        ask = {"Range": f"bytes={have}-", "If-Range": kept.validator} if kept else {}
        with network(), client.stream("GET", self._url, headers=ask) as response:
            if kept and response.status_code == 416:
                if size_beyond(response.headers) == have and same_content(response.headers, kept.validator):
                    return self._continue(have)
                raise self._unresumable()
            if kept and response.status_code == 206:
                total = self._check_part(response, kept, have)
                return self._receive(response, self._continue(have), total)
            announced = self._begin(response, kept is not None)
            return self._receive(response, Tally(algorithm_of(self._file)), announced)

    def _kept(self) -> Version | None:
        """Return what the partial file is the beginning of if it is of this address and this file."""
        kept = self._partial.version()
        if kept and kept.url == self._url and (None in (kept.size, self._file.bytes) or kept.size == self._file.bytes):
            return kept
        return None

    def _begin(self, response: httpx.Response, continuing: bool) -> int | None:
        """Make an empty partial file for an answer with the whole; return its size as announced."""
        if continuing and response.status_code in _NO_RANGES:
            raise self._unresumable()
        if response.status_code != 200:
            raise refusal(response)
        headers = response.headers
        self._partial.discard()
        if continuing:
            self._progress(Note(f"{name_of(self._file)}: {_ANEW}"))
        packed = headers.get("Content-Encoding", "identity")
        if packed != "identity" and self._file.path.suffix not in _PACKED:
            raise WrongContentError(f"sent packed ({packed}), though the plain file was asked for", HINT_SPOILT)
        size = length_of(headers)
        if size is not None:
            check_size(self._file, size, page=is_document(headers))
            need_space(self._partial.file.parent, size)
        self._partial.begin(Version(self._url, validator_of(headers), size))
        return size

    def _check_part(self, response: httpx.Response, kept: Version, have: int) -> int | None:
        """Check that an answer continues what is there; return the size of the whole."""
        begin, size = part_of(response.headers) or (-1, None)
        other_size = None not in (size, kept.size) and size != kept.size
        if begin != have or other_size or not same_content(response.headers, kept.validator):
            raise self._unresumable()
        size = kept.size if size is None else size
        if size is not None:
            need_space(self._partial.file.parent, size - have)
        return size

    def _unresumable(self) -> UnresumableError:
        self._partial.discard()
        self._progress(Note(f"{name_of(self._file)}: {_ANEW}"))
        return UnresumableError()

    def _continue(self, have: int) -> Tally:
        """Return the tally of what is there, from the last attempt or else from the disk."""
        if self._tally is None:
            self._progress(Note(f"{name_of(self._file)}: continues after {have:,} bytes that were loaded before."))
            self._tally = self._partial.tally(algorithm_of(self._file))
        self.continued = True
        return self._tally

    def _receive(self, response: httpx.Response, tally: Tally, announced: int | None) -> Tally:
        """Store the body of an answer behind what is there; return the tally of the whole."""
        name, size = name_of(self._file), announced if self._file.bytes is None else self._file.bytes
        self._tally, watch = tally, Watch(self._patience)
        self._progress(Download(name, tally.size, size))
        with self._partial.extending() as write:
            for chunk in response.iter_raw():
                if size is not None and tally.size + len(chunk) > size:
                    raise wrong(f"expected {size:,} bytes, got more", is_document(response.headers))
                write(chunk)
                tally.update(chunk)
                self._progress(Download(name, tally.size, size))
                watch.count(len(chunk))
        delimited = is_delimited(response.headers)
        if size is not None and tally.size < size and (announced is not None or not delimited):
            raise TransientError(f"the connection ended after {tally.size:,} of {size:,} bytes")
        if size is None and not delimited and not self._file.checksum:
            self._progress(Note(f"{self._url} announces no size: whether {name} is whole cannot be told."))
        return tally
