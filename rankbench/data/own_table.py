"""A file of the user's as a data set: what it is, and the table `dataset.toml` under which it is known from then on."""

from __future__ import annotations

import json
import math
import os
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from rankbench.data.catalog import catalog_of, check_name
from rankbench.data.catalog_raw import local_file
from rankbench.data.dataset import Dataset, Settings
from rankbench.data.disk import TEMPORARY, make_folder, writing
from rankbench.data.filter import Filter
from rankbench.data.sources import Raw, RawFile, Reader
from rankbench.errors import UserError

ROLE = "rows"
TABLE = "dataset.toml"
"""The file of the table, in the folder of the data set."""


def name_for(file: Path) -> str:
    """Return the name of a data set that the name of a file makes, its endings left out."""
    stem = unicodedata.normalize("NFKD", file.name.split(".")[0].lower()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", stem).strip("-")


def own_dataset(name: str, file: Path, reader: Reader, threshold: float | None, core: int) -> Dataset:
    """Return the data set of a file.

    Args:
        name: what it is to be called.
        file: the file; one that ends in .gz is unpacked when it is read.
        reader: how it is written.
        threshold: least rating of a positive.
        core: least number of interactions of users and items.

    Raises:
        UserError: it cannot have that name, or there are no ratings to compare with the threshold.
    """
    check_name(name, f"{file}")
    if threshold is not None and (not math.isfinite(threshold) or "rating" not in reader.columns):
        problem = "is no number" if "rating" in reader.columns else "has no ratings to be compared with"
        raise UserError(f"--threshold {threshold:g} {problem}.", "Name the column of ratings with --rating.")
    return Dataset(
        name=name,
        title=file.name,
        home="",
        cite="",
        licence="",
        terms="Your own data.",
        settings=Settings(Filter.core(core, threshold), "str"),
        raw=Raw({ROLE: RawFile(local_file(name, file), "gz" if file.suffix.lower() == ".gz" else "none")}, reader),
        own=True,
    )


def check_free(data: Path, dataset: Dataset, *, force: bool) -> None:
    """Refuse a name that another data set has; a file that is fetched anew keeps its name.

    Raises:
        UserError: the message says whose it is.
    """
    there = catalog_of(data).get(dataset.name)
    another = "Give yours another name with --name."
    if there is None:
        return
    if not there.own:
        raise UserError(f"{dataset.name} is the name of a built-in data set.", another)
    if not (data / dataset.name / TABLE).is_file():
        raise UserError(f"{dataset.name} is a table of {data / 'datasets.toml'}.", another)
    assert there.raw is not None
    file = there.raw.files[ROLE].file.local
    if file != dataset.files[0].local and not force:
        raise UserError(
            f"{dataset.name} is the name of another file of yours, {file}.", f"{another} --force replaces it."
        )


def keep_table(data: Path, dataset: Dataset) -> None:
    """Write the table of a data set, in place of an older one.

    Raises:
        UserError: the folder cannot be written.
    """
    file = data / dataset.name / TABLE
    temporary = file.with_name(f"{TEMPORARY}{TABLE}-{os.getpid()}")
    make_folder(file.parent)
    with writing(file):
        temporary.write_text(table_of(dataset), encoding="utf-8")
        temporary.replace(file)


def forget_table(data: Path, name: str) -> bool:
    """Remove the table of a file's data set; return whether there was one.

    Raises:
        UserError: the folder cannot be changed.
    """
    file = data / name / TABLE
    with writing(file):
        there = file.is_file()
        file.unlink(missing_ok=True)
    return there


def table_of(dataset: Dataset) -> str:
    """Return the table of a data set of one file, as it stands in a catalogue."""
    assert dataset.raw is not None
    assert dataset.raw.reader is not None
    reader, raw = dataset.raw.reader, dataset.raw.files[ROLE]
    keep = dataset.settings.filter
    common = {"title": dataset.title, "threshold": keep.threshold, "core": keep.users, "id": dataset.settings.id}
    written = {
        "format": reader.format,
        "separator": reader.separator,
        "header": reader.header,
        "encoding": reader.encoding,
        "quoted": reader.quoted,
        "time": reader.time,
        "columns": reader.columns or None,
    }
    tables: dict[str, Mapping[str, object]] = {
        dataset.name: common,
        f"{dataset.name}.raw": written,
        f"{dataset.name}.raw.files.{ROLE}": {"file": str(raw.file.local), "archive": raw.archive},
    }
    return "\n".join(f"[{name}]\n{_lines(values)}" for name, values in tables.items())


def _lines(values: Mapping[str, object]) -> str:
    return "".join(f"{key} = {_toml(value)}\n" for key, value in values.items() if value is not None)


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(of_key)}" for key, of_key in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
