"""The store of finished runs: a folder each, named by the hash of its spec. One under its final name is complete.

    RUNS/store.json                             the version of the layout
    RUNS/<dataset>/<protocol>/<run id>/         the protocol as `folder_of` spells it
        spec.json        what was run: the RunSpec; how loss and backbone are typed; the loss's own training values
        outcome.json     status ("done" or "diverged"), reason, epochs, seconds; best epoch and validation value by set;
                         rows, bytes and collisions of the embedding tables
        env.json         versions, device, threads, time
        curve.parquet    epoch, loss, train_seconds, valid_seconds, valid-NAME (NDCG@20, null where not measured)
        metrics.parquet, users.parquet, items.parquet, groups.parquet, user_groups.parquet    see `measured`
    RUNS/<dataset>/<protocol>/.tmp-<run id>/    a run being made: its checkpoint
    RUNS/.locks/<run id>.lock                   held by the process that makes the run

Tables are compressed by zstd; users and items of a test are a row group of their own, so that they can be read alone.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock

from rankbench.data.protocol import folder_of
from rankbench.errors import UserError
from rankbench.spec import RunSpec

FORMAT = 1
"""Version of the layout."""

MARK = "store.json"
"""The file that says it."""

TABLES = ("curve", "metrics", "users", "groups", "items", "user_groups")
_SINCE = {"items": 3, "user_groups": 3}
"""The version of the numerics since which a table is written, where that is not the first."""

DOCUMENTS = ("spec", "outcome", "env")

BESIDE_SPEC = ("id", "labels", "recipe")
"""What spec.json holds beside the specification."""

_ID = re.compile("[0-9a-f]{12}")


class DamagedRunError(UserError):
    """A stored run that cannot be relied on.

    Args:
        path: its folder.
        what: what is wrong with it, without a full stop.
    """

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(
            f"The stored run {path} is damaged: {what}.", "Delete that folder; `rankbench run` makes the run again."
        )
        self.path = path
        self.what = what


@dataclass(frozen=True, eq=False)
class StoredRun:
    """A finished run, read from its folder when asked.

    Args:
        path: its folder.
    """

    path: Path

    @property
    def id(self) -> str:
        """The run's identifier."""
        return self.path.name

    @cached_property
    def spec(self) -> dict[str, Any]:
        """The content of spec.json: the RunSpec's fields, `labels` of loss and backbone, the loss's `recipe`."""
        return self._json("spec")

    @cached_property
    def outcome(self) -> dict[str, Any]:
        """The content of outcome.json."""
        return self._json("outcome")

    @cached_property
    def environment(self) -> dict[str, Any]:
        """The content of env.json."""
        return self._json("env")

    @property
    def diverged(self) -> bool:
        """Whether the run ended with a loss that is not finite."""
        return bool(self.outcome["status"] == "diverged")

    @property
    def tables(self) -> tuple[str, ...]:
        """Those of `TABLES` that a run of its version has."""
        numbers = self.spec.get("numbers")
        return tuple(name for name in TABLES if not isinstance(numbers, int) or numbers >= _SINCE.get(name, 0))

    def table(self, name: str) -> pa.Table:
        """Return one of `tables`."""
        try:
            with pq.ParquetFile(self.path / f"{name}.parquet", page_checksum_verification=True) as file:
                return file.read(use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise self._unreadable(f"{name}.parquet", error) from error

    def _json(self, name: str) -> dict[str, Any]:
        try:
            content: dict[str, Any] = json.loads((self.path / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise self._unreadable(f"{name}.json", error) from error
        if not isinstance(content, dict):
            raise DamagedRunError(self.path, f"{name}.json holds no object")
        return content

    def _unreadable(self, name: str, error: Exception) -> DamagedRunError:
        if isinstance(error, FileNotFoundError):
            return DamagedRunError(self.path, f"{name} is missing")
        reason = " ".join((str(error) or type(error).__name__).split()).rstrip(".")
        return DamagedRunError(self.path, f"{name} cannot be read ({reason})")


class Store:
    """The folder of all runs.

    Args:
        root: the folder; made when the first run is written.

    Raises:
        UserError: it is no folder, holds another version's layout, or cannot be read.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        if root.exists() and not root.is_dir():
            raise UserError(
                f"{root} is not a folder of runs.", "Name the folder that `rankbench run` wrote to with --runs."
            )
        mark = root / MARK
        try:
            found = json.loads(mark.read_text(encoding="utf-8")).get("format") if mark.exists() else FORMAT
        except (OSError, ValueError, AttributeError) as error:
            raise UserError(f"{mark} cannot be read: {error}.", "Name another folder with --runs.") from error
        if found != FORMAT:
            raise UserError(
                f"The runs in {root} have layout {found}; this version of rankbench reads {FORMAT}.",
                "Name another folder with --runs, or use the version of rankbench that wrote them.",
            )

    def path(self, spec: RunSpec) -> Path:
        """Return the folder of a run, whether it exists or not."""
        return self.root / spec.dataset / folder_of(spec.protocol) / spec.id

    def has(self, spec: RunSpec) -> bool:
        """Return whether a run is finished and stored."""
        return self.path(spec).is_dir()

    def get(self, spec: RunSpec) -> StoredRun:
        """Return a finished run."""
        return StoredRun(self.path(spec))

    def runs(self) -> Iterator[StoredRun]:
        """Yield every finished run, by data set, protocol and identifier."""
        for path in sorted(self.root.glob("*/*/*")):
            if not any(part.startswith(".") for part in path.relative_to(self.root).parts) and is_run(path):
                yield StoredRun(path)

    def working_folder(self, spec: RunSpec) -> Path:
        """Return the folder in which a run is made; create it."""
        path = self.path(spec).parent / f".tmp-{spec.id}"
        try:
            path.mkdir(parents=True, exist_ok=True)
            self.mark()
        except OSError as error:
            raise self.unwritable(error) from error
        return path

    def mark(self) -> None:
        """Write down the version of the layout where that has not been done."""
        self.root.mkdir(parents=True, exist_ok=True)
        mark = self.root / MARK
        if not mark.exists():
            mark.write_text(json.dumps({"format": FORMAT}) + "\n", encoding="utf-8")

    def lock(self, spec: RunSpec) -> FileLock:
        """Return the lock of a run; the system lets go of it when the process that holds it dies."""
        return self.lock_of(spec.id)

    def lock_of(self, run: str) -> FileLock:
        """Return the lock of the run with an identifier."""
        try:
            (self.root / ".locks").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self.unwritable(error) from error
        return FileLock(self.root / ".locks" / f"{run}.lock")

    def write(self, spec: RunSpec, documents: Mapping[str, Any], tables: Mapping[str, pa.Table]) -> StoredRun:
        """Write a finished run and give it its final name; a run stored before under it is replaced."""
        working, final = self.working_folder(spec), self.path(spec)
        try:
            for name, content in documents.items():
                text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
                (working / f"{name}.json").write_text(text, encoding="utf-8")
            for name, table in tables.items():
                _write(table, working / f"{name}.parquet")
            for leftover in working.glob("checkpoint.*"):
                leftover.unlink()
            if final.exists():
                replaced = final.with_name(f".old-{spec.id}")
                shutil.rmtree(replaced, ignore_errors=True)
                final.rename(replaced)
                working.rename(final)
                shutil.rmtree(replaced)
            else:
                working.rename(final)
        except OSError as error:
            raise self.unwritable(error) from error
        return StoredRun(final)

    def unwritable(self, error: OSError) -> UserError:
        """Return the error for a store that cannot be written to."""
        return UserError(
            f"The folder of runs {self.root} cannot be written: {error.strerror or error}.",
            "Free some space or mend its rights, or name another folder with --runs; what is finished is kept.",
        )


def is_run(folder: Path) -> bool:
    """Return whether a folder is that of a run, whole or damaged: by its name, or by what lies in it."""
    if not folder.is_dir():
        return False
    return bool(_ID.fullmatch(folder.name)) or (folder / "spec.json").exists() or (folder / "outcome.json").exists()


def _write(table: pa.Table, path: Path) -> None:
    """Write a table, each of its chunks as a row group."""
    with pq.ParquetWriter(path, table.schema, compression="zstd", write_page_checksum=True) as writer:
        for batch in table.to_batches():
            writer.write_batch(batch)
