"""From a name to a split: what is missing is fetched, prepared and written once, then read from disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rankbench.data.catalog import catalog_of, find_dataset, protocols_of
from rankbench.data.dataset import Dataset, Embedded, Published
from rankbench.data.disk import make_folder, need_space, writing
from rankbench.data.download import pin_of
from rankbench.data.folder import default_data_folder, has_split, load_split, read_manifest, write_split
from rankbench.data.interactions import Split
from rankbench.data.loading import Access, files_of, load, load_ahead, tell_terms
from rankbench.data.manifest import source_of
from rankbench.data.own import changed_files, pin_of_own
from rankbench.data.progress import Note, Progress, silent
from rankbench.data.protocol import Protocol, read_protocol
from rankbench.errors import UserError

if TYPE_CHECKING:
    from rankbench.data.making import Made
    from rankbench.data.protocols.parts import Parts

__all__ = [
    "Access",
    "default_data_folder",
    "ensure_split",
    "find_sound",
    "is_ready",
    "load",
    "load_ahead",
    "load_split",
    "prepare",
    "protocols_of",
]

_BYTES_A_PAIR = 8
_Made = tuple["Made", dict[str, Any]]


def ensure_split(
    data: Path, dataset: str, protocol: str, access: Access | None = None, progress: Progress = silent
) -> Split:
    """Return a split; it is fetched and prepared first if it is not there.

    Args:
        data: the folder of the data.
        dataset: name in the catalogue, or of the user's own.
        protocol: one that the data set offers.
        access: where files may come from.
        progress: gets notes and the state of downloads.

    Raises:
        UserError: an unknown name, a download that fails, a folder that cannot be written, a damaged split.
    """
    entry = find_dataset(dataset, catalog_of(data))
    entry.source_of(protocol)
    protocol = str(read_protocol(protocol))
    if not has_split(data, dataset, protocol):
        return prepare(data, entry, protocol, access, progress)
    if changed := _what_changed(data, entry, protocol):
        progress(Note(f"{changed} {protocol} was made; `rankbench fetch {dataset}` makes it again."))
    return load_split(data, dataset, protocol)


def is_ready(data: Path, dataset: Dataset, protocol: str) -> bool:
    """Return whether a split is prepared, in today's format and from today's source; its files are not read."""
    try:
        return bool(read_manifest(data, dataset.name, protocol)["source"] == source_of(dataset, protocol))
    except UserError:
        return False


def find_sound(data: Path, dataset: Dataset, protocol: str, progress: Progress = silent) -> Split | None:
    """Return a split if it is prepared, whole and from today's source, else None.

    Args:
        data, dataset, protocol: which one.
        progress: gets to know why what is there is not good.
    """
    if not has_split(data, dataset.name, protocol):
        return None
    try:
        split = load_split(data, dataset.name, protocol)
    except UserError as error:
        progress(Note(f"{error.message} It is made again."))
        return None
    if changed := _what_changed(data, dataset, protocol):
        progress(Note(f"{changed} {protocol} was made; the split is made again."))
        return None
    return split


def _what_changed(data: Path, dataset: Dataset, protocol: str) -> str:
    """Return what differs from when a split was made, "... has changed since NAME"; nothing if nothing does."""
    if not is_ready(data, dataset, protocol):
        return f"The source has changed since {dataset.name}"
    if not dataset.own:
        return ""
    files = changed_files(read_manifest(data, dataset.name, protocol))
    return f"{files[0]} has changed since {dataset.name}" if files else ""


def prepare(
    data: Path,
    dataset: Dataset,
    protocol: str,
    access: Access | None = None,
    progress: Progress = silent,
) -> Split:
    """Make a split ready and return it; what is ready and sound is left as it is, unless `access.force`.

    Raises:
        UserError: as `ensure_split`; nothing half-made is left.
    """
    access = access or Access()
    dataset.source_of(protocol)
    wanted = read_protocol(protocol)
    if not access.force and (split := find_sound(data, dataset, str(wanted))):
        return split
    with _locked(data, dataset, progress):
        if not access.force and (split := find_sound(data, dataset, str(wanted), progress)):
            return split  # another process made it while this one waited
        need_space(data, (dataset.interactions or 0) * _BYTES_A_PAIR)
        made, pins = _make(data, dataset, wanted, access, progress)
        _check_usable(dataset, wanted, made.parts)
        return write_split(data, dataset, str(wanted), made.parts, made.users, made.items, pins, made.span)


@contextmanager
def _locked(data: Path, dataset: Dataset, progress: Progress) -> Iterator[None]:
    """Hold the lock of a data set, so that two processes do not prepare it at once."""
    from filelock import FileLock, Timeout

    folder = data / dataset.name
    make_folder(folder)
    lock = FileLock(folder / ".lock")
    with writing(folder):
        try:
            lock.acquire(timeout=0)
        except Timeout:
            progress(Note(f"Another rankbench is preparing {dataset.name}; waiting for it."))
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _make(data: Path, dataset: Dataset, protocol: Protocol, access: Access, progress: Progress) -> _Made:
    """Return the split, made of its source, and what was found of files that the catalogue does not fully know."""
    from rankbench.data.making import from_embedded, from_published, from_raw

    source, archives = dataset.source_of(str(protocol)), data / "archives"
    files = files_of(source)
    tell_terms(dataset, files, archives, progress)
    paths = load(dataset, files, archives, access, progress)
    progress(Note(f"Preparing {dataset.name} {protocol}."))
    if isinstance(source, Embedded):
        made = from_embedded(dataset, protocol, source)
    elif isinstance(source, Published):
        made = from_published(dataset, protocol, source, paths[0])
    else:
        made = from_raw(dataset, protocol, source, paths, archives)
    found = {str(f.path): pin_of_own(p) if f.local else pin_of(p) for f, p in zip(files, paths, strict=True)}
    return made, {path: asdict(pin) for path, pin in found.items() if pin}


def _check_usable(dataset: Dataset, protocol: Protocol, parts: Parts) -> None:
    """Refuse a split that nothing can be learned from or measured on."""
    empty = [f"test {name}" for name, test in parts.tests.items() if not len(test)]
    empty += [] if len(parts.train) else ["train"]
    if empty or not len(parts.valids["iid"]):
        what = " and ".join(empty or ["validation iid"])
        raise UserError(
            f"The split {protocol} of {dataset.name} has nothing in {what}: the data set is too small for it.",
            f"Choose another of its splits: {', '.join(dataset.protocols)}.",
        )
