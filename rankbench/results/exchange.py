"""Runs as one file to be shared, and taken into another store.

The file is a zip archive that, unpacked, is a store: the same runs give the same bytes, whenever and wherever they are
packed. What is taken in was checked like any stored run, every page of its tables included, and takes its place as a
whole; what a store has already is never changed.
"""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from rankbench.data.archives import open_members
from rankbench.errors import UserError
from rankbench.results.compare_runs import Run
from rankbench.results.sound import Fault, same_files, sound
from rankbench.results.store import FORMAT, MARK, DamagedRunError, Store, StoredRun

_EPOCH = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o100644 << 16
_SUFFIXES = (".json", ".parquet")
_INCOMING = ".incoming"


@dataclass(frozen=True)
class Imported:
    """What became of the runs of a file.

    Args:
        added: the folders of those that are new here.
        known: those that are stored here with the same numbers, of which nothing was changed.
        different: those that are stored here with other numbers; the stored ones were kept.
        faults: those that cannot be relied on, and were not taken.
    """

    added: tuple[Path, ...]
    known: tuple[Path, ...]
    different: tuple[Path, ...]
    faults: tuple[Fault, ...]


def export_runs(runs: Iterable[Run], file: Path) -> None:
    """Write runs into a zip archive, which appears as a whole or not at all.

    Raises:
        UserError: the file cannot be written.
    """
    temporary = file.with_name(f".tmp-{os.getpid()}-{file.name}")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:  # tables are compressed already
            _add(archive, MARK, json.dumps({"format": FORMAT}).encode() + b"\n")
            for folder in sorted(run.stored.path for run in runs):
                for part in sorted(folder.iterdir()):
                    if part.suffix in _SUFFIXES:
                        _add(archive, "/".join(part.parts[-4:]), part.read_bytes())
        temporary.replace(file)
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror or error}.", "Name another place.") from error
    finally:
        temporary.unlink(missing_ok=True)


def import_runs(file: Path, store: Store) -> Imported:
    """Take the runs of an archive into a store.

    Raises:
        UserError: it is no archive of runs, it was made to do harm, or the store cannot be written.
    """
    incoming = store.root / _INCOMING
    try:
        _check_format(file, incoming)
        with open_members(file, "zip", "*/*/*/*", incoming) as members:
            found = sorted({member.parent for member in members})
            result = _take_all(found, found[0].parents[2], store)
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
    return result


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.create_system, info.external_attr = 3, _READABLE  # the same on every system
    archive.writestr(info, content)


def _check_format(file: Path, incoming: Path) -> None:
    with open_members(file, "zip", MARK, incoming) as (mark,):
        try:
            found = json.loads(mark.read_text(encoding="utf-8"))["format"]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{file}: its {MARK} cannot be read.", "Export the runs again.") from error
    if found != FORMAT:
        raise UserError(
            f"The runs in {file} have layout {found}; this version of rankbench reads {FORMAT}.",
            "Use the version of rankbench that exported them.",
        )


def _take_all(folders: Iterable[Path], root: Path, store: Store) -> Imported:
    added, known, different, faults = [], [], [], []
    for folder in folders:
        final = store.root / folder.relative_to(root)
        try:
            _check(StoredRun(folder), root)
        except DamagedRunError as error:
            faults.append(Fault(folder.relative_to(root), error.what))
            continue
        if not final.exists():
            _take(folder, final, store)
            added.append(final)
        elif _same_numbers(StoredRun(folder), StoredRun(final)):
            known.append(final)
        else:
            different.append(final)
    return Imported(tuple(added), tuple(known), tuple(different), tuple(faults))


def _check(stored: StoredRun, root: Path) -> None:
    """Check a run, and read every page of its tables.

    Raises:
        DamagedRunError: it cannot be relied on, or comes with files that no run has.
    """
    if stored.path.relative_to(root).parts[0].startswith("."):
        raise DamagedRunError(stored.path, "it lies in a hidden folder")
    if strange := sorted(part.name for part in stored.path.iterdir() if part.suffix not in _SUFFIXES):
        raise DamagedRunError(stored.path, f"it comes with {strange[0]}, which no run has")
    sound(stored, root)
    for name in stored.tables:
        stored.table(name)


def _same_numbers(one: StoredRun, other: StoredRun) -> bool:
    """Return whether two runs reached the same to the last bit, wherever and however fast."""
    if same_files(one.path, other.path):
        return True
    try:
        return all(one.table(name).equals(other.table(name)) for name in one.tables if name != "curve")
    except (DamagedRunError, pa.ArrowException):
        return False


def _take(folder: Path, final: Path, store: Store) -> None:
    try:
        store.mark()
        final.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(final)
    except OSError as error:
        raise store.unwritable(error) from error
