"""Which runs of a store can be relied on. What is wrong with the others is said, and they are counted nowhere.

A run is sound if its documents and tables are there and can be read, if its specification has the identifier that its
folder is named by, and if it lies in the one place where that run belongs. So a copy of a run never counts as another
seed, and one that was changed by hand never as the run that it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from filecmp import cmp
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from rankbench.data.protocol import folder_of
from rankbench.results.compare_runs import Run, run_of
from rankbench.results.store import BESIDE_SPEC, DOCUMENTS, TABLES, DamagedRunError, Store, StoredRun
from rankbench.spec import RunSpec, id_of

Answer = TypeVar("Answer")

_FILES = (*(f"{name}.json" for name in DOCUMENTS), *(f"{name}.parquet" for name in TABLES))


@dataclass(frozen=True)
class Fault:
    """A run that is left out.

    Args:
        path: its folder.
        what: what is wrong with it, without a full stop.
    """

    path: Path
    what: str


@dataclass(frozen=True)
class Reading:
    """What a store holds: the sound runs by data set, protocol and identifier, and the faulty ones."""

    runs: tuple[Run, ...]
    faults: tuple[Fault, ...]


def read_sound(store: Store) -> Reading:
    """Return the runs of a store, the faulty ones apart: documents and the ends of the tables are looked at."""
    runs: list[Run] = []
    faults: list[Fault] = []
    for stored in store.runs():
        try:
            runs.append(sound(stored, store.root))
        except DamagedRunError as error:
            faults.append(Fault(error.path, error.what))
    return Reading(tuple(runs), tuple(faults))


def sound(stored: StoredRun, root: Path) -> Run:
    """Return a run of the store at `root`.

    Raises:
        DamagedRunError: it cannot be relied on; the error says why.
    """
    _check_identity(stored, root)
    run = run_of(stored)
    _check_outcome(stored)
    _ = stored.environment
    for name in stored.tables:
        _check_end(stored, name)
    return run


def surviving(runs: Iterable[Run], ask: Callable[[list[Run]], Answer]) -> tuple[Answer, tuple[Fault, ...]]:
    """Return what `ask` says of the runs, those left out that prove to be damaged when their tables are read."""
    kept = list(runs)
    faults: list[Fault] = []
    while True:
        try:
            return ask(kept), tuple(faults)
        except DamagedRunError as error:
            without = [run for run in kept if run.stored.path != error.path]
            if len(without) == len(kept):
                raise
            kept = without
            faults.append(Fault(error.path, error.what))


def same_files(one: Path, other: Path) -> bool:
    """Return whether two folders of runs hold the same documents and tables, byte for byte."""
    pairs = [(one / name, other / name) for name in _FILES]
    there = [(a, b) for a, b in pairs if a.exists() or b.exists()]
    return all(a.is_file() and b.is_file() and cmp(a, b, shallow=False) for a, b in there)


def _check_identity(stored: StoredRun, root: Path) -> None:
    content = {key: value for key, value in stored.spec.items() if key not in BESIDE_SPEC}
    known = {field.name for field in fields(RunSpec)}
    if strange := sorted(content.keys() - known):
        raise DamagedRunError(stored.path, f"spec.json has the field {strange[0]!r}, which this version does not know")
    if absent := sorted(known - {"rerank"} - content.keys()):
        raise DamagedRunError(stored.path, f"spec.json lacks {absent[0]!r}")
    try:
        found = id_of(content)
    except ValueError as error:
        raise DamagedRunError(stored.path, f"spec.json holds a value that is no number ({error})") from error
    if found != stored.id:
        raise DamagedRunError(stored.path, f"its spec.json is that of the run {found}: it was changed or renamed")
    belongs = _place(root, content, found)
    if stored.path != belongs:
        raise DamagedRunError(stored.path, f"it belongs in {belongs.parent}, {_beside(stored.path, belongs)}")


def _place(root: Path, content: dict[str, Any], run: str) -> Path:
    return root / str(content["dataset"]) / folder_of(str(content["protocol"])) / run


def _beside(copy: Path, original: Path) -> str:
    if not original.is_dir():
        return "where there is none of its name"
    return f"where the same run lies {'with the same' if same_files(copy, original) else 'with different'} contents"


def _check_outcome(stored: StoredRun) -> None:
    outcome = stored.outcome
    if outcome.get("status") not in ("done", "diverged"):
        raise DamagedRunError(stored.path, f"outcome.json has the status {outcome.get('status')!r}")
    valid = outcome.get("best_valid_ndcg@20")
    if not isinstance(valid, dict) or not all(isinstance(v, float | int) and math.isfinite(v) for v in valid.values()):
        raise DamagedRunError(stored.path, "the validation values in outcome.json are no numbers")


def _check_end(stored: StoredRun, name: str) -> None:
    """Read the end of a table, where its columns and the places of its pages stand: what was cut off lacks it."""
    file = stored.path / f"{name}.parquet"
    try:
        pq.read_metadata(file)
    except FileNotFoundError as error:
        raise DamagedRunError(stored.path, f"{file.name} is missing") from error
    except (OSError, pa.ArrowException) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise DamagedRunError(stored.path, f"{file.name} cannot be read ({reason})") from error
