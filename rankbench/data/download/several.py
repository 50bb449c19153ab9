"""Several files in the cache, a few loaded at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rankbench.data.disk import make_folder, need_space
from rankbench.data.download.at_once import at_once
from rankbench.data.download.ensure import ensure_file
from rankbench.data.download.partial import Partial
from rankbench.data.download.patience import Patience
from rankbench.data.download.remote import RemoteFile
from rankbench.data.progress import Progress, silent
from rankbench.errors import UserError

AT_ONCE = 3
"""Files that are loaded at the same time."""


def ensure_files(
    files: Sequence[RemoteFile],
    cache: Path,
    *,
    mirror: str | None = None,
    offline: bool = False,
    progress: Progress = silent,
    accept_changes: bool = False,
    patience: Patience | None = None,
    threads: int = AT_ONCE,
) -> list[Path]:
    """Return the paths of files in the cache, in their order, loaded as `ensure_file` does, a few at the same time.

    A file that fails does not hinder the others: they are in the cache when the error comes.

    Args:
        files: which ones.
        cache, mirror, offline, accept_changes, patience: as `ensure_file`.
        progress: gets the events of all, in the thread of the caller; those of a download carry its name.
        threads: how many at once.

    Raises:
        UserError: some failed, with the reasons of each; no space for all of them together.
    """

    def load(file: RemoteFile, tell: Progress) -> Path:
        return ensure_file(
            file,
            cache,
            mirror=mirror,
            offline=offline,
            progress=tell,
            accept_changes=accept_changes,
            patience=patience,
        )

    _need_space(files, cache)
    outcomes = at_once(load, files, threads, progress)
    errors = [outcome for outcome in outcomes if isinstance(outcome, UserError)]
    if len(errors) == 1:
        raise errors[0]
    if errors:
        lines = [f"{len(errors)} of {len(files)} files could not be loaded.", *(error.message for error in errors)]
        raise UserError("\n".join(lines), " ".join(dict.fromkeys(error.hint for error in errors if error.hint)))
    return [outcome for outcome in outcomes if not isinstance(outcome, UserError)]


def _need_space(files: Sequence[RemoteFile], cache: Path) -> None:
    """Check that there is room for all that is missing, as far as sizes are known."""
    missing = {file.path: file.bytes for file in files if file.bytes and not (cache / file.path).is_file()}
    if len(missing) > 1:
        make_folder(cache)
        there = sum(Partial(cache / path).size() for path in missing)
        need_space(cache, max(0, sum(missing.values()) - there))
