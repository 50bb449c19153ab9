"""The rows of files, whatever their format: checked first, from end to end, then streamed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import polars as pl

from rankbench.data.formats import COLUMNS, TIMES, Reader
from rankbench.data.formats.jsonl import Jsonl
from rankbench.data.formats.matrix import read_matrix
from rankbench.data.formats.netflix import read_netflix
from rankbench.data.formats.ngcf import Ngcf
from rankbench.data.formats.parquet import Parquet
from rankbench.data.formats.separated import Separated
from rankbench.data.formats.text import check_encoding, empty
from rankbench.data.formats.typed import is_missing, typed_columns
from rankbench.errors import UserError


class Format(Protocol):
    """A file in one of the formats."""

    def scan(self) -> pl.LazyFrame:
        """Return the columns of interest as they stand in the file."""

    def locate(self, row: int, values: Sequence[str | None]) -> tuple[str, str]:
        """Return where a row is, and what is wrong with its form, empty if nothing is."""

    def fault(self) -> UserError | None:
        """Return the first fault of form that reading line by line finds."""

    def missing_fields(self) -> UserError | None:
        """Return the first row that lacks fields."""


_FORMATS: Mapping[str, Callable[[Path, Reader], Format]] = {
    "separated": Separated,
    "atomic": Separated,
    "jsonl": Jsonl,
    "ngcf": Ngcf,
    "parquet": Parquet,
}
_IDS = ("user", "item")
_TIMES = {
    "s": "a number of seconds",
    "ms": "a number of milliseconds",
    "us": "a number of microseconds",
    "iso": "a time such as 2010-10-19T23:55:27Z",
    "date": "a date such as 2010-10-19",
    "yymmddhh": "an hour as YYMMDDHH",
}


def read_rows(reader: Reader, files: Sequence[Path], id: str) -> pl.LazyFrame:
    """Return the rows of files one after the other, each file checked from its first to its last row.

    The frame is lazy: it reads the files anew when it is run and needs little memory of its own, except for `netflix`
    (13 bytes a rating). So the files must stay in place until then; as long as they stay as they are, running it
    raises nothing more.

    Args:
        reader: how the files are written.
        files: one or more.
        id: "str" or "int", the kind of ids.

    Returns:
        `user` and `item` (String or Int64), `rating` (Float64) and `time` (Int64, Unix seconds, rounded down) as far as
        the reader has them; a rating or time that a row lacks is null.

    Raises:
        UserError: a file that is missing, empty or of another kind, a missing column, an empty id, a rating or time
            that is none, a line of the wrong number of fields, bytes that are not of the encoding.
    """
    if reader.format == "netflix":
        return read_netflix(files, id)
    if reader.format == "matrix":
        return pl.concat([read_matrix(file, reader, id) for file in files])
    if reader.time == "none":
        reader = replace(reader, columns={name: place for name, place in reader.columns.items() if name != "time"})
    if reader.format == "atomic":
        reader = replace(reader, separator="\t", header=True, quoted=False)
    return pl.concat([_checked(file, reader, id) for file in files])


def _checked(file: Path, reader: Reader, id: str) -> pl.LazyFrame:
    """Return the typed rows of a file after a look at every one of them."""
    opened = _FORMATS[reader.format](file, reader)
    try:
        read = opened.scan()
        schema = read.collect_schema()
        typed = typed_columns(schema, reader.time, id)
        rows, faults = read.filter(~_flag("blank", schema)), _faults(schema, typed)
        looked = rows.select(pl.len(), pl.any_horizontal(faults).any(), _flag("gap", schema).any().alias("gap"))
        count, faulty, gap = looked.collect(engine="streaming").row(0)
        if faulty:
            raise _explained(file, reader, id, opened, read, faults)
        if gap and (fault := opened.missing_fields()):
            raise fault
    except pl.exceptions.PolarsError as error:
        check_encoding(file, reader.encoding)
        raise opened.fault() or _unexplained(file, reader, error) from error
    if not count:
        raise empty(file)
    return rows.select(typed)


def _flag(name: str, schema: pl.Schema) -> pl.Expr:
    """Return what a format says of its rows besides, false where it does not."""
    return pl.col(name) if name in schema else pl.lit(value=False)


def _faults(schema: pl.Schema, typed: Sequence[pl.Expr]) -> list[pl.Expr]:
    """Return, by column, which rows have something in it that it cannot have."""
    faults = []
    for column in typed:
        name = column.meta.output_name()
        missing = is_missing(name, schema[name])
        if name in _IDS:
            faults.append((missing | column.is_null()).alias(name))
        else:
            readable = column.is_finite() if name == "rating" else column.is_not_null()
            faults.append((~missing & ~readable.fill_null(value=False)).alias(name))
    return [*faults, pl.col("misshapen")] if "misshapen" in schema else faults


def _explained(
    file: Path, reader: Reader, id: str, opened: Format, read: pl.LazyFrame, faults: Sequence[pl.Expr]
) -> UserError:
    """Return the error of the first faulty row: where it is, what was expected and what is there."""
    names = [name for name in COLUMNS if name in (schema := read.collect_schema())]
    rows = read.with_row_index("row").filter(~_flag("blank", schema))
    first = rows.filter(pl.any_horizontal(faults)).head(1)
    found = first.select(
        pl.col("row"),
        pl.concat_list(pl.col(names).cast(pl.String)).alias("values"),
        pl.concat_list(faults).alias("bad"),
    )
    row, values, bad = found.collect(engine="streaming").row(0)
    where, shape = opened.locate(row, values)
    if shape:
        return UserError(f"{file}, {where}: {shape}.", "Mend the line, or give the separator that the file has.")
    column = [*names, "misshapen"][bad.index(True)]
    value = dict(zip(names, values, strict=True)).get(column)
    got = "nothing" if value is None or not value.strip() else repr(value)
    return UserError(f"{file}, {where}: expected {_expected(column, reader, id, got)}, got {got}.", _hint(column))


def _expected(column: str, reader: Reader, id: str, got: str) -> str:
    if column == "time":
        return f"{_TIMES.get(reader.time, 'a time')} as time"
    if column == "rating":
        return "a number as rating"
    return f"{'a whole number' if id == 'int' else 'an id'} as {column}"


def _hint(column: str) -> str:
    if column == "time":
        return f"Mend the line, or give the unit of time that the file has: {', '.join(TIMES[:-1])}."
    return f"Mend the line, or choose another column as {column}."


def _unexplained(file: Path, reader: Reader, error: pl.exceptions.PolarsError) -> UserError:
    return UserError(
        f"{file} cannot be read as {reader.format}: {str(error).splitlines()[0]}.",
        "Choose the format, the separator and the encoding that the file has.",
    )
