"""Where a file can be had: the mirror first, then its addresses in turn."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from rankbench.data.download.remote import RemoteFile
from rankbench.errors import UserError

Source = Path | str
"""A place: a local file, or an http(s) address."""


def sources_of(file: RemoteFile, mirror: str | None, *, offline: bool = False) -> list[Source]:
    """Return where to look for a file, best first.

    Args:
        file: what is wanted.
        mirror: a folder or an http(s) address that has files under their places.
        offline: whether to leave out all but a folder.

    Raises:
        UserError: the mirror is neither an address nor a folder that is there.
    """
    sources: list[Source] = []
    if mirror is not None:
        if mirror.startswith(("http://", "https://")):
            sources.append(f"{mirror.rstrip('/')}/{quote(str(file.path))}")
        elif (folder := Path(mirror).expanduser()).is_dir():
            sources.append(folder / file.path)
        else:
            raise UserError(f"The mirror {mirror} is not a folder.", "Give a folder or an http(s) address as --mirror.")
    sources += file.urls
    return [source for source in sources if isinstance(source, Path)] if offline else sources
