"""A prepared split on disk: one folder of Parquet files and a manifest, complete under its name or not there.

`<data>/<dataset>/<protocol>/` has `train.parquet`, `valid-NAME.parquet`, `test-NAME.parquet` and what else the protocol
needs of `exposed`, `false-negatives` and `fold-in` (`user` and `item`, int32, ascending), `users.parquet`,
`items.parquet` (number, original id, title where known) and `manifest.json`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import pyarrow as pa
import pyarrow.parquet as pq

from rankbench.data.dataset import Dataset
from rankbench.data.disk import new_folder, writing
from rankbench.data.download import sha256_of
from rankbench.data.interactions import FalseNegatives, Interactions, Split
from rankbench.data.manifest import FORMAT, build_manifest
from rankbench.data.protocol import folder_of
from rankbench.data.protocols.false_negative import PROBABILITY
from rankbench.data.protocols.parts import Parts
from rankbench.errors import UserError

MANIFEST = "manifest.json"


def default_data_folder() -> Path:
    """Return the folder of the data: RANKBENCH_DATA, else the place for a user's data on this system."""
    given = os.environ.get("RANKBENCH_DATA")
    return Path(given).expanduser() if given else platformdirs.user_data_path("rankbench")


def split_folder(data: Path, dataset: str, protocol: str) -> Path:
    """Return the folder of a prepared split."""
    return data / dataset / folder_of(protocol)


def has_split(data: Path, dataset: str, protocol: str) -> bool:
    """Return whether a split is there under its name, hence complete when it was written.

    Raises:
        UserError: the folder may not be read.
    """
    folder = split_folder(data, dataset, protocol)
    try:
        return folder.is_dir()
    except OSError as error:
        message = f"{folder} cannot be read: {error.strerror}."
        raise UserError(message, "Make it readable, or choose another folder with --data DIR.") from error


def write_split(
    data: Path,
    dataset: Dataset,
    protocol: str,
    parts: Parts,
    users: Sequence[str],
    items: Mapping[str, str | None],
    pins: Mapping[str, Any] | None = None,
    span: tuple[int, int] | None = None,
) -> Split:
    """Write a split as a whole, in place of an older one, and return it.

    Args:
        data: the folder of the data.
        dataset: the entry of the catalogue.
        protocol: its name.
        parts: the split's content.
        users: (U,) original ids.
        items: (I,) original ids, each with its title if known.
        pins: what was found of the source files that the catalogue does not fully know, by path.
        span: the first and the last time of the interactions, Unix seconds, where the protocol reads times.

    Raises:
        UserError: the folder cannot be written.
    """
    split = parts.split(dataset.name, protocol)
    tables = {name: pa.table({"user": part.users, "item": part.items}) for name, part in split.parts().items()}
    tables["users"] = pa.table({"user": np.arange(len(users), dtype=np.int32), "id": list(users)})
    titles = {"title": list(items.values())} if any(items.values()) else {}
    tables["items"] = pa.table({"item": np.arange(len(items), dtype=np.int32), "id": list(items), **titles})
    mark = {"rankbench": json.dumps({"dataset": dataset.name, "protocol": protocol, "digest": split.digest})}
    with new_folder(split_folder(data, dataset.name, protocol)) as folder:
        for name, table in tables.items():
            with (folder / f"{name}.parquet").open("wb") as stream:
                pq.write_table(table.replace_schema_metadata(mark), stream, compression="zstd")
        files = {file.name: sha256_of(file) for file in sorted(folder.iterdir())}
        manifest = build_manifest(dataset, split, parts, files, pins or {}, span)
        text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False)
        (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
    return split


def read_manifest(data: Path, dataset: str, protocol: str) -> dict[str, Any]:
    """Return the manifest of a prepared split.

    Raises:
        UserError: the split is not there, its manifest is damaged or of another version of the layout.
    """
    file = split_folder(data, dataset, protocol) / MANIFEST
    again = _again(dataset, protocol)
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        message = f"The split {protocol} of {dataset} is not in {data}."
        raise UserError(message, f"Run `rankbench fetch {dataset} --split {protocol}`.") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{file} is damaged: {error}.", again) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        got = manifest.get("format") if isinstance(manifest, dict) else "no manifest"
        raise UserError(f"{file} is of format {got}, this rankbench reads format {FORMAT}.", again)
    return manifest


def load_split(data: Path, dataset: str, protocol: str) -> Split:
    """Return a prepared split, its content checked against the digest of the manifest.

    Raises:
        UserError: it is not there, damaged, or of another version of the layout; the message names the file.
    """
    manifest = read_manifest(data, dataset, protocol)
    folder = split_folder(data, dataset, protocol)
    try:
        size = int(manifest["users"]), int(manifest["items"])
        parts = {str(name): _read_part(folder / f"{name}.parquet", manifest, *size) for name in manifest["parts"]}
        split = _split_of(dataset, protocol, manifest, parts)
        if split.digest != manifest["digest"]:
            raise UserError(f"{folder / MANIFEST}: the digest is not that of the files.")
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{folder / MANIFEST} is damaged: {error}.", _again(dataset, protocol)) from error
    except UserError as error:
        raise UserError(error.message, _again(dataset, protocol)) from error
    return split


def _read_part(file: Path, manifest: dict[str, Any], n_users: int, n_items: int) -> Interactions:
    """Return the pairs of one file, which must have the sha256 that the manifest says."""
    if not file.is_file():
        raise UserError(f"{file} is missing.")
    with writing(file):
        found = sha256_of(file)
    if found != manifest["files"][file.name]:
        raise UserError(f"{file} is damaged: expected sha256 {manifest['files'][file.name]}, got {found}.")
    table = pq.read_table(file, columns=["user", "item"], use_threads=False)
    user, item = (table[name].to_numpy() for name in ("user", "item"))  # (nnz,), (nnz,)
    return Interactions.from_pairs(user, item, n_users, n_items)


def _split_of(dataset: str, protocol: str, manifest: dict[str, Any], parts: dict[str, Interactions]) -> Split:
    taken_out, noise = parts.get("false-negatives"), None
    if taken_out is not None:
        noise = FalseNegatives(taken_out, float(manifest["parameters"][PROBABILITY]))
    valids, tests = _named("valid-", parts), _named("test-", parts)
    return Split(dataset, protocol, parts["train"], valids, tests, parts.get("fold-in"), parts.get("exposed"), noise)


def _named(prefix: str, parts: dict[str, Interactions]) -> dict[str, Interactions]:
    return {name.removeprefix(prefix): part for name, part in parts.items() if name.startswith(prefix)}


def _again(dataset: str, protocol: str) -> str:
    return f"Make it again: `rankbench fetch {dataset} --split {protocol} --force`."
