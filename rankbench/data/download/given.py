"""Files that the user has loaded himself, where a login keeps rankbench out."""

from __future__ import annotations

from pathlib import Path

from rankbench.data.disk import make_folder
from rankbench.data.download.cached import locked
from rankbench.data.download.faults import SourceError
from rankbench.data.download.local import copy_in
from rankbench.data.download.partial import Partial
from rankbench.data.download.remote import RemoteFile, name_of
from rankbench.data.progress import Ended, Progress, silent
from rankbench.errors import UserError


def take(
    file: RemoteFile, given: Path, cache: Path, *, accept_changes: bool = False, progress: Progress = silent
) -> Path:
    """Return the path of a file in the cache, copied there from a file or folder of the user's.

    What stood there before is replaced only by the right file.

    Args:
        file: which one.
        given: the file under any name, or a folder that has it under its name or its place in a mirror; only read.
        cache: the folder that has files under their places.
        accept_changes: whether content may differ from what was pinned before.
        progress: gets the bytes so far.

    Raises:
        UserError: it is not there, cannot be read, or is not the file; no space, a folder that cannot be written.
    """
    source, cached = _find(file, given.expanduser()), cache / file.path
    make_folder(cached.parent)
    with locked(cached, progress):
        try:
            copy_in(file, source, cached, progress, accept_changes=accept_changes)
        except SourceError as fault:
            raise UserError(f"{source} is not taken as {name_of(file)}: {fault.reason}.", fault.hint) from fault
        finally:
            progress(Ended(name_of(file)))
        Partial(cached).discard()
    return cached


def _find(file: RemoteFile, given: Path) -> Path:
    """Return the file itself, or the one in the folder."""
    if not given.exists():
        raise UserError(f"{given} is not there.", f"Give the file {file.path.name} or a folder that has it.")
    if not given.is_dir():
        return given
    for place in (given / file.path.name, given / file.path):
        if place.is_file():
            return place
    raise UserError(
        f"The folder {given} has no {file.path.name}.",
        f"Give the folder that {file.path.name} is in, or the file itself, whatever its name.",
    )
