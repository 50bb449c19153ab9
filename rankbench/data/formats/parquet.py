"""Parquet files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from rankbench.data.formats import COLUMNS, Reader
from rankbench.data.formats.text import empty, reading
from rankbench.errors import UserError, unknown


class Parquet:
    """A Parquet file.

    Args:
        file: which.
        reader: its columns.

    Raises:
        UserError: not Parquet, without rows, a column that it has not or of a kind that is no id, number or time.
    """

    def __init__(self, file: Path, reader: Reader) -> None:
        schema = schema_of(file)
        self._frame = pl.scan_parquet(file)
        self._columns = {column: reader.columns[column] for column in COLUMNS if column in reader.columns}
        names = list(schema)
        for column, wanted in self._columns.items():
            name = names[wanted - 1] if isinstance(wanted, int) and 1 <= wanted <= len(names) else str(wanted)
            if name not in schema:
                error = unknown("column", name, names)
                raise UserError(f"{file}: {error.message}", error.hint)
            if schema[name].is_nested() or schema[name] == pl.Binary:
                raise UserError(
                    f"{file}: expected texts, numbers or times in the column {name!r}, got {schema[name]}.",
                    f"Choose another column as {column}.",
                )
            self._columns[column] = name

    def scan(self) -> pl.LazyFrame:
        """Return the columns of interest with the types that the file has."""
        return self._frame.select(pl.col(str(name)).alias(column) for column, name in self._columns.items())

    def locate(self, row: int, values: Sequence[str | None]) -> tuple[str, str]:
        """Return where a row is, by its number from 0."""
        return f"row {row + 1}", ""

    def fault(self) -> UserError | None:
        """Return nothing: what is wrong with the form is known when the file is opened."""
        return None

    def missing_fields(self) -> UserError | None:
        """Return nothing: a field that a row has not is an empty one."""
        return None


def schema_of(file: Path) -> pl.Schema:
    """Return the columns of a Parquet file and their types.

    Raises:
        UserError: not a Parquet file, or one without rows.
    """
    with reading(file):
        if not file.stat().st_size:
            raise empty(file)
        try:
            frame = pl.scan_parquet(file)
            schema = frame.collect_schema()
            rows = frame.select(pl.len()).collect().item()
        except pl.exceptions.PolarsError as error:
            raise UserError(
                f"{file}: expected a Parquet file, got something else ({str(error).splitlines()[0]}).",
                "Fetch it again, or choose the format that it has.",
            ) from error
    if not rows:
        raise empty(file)
    return schema
