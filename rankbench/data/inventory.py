"""What lies in the folder of the data: prepared splits and downloaded files, whether they are sound, how large."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rankbench.data.catalog import catalog_of
from rankbench.data.disk import TEMPORARY, writing
from rankbench.data.download import is_right
from rankbench.data.folder import MANIFEST, load_split
from rankbench.errors import UserError

ARCHIVES = "archives"
"""The folder of downloaded files, within that of the data."""


@dataclass(frozen=True)
class Prepared:
    """A prepared split.

    Args:
        dataset, protocol: which one.
        folder: where it is.
        bytes: its size on disk.
    """

    dataset: str
    protocol: str
    folder: Path
    bytes: int


@dataclass(frozen=True)
class Checked:
    """A split or a downloaded file that was looked at.

    Args:
        what: which one.
        fault: what is wrong with it; empty if it is sound.
    """

    what: str
    fault: str = ""


def prepared(data: Path) -> list[Prepared]:
    """Return the prepared splits, by data set and protocol, whatever catalogue they come from."""
    found = []
    for manifest in sorted(data.glob(f"*/*/{MANIFEST}")):
        if manifest.parent.name.startswith(TEMPORARY):
            continue
        protocol = _protocol_of(manifest)
        found.append(Prepared(manifest.parts[-3], protocol, manifest.parent, _size(manifest.parent)))
    return found


def downloaded(data: Path) -> list[Path]:
    """Return the downloaded files, by place; those that are only half there are not among them."""
    return sorted(
        file
        for file in (data / ARCHIVES).rglob("*")
        if file.is_file() and not file.name.startswith(".") and not file.name.endswith(".pin.json")
    )


def verify(data: Path, names: tuple[str, ...] = ()) -> Iterator[Checked]:
    """Hash every file of the prepared splits, and every downloaded file that the catalogue knows, and yield each.

    Args:
        data: the folder of the data.
        names: data sets to look at; all if there are none.
    """
    for split in prepared(data):
        if names and split.dataset not in names:
            continue
        what = f"{split.dataset} {split.protocol}"
        try:
            load_split(data, split.dataset, split.protocol)
            yield Checked(what)
        except UserError as error:
            yield Checked(what, str(error))
    datasets = [d for d in catalog_of(data).values() if not names or d.name in names]
    known = {data / ARCHIVES / file.path: file for d in datasets for file in d.files}
    for path in downloaded(data):
        if file := known.get(path):
            yield Checked(str(file.path), "" if is_right(file, path) else f"{path} is not what it should be.")


def remove(split: Prepared) -> None:
    """Remove a prepared split.

    Raises:
        UserError: the folder cannot be changed.
    """
    with writing(split.folder):
        away = split.folder.with_name(f"{TEMPORARY}{split.folder.name}-removed")
        split.folder.rename(away)  # at once: a half-removed split must not stand under its name
        shutil.rmtree(away)


def _protocol_of(manifest: Path) -> str:
    """Return the protocol that a manifest names, else the name of its folder."""
    try:
        return str(json.loads(manifest.read_text(encoding="utf-8"))["protocol"])
    except (OSError, ValueError, KeyError, TypeError):
        return manifest.parent.name


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
