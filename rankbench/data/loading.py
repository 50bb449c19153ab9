"""The files that splits are made of: from the cache, from elsewhere, or where the user has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rankbench.data.dataset import Dataset, Embedded, Published
from rankbench.data.download import ensure_files, take
from rankbench.data.download.at_once import at_once
from rankbench.data.download.several import AT_ONCE
from rankbench.data.own import place_of
from rankbench.data.progress import Note, Progress
from rankbench.data.sources import Raw, RemoteFile
from rankbench.errors import UserError


@dataclass(frozen=True)
class Access:
    """Where files may come from.

    Args:
        mirror: a folder or an http(s) address with the files under their places, tried before their origin.
        offline: use nothing but what is here: the cache and a mirror that is a folder.
        given: a file that the user has, or a folder that has the files.
        force: make splits again that are ready, and accept that a file has changed since it was pinned.
    """

    mirror: str | None = None
    offline: bool = False
    given: Path | None = None
    force: bool = False


def files_of(source: Published | Embedded | Raw) -> list[RemoteFile]:
    """Return the files that a source consists of, in its order; a file may occur twice."""
    if isinstance(source, Embedded):
        return []
    return [source.file] if isinstance(source, Published) else [raw.file for raw in source.files.values()]


def tell_terms(dataset: Dataset, files: Sequence[RemoteFile], archives: Path, progress: Progress) -> None:
    """Tell licence, terms and citation of a data set, if a file of it is not there yet."""
    if not dataset.own and not all((archives / file.path).is_file() for file in files):
        progress(Note(f"{dataset.title}: {dataset.terms} Cite: {dataset.cite}"))


def load(
    dataset: Dataset, files: Sequence[RemoteFile], archives: Path, access: Access, progress: Progress
) -> list[Path]:
    """Return the places of files in the cache; what is missing there is fetched, or taken from where the user has it.

    Raises:
        UserError: no source has a file, or it is not what it should be.
    """
    places = {file: place_of(dataset, file) for file in files if file.local}
    once = [file for file in dict.fromkeys(files) if not file.local]
    if access.given and once:
        paths = [take(file, access.given, archives, accept_changes=access.force, progress=progress) for file in once]
    else:
        missing = [file for file in once if not file.urls and not (archives / file.path).is_file()]
        if missing and dataset.raw and not access.mirror:
            raise UserError(
                f"{dataset.name} takes a login: {dataset.raw.login}",
                f"Then type `rankbench fetch {dataset.name} --from PATH`, with the file or a folder that has them.",
            )
        paths = ensure_files(
            once,
            archives,
            mirror=access.mirror,
            offline=access.offline,
            progress=progress,
            accept_changes=access.force,
        )
    places |= zip(once, paths, strict=True)
    return [places[file] for file in files]


def load_ahead(
    data: Path, wanted: Sequence[tuple[Dataset, str]], access: Access, progress: Progress
) -> dict[tuple[str, str], UserError]:
    """Load the files of several data sets, a few at the same time; `prepare` then finds them in the cache.

    Args:
        data: the folder of the data.
        wanted: data sets with the splits that are wanted of them; the terms of each are told first.
        access: where files may come from.
        progress: gets the events of all downloads.

    Returns:
        by name and split what could not be loaded; the others are there.
    """
    archives = data / "archives"
    files = {(d.name, p): [f for f in files_of(d.source_of(p)) if not f.local] for d, p in wanted}
    of_file = {file: dataset for dataset, p in wanted for file in files[dataset.name, p]}
    if access.given or len({dataset.name for dataset in of_file.values()}) < 2:
        return {}  # one data set loads its files at the same time by itself
    for file, dataset in of_file.items():
        tell_terms(dataset, [file], archives, progress)

    def one(file: RemoteFile, tell: Progress) -> list[Path]:
        return load(of_file[file], [file], archives, access, tell)

    outcomes = dict(zip(of_file, at_once(one, list(of_file), AT_ONCE, progress), strict=True))
    faults = {pair: [outcomes[file] for file in of] for pair, of in files.items()}
    return {pair: error for pair, found in faults.items() for error in found if isinstance(error, UserError)}
