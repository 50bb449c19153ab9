"""From a name to a split: what is missing is fetched, prepared and written once, then read from disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rankbench.data.catalog import Dataset, find_dataset, protocols_of
from rankbench.data.disk import make_folder, need_space, writing
from rankbench.data.download import ensure_archive
from rankbench.data.folder import default_data_folder, has_split, load_split, read_manifest, write_split
from rankbench.data.interactions import Split
from rankbench.data.manifest import source_of
from rankbench.data.progress import Note, Progress, silent
from rankbench.errors import UserError

if TYPE_CHECKING:
    from rankbench.data.protocols.parts import Parts

__all__ = ["default_data_folder", "ensure_split", "find_sound", "is_ready", "load_split", "prepare", "protocols_of"]

_BYTES_A_PAIR = 8
_Prepared = tuple["Parts", tuple[str, ...], dict[str, str | None]]


def ensure_split(
    data: Path, dataset: str, protocol: str, mirror: str | None = None, progress: Progress = silent
) -> Split:
    """Return a split; it is fetched and prepared first if it is not there.

    Args:
        data: the folder of the data.
        dataset: name in the catalogue.
        protocol: one that the data set offers.
        mirror: a folder or an http(s) address with the archives, tried before their origin.
        progress: gets notes and the state of downloads.

    Raises:
        UserError: an unknown name, a download that fails, a folder that cannot be written, a damaged split.
    """
    entry = find_dataset(dataset)
    entry.source_of(protocol)
    if not has_split(data, dataset, protocol):
        return prepare(data, entry, protocol, mirror, progress)
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
    if not is_ready(data, dataset, protocol):
        progress(Note(f"The source of {dataset.name} {protocol} has changed; the split is made again."))
        return None
    return split


def prepare(
    data: Path,
    dataset: Dataset,
    protocol: str,
    mirror: str | None = None,
    progress: Progress = silent,
    *,
    force: bool = False,
) -> Split:
    """Make a split ready and return it; what is ready and sound is left as it is, unless `force`.

    Raises:
        UserError: as `ensure_split`; nothing half-made is left.
    """
    dataset.source_of(protocol)
    if not force and (split := find_sound(data, dataset, protocol)):
        return split
    with _locked(data, dataset, progress):
        if not force and (split := find_sound(data, dataset, protocol, progress)):
            return split  # another process made it while this one waited
        need_space(data, dataset.interactions * _BYTES_A_PAIR)
        parts, users, items = _make(data, dataset, protocol, mirror, progress)
        _check_usable(dataset, protocol, parts)
        return write_split(data, dataset, protocol, parts, users, items)


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


def _make(data: Path, dataset: Dataset, protocol: str, mirror: str | None, progress: Progress) -> _Prepared:
    published = dataset.source_of(protocol)
    if published is None:
        progress(Note(f"Preparing {dataset.name} {protocol}."))
        return _from_embedded(dataset, protocol)
    archives = data / "archives"
    if not (archives / published.archive).is_file():
        progress(Note(f"{dataset.title}: {dataset.terms} Cite: {dataset.cite}"))
    archive = ensure_archive(published, archives, mirror, progress)
    progress(Note(f"Preparing {dataset.name} {protocol}."))
    return _from_archive(dataset, protocol, archive)


def _from_embedded(dataset: Dataset, protocol: str) -> _Prepared:
    from rankbench.data.formats import read_embedded, read_titles
    from rankbench.data.protocols import divide
    from rankbench.data.protocols.filtering import filtered

    assert dataset.embedded is not None
    frame = read_embedded(dataset.embedded, dataset.id)
    pairs = filtered(frame, core=dataset.core, threshold=dataset.threshold, timed=protocol == "temporal")
    titles = read_titles(dataset.embedded)
    return divide(protocol, pairs), pairs.users, {item: titles.get(item) for item in pairs.items}


def _from_archive(dataset: Dataset, protocol: str, archive: Path) -> _Prepared:
    from rankbench.data.formats import read_published
    from rankbench.data.protocols import divide, with_validation

    published = dataset.source_of(protocol)
    assert published is not None
    split = read_published(archive, dataset, published)
    if protocol == "shift":
        parts = divide(protocol, split.pairs())
    else:
        parts = with_validation(protocol, split.train, split.test, "published by IR-Benchmark")
    return parts, split.users, dict.fromkeys(split.items)


def _check_usable(dataset: Dataset, protocol: str, parts: Parts) -> None:
    """Refuse a split that nothing can be learned from or measured on."""
    empty = [f"test {name}" for name, test in parts.tests.items() if not len(test)]
    empty += [] if len(parts.train) else ["train"]
    if empty or not len(parts.valids["iid"]):
        what = " and ".join(empty or ["validation iid"])
        raise UserError(
            f"The split {protocol} of {dataset.name} has nothing in {what}: the data set is too small for it.",
            f"Choose another of its splits: {', '.join(dataset.protocols)}.",
        )
