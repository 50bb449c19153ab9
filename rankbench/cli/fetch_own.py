"""`rankbench fetch FILE`: a file of the user's, what is understood of it, and the data set that it becomes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rankbench.errors import UserError

if TYPE_CHECKING:
    from rankbench.data.dataset import Dataset
    from rankbench.data.formats import Reader
    from rankbench.data.formats.guessing import Look

_NONE = "none"
_SHOWN = 3
_TIMES = {
    "s": "Unix seconds",
    "ms": "Unix milliseconds",
    "us": "Unix microseconds",
    "iso": "dates with a time of day",
    "date": "dates",
    "yymmddhh": "hours as YYMMDDHH",
}


@dataclass(frozen=True)
class Described:
    """What the user says of a file.

    Args:
        columns: of `user`, `item`, `rating` and `time`, those that were named; "none" for one that is not to be read.
        name: of the data set.
        threshold: least rating of a positive.
        core: least number of interactions of users and items.
    """

    columns: dict[str, str] = field(default_factory=dict)
    name: str | None = None
    threshold: float | None = None
    core: int | None = None


def file_of(names: list[str], described: Described) -> Path | None:
    """Return the file among what was asked for, None if there are only names of data sets.

    Raises:
        UserError: a file beside something else, or the description of a file without one.
    """
    files = [name for name in names if "/" in name or "\\" in name or "." in name]
    if files and len(names) > 1:
        raise UserError(
            f"The file {files[0]} goes alone.", "Fetch one file after the other, and names apart from files."
        )
    if not files and described != Described():
        raise UserError(
            "--user, --item, --rating, --time, --name, --threshold and --core describe a file of your own.",
            "For example `rankbench fetch ./my.csv --user CustomerID --item StockCode`.",
        )
    return Path(files[0]).expanduser() if files else None


def dataset_of(data: Path, file: Path, described: Described, *, force: bool) -> Dataset:
    """Return the data set that a file becomes, and say on stderr what was understood of it.

    Raises:
        UserError: the file is not there or not clear, the name is taken.
    """
    from rankbench.data.catalog import OWN_CORE
    from rankbench.data.formats import look_at
    from rankbench.data.own_table import check_free, name_for, own_dataset

    if not file.is_file():
        raise UserError(f"{file} is not a file that is there.", "Give the path of a file, or the name of a data set.")
    for column in ("user", "item"):
        if described.columns.get(column) == _NONE:
            raise UserError(f"--{column} none: a data set must have users and items.", f"Name the column of {column}s.")
    reader, look = look_at(file, {column: name for column, name in described.columns.items() if name != _NONE})
    reader = _without(reader, [column for column, name in described.columns.items() if name == _NONE])
    core = OWN_CORE if described.core is None else described.core
    name = name_for(file) if described.name is None else described.name
    dataset = own_dataset(name, file, reader, described.threshold, core)
    check_free(data, dataset, force=force)
    _tell(file, dataset, reader, look)
    return dataset


def _without(reader: Reader, columns: list[str]) -> Reader:
    """Return a reader that does not read some columns."""
    kept = {name: place for name, place in reader.columns.items() if name not in columns}
    return replace(reader, columns=kept, time=_NONE if "time" in columns else reader.time)


def _tell(file: Path, dataset: Dataset, reader: Reader, look: Look) -> None:
    """Print what was understood of a file: how it is written, its columns with some values, what is kept."""
    from rich.table import Table

    from rankbench.cli.console import notes

    console = notes()
    console.print(f"{file}, as it is understood: {_written(reader)}.", markup=False)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    for column, place in reader.columns.items():
        at = place - 1 if isinstance(place, int) else list(look.names or ()).index(place)
        what = f"column {place}" if isinstance(place, int) else place
        few = ", ".join(list(dict.fromkeys(look.values(at)))[:_SHOWN])
        table.add_row(f"  {column}", what, few, _meaning(column, dataset, reader))
    console.print(table, markup=False)
    unread = [name for name in look.names or () if name not in reader.columns.values()]
    if unread:
        console.print(f"  not read: {', '.join(unread)}", markup=False)
    console.print(
        f"As {dataset.name}: {dataset.settings.filter}. Others: --user, --item, --rating, --time COLUMN (or none), "
        "--threshold, --core, --name.",
        markup=False,
    )


def _meaning(column: str, dataset: Dataset, reader: Reader) -> str:
    if column == "time":
        return _TIMES[reader.time]
    if column == "rating":
        threshold = dataset.settings.filter.threshold
        return "every row counts, whatever its rating" if threshold is None else f"{threshold:g} or more counts"
    return ""


def _written(reader: Reader) -> str:
    """Return the format in words."""
    if reader.format != "separated":
        return {"jsonl": "a JSON object a line", "ngcf": "a user and their items a line"}.get(
            reader.format, f"a file of the format {reader.format}"
        )
    separator = {"\t": "tabs", " ": "blanks"}.get(reader.separator, repr(reader.separator))
    header = "with" if reader.header else "without"
    return f"fields between {separator}, {reader.encoding}, {header} a header"
