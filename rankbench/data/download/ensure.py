"""One file in the cache: what is there is used if it is right, else the sources are tried in turn."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rankbench.data.disk import make_folder
from rankbench.data.download import patience as waiting
from rankbench.data.download.cached import is_right, keep, locked, settle
from rankbench.data.download.faults import SourceError, WrongContentError, failure
from rankbench.data.download.local import copy_in
from rankbench.data.download.partial import Partial
from rankbench.data.download.patience import Patience
from rankbench.data.download.remote import RemoteFile, name_of
from rankbench.data.download.sources import Source, sources_of
from rankbench.data.download.transfer import Transfer
from rankbench.data.progress import Ended, Note, Progress, silent
from rankbench.errors import UserError


def ensure_file(
    file: RemoteFile,
    cache: Path,
    *,
    mirror: str | None = None,
    offline: bool = False,
    progress: Progress = silent,
    accept_changes: bool = False,
    patience: Patience | None = None,
) -> Path:
    """Return the path of a file in the cache, loaded if it is not there or not as it should be.

    A download that breaks off, or whose process is killed, is continued by the next call. What nobody publishes a
    checksum of is trusted at first, pinned, and held to the pin from then on.

    Args:
        file: which one.
        cache: the folder that has files under their places.
        mirror: a folder or an http(s) address that has files under their places; tried before the file's addresses.
        offline: whether to use nothing but the cache and a mirror that is a folder.
        progress: gets notes, the bytes so far, and the end of the download.
        accept_changes: whether content may differ from what was pinned before.
        patience: how often and how long a source is tried.

    Raises:
        UserError: no source has it, with the reason of each; no space, a folder that cannot be written.
    """
    cached = cache / file.path
    if is_right(file, cached):  # without the lock: a file takes its name only when it is whole
        return cached
    sources = sources_of(file, mirror, offline=offline)
    make_folder(cached.parent)
    with locked(cached, progress):
        if keep(file, cached, progress):  # another process loaded it while this one waited, or it has no pin yet
            return cached
        loading = _Loading(file, cached, progress, accept_changes, patience or waiting.DEFAULT)
        try:
            _try_in_turn(loading, sources, offline)
        finally:
            progress(Ended(name_of(file)))
    return cached


@dataclass(frozen=True)
class _Loading:
    """What stays the same from source to source."""

    file: RemoteFile
    cached: Path
    progress: Progress
    accept_changes: bool
    patience: Patience


def _try_in_turn(loading: _Loading, sources: list[Source], offline: bool) -> None:
    partial, faults = Partial(loading.cached), []
    try:
        for number, source in enumerate(sources, 1):
            try:
                if isinstance(source, Path):
                    _copy(loading, source)
                else:
                    _download(loading, source, partial)
            except SourceError as fault:
                faults.append((str(source), fault))
                if number < len(sources):
                    loading.progress(Note(f"{source}: {fault.reason}; trying {sources[number]}."))
            else:
                partial.discard()
                return
        raise failure(loading.file, faults, offline=offline)
    except BaseException:
        with suppress(UserError):
            partial.tidy()
        raise


def _copy(loading: _Loading, source: Path) -> None:
    copy_in(loading.file, source, loading.cached, loading.progress, accept_changes=loading.accept_changes)


def _download(loading: _Loading, url: str, partial: Partial) -> None:
    """Load from an address; what was pieced together and is wrong is loaded once more in one piece."""
    for last in (False, True):
        transfer = Transfer(loading.file, url, partial, loading.patience, loading.progress)
        try:
            tally = transfer.run()
            accept = loading.accept_changes
            return settle(loading.file, partial.file, tally, url, loading.cached, accept_changes=accept)
        except WrongContentError as fault:
            partial.discard()
            if last or not transfer.continued:
                raise WrongContentError(f"{fault.reason}; nothing of it was kept", fault.hint) from fault
            loading.progress(Note(f"{url}: {fault.reason}; it was loaded in pieces and is loaded anew."))
    raise AssertionError("the last attempt returns or raises")
