"""The archives of published splits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rankbench.data.download.ensure import ensure_file
from rankbench.data.progress import Progress, silent

if TYPE_CHECKING:
    from rankbench.data.catalog import Published


def ensure_archive(source: Published, archives: Path, mirror: str | None = None, progress: Progress = silent) -> Path:
    """Return the path of an archive in the cache, loaded if it is not there or not as it should be.

    Args:
        source: which archive.
        archives: the cache.
        mirror: a folder or an http(s) address that has the archives under their places; tried before the origin.
        progress: gets notes and the bytes so far.

    Raises:
        UserError: as `ensure_file`.
    """
    return ensure_file(source.file, archives, mirror=mirror, progress=progress)
