"""Files of a record a line, fields between separators: csv, tsv, "::", blanks, and RecBole's atomic files."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from rankbench.data.formats import COLUMNS, Reader
from rankbench.data.formats.text import check_text, empty, line_at, opened_text, scan_lines, source_of
from rankbench.errors import UserError, unknown

_BLANKS = r"[ \t]+"


class Separated:
    """A file of fields between separators.

    Args:
        file: which.
        reader: how it is written.

    Raises:
        UserError: not a text of rows, a column that the header has not, fewer fields than there must be.
    """

    def __init__(self, file: Path, reader: Reader) -> None:
        check_text(file, reader.encoding)
        self._file = file
        self._encoding = reader.encoding
        self._separator = reader.separator
        self._is_csv = len(reader.separator.encode()) == 1 and reader.separator != " "  # else polars cannot split it
        self._quoted = reader.quoted and self._is_csv
        try:
            records = self._records()
            number, first = next(records, (0, []))
            rows = next(records, None) is not None if reader.header else bool(first)
        except csv.Error as error:
            raise self._broken(0, error) from error
        if not rows:
            raise empty(file)
        self._fields = len(first)
        self._skip = number + sum(field.count("\n") for field in first) if reader.header else number - 1
        names = [name.strip().split(":")[0] if reader.format == "atomic" else name.strip() for name in first]
        self._places = {
            column: self._place(reader.columns[column], names if reader.header else None, reader)
            for column in COLUMNS
            if column in reader.columns
        }

    def scan(self) -> pl.LazyFrame:
        """Return the fields of interest as text, and of each line whether it is blank or has too few or many fields.

        Where polars does not tell a field that is missing from one that is empty, `gap` is whether the last one is.
        """
        frame = self._scan_csv() if self._is_csv else self._scan_lines()
        wanted = [pl.col(f"field {place}").alias(column) for column, place in self._places.items()]
        last = pl.col(f"field {self._fields - 1}")
        if self._is_csv:
            shape = [last.is_null().alias("gap")]
        else:
            shape = [(last.is_null() | pl.col(f"field {self._fields}").is_not_null()).alias("misshapen")]
        blank = pl.all_horizontal(_is_empty(pl.col("field 0")), *(_is_empty(field) for field in wanted))
        return frame.select(*wanted, blank.alias("blank"), *shape)

    def locate(self, row: int, values: Sequence[str | None]) -> tuple[str, str]:
        """Return where a row is, and what is wrong with its number of fields, empty if nothing is.

        Args:
            row: its number from 0, blank lines included.
            values: of the columns of interest: where a field spans lines, the row is not to be found by its number.
        """
        number = self._skip + row + 1
        fields = next(self._split([line_at(self._file, self._encoding, number)]), [])
        found = [fields[place] if place < len(fields) else "" for place in self._places.values()]
        if found != [value or "" for value in values]:
            return f"row {row + 1}", ""
        return f"line {number}", "" if len(fields) == self._fields else self._count(len(fields))

    def fault(self) -> UserError | None:
        """Return the first record that has not the fields it should have, found line by line."""
        if (miscounted := self._miscounted()) or not self._quoted:
            return miscounted
        with opened_text(self._file, self._encoding) as text:
            alone = next((number for number, line in enumerate(text, 1) if line.count('"') % 2), None)
        return self._error(alone, "expected quotes in pairs, got one alone") if alone else None

    def missing_fields(self) -> UserError | None:
        """Return the first record with too few fields: sought line by line only if some line has too few separators."""
        lines = scan_lines(self._file, self._encoding, self._skip).filter(pl.col("text").str.len_bytes() > 0)
        few = pl.col("text").str.count_matches(self._separator, literal=True) < self._fields - 1
        try:
            suspected = lines.select(few.any()).collect(engine="streaming").item()
        except pl.exceptions.PolarsError:  # control characters within quotes
            suspected = True
        return self._miscounted() if suspected else None

    def _miscounted(self) -> UserError | None:
        number = 0
        try:
            for number, fields in self._records():
                if len(fields) != self._fields:
                    return self._error(number, self._count(len(fields)))
        except csv.Error as error:
            return self._broken(number, error)
        return None

    def _scan_csv(self) -> pl.LazyFrame:
        return pl.scan_csv(
            source_of(self._file, self._encoding),
            has_header=False,
            separator=self._separator,
            quote_char='"' if self._quoted else None,
            schema={f"field {place}": pl.String for place in range(self._fields)},
            skip_lines=self._skip,
        )

    def _scan_lines(self) -> pl.LazyFrame:
        text = pl.col("text")
        if self._separator == " ":
            text = text.str.strip_chars(" \t").str.replace_all(_BLANKS, " ")
        names = [f"field {place}" for place in range(self._fields + 1)]
        split = text.str.splitn(self._separator, len(names)).struct.rename_fields(names)
        return scan_lines(self._file, self._encoding, self._skip).select(split.alias("fields")).unnest("fields")

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the number of the first line of each record, and its fields; blank lines are left out."""
        with opened_text(self._file, self._encoding) as text:
            if not self._quoted:
                yield from ((n, self._cut(line)) for n, line in enumerate(text, 1) if line.strip())
                return
            records = csv.reader(text, delimiter=self._separator, strict=True)
            before = 0
            for fields in records:
                if fields:
                    yield before + 1, fields
                before = records.line_num

    def _split(self, lines: list[str]) -> Iterator[list[str]]:
        try:
            yield from csv.reader(lines, delimiter=self._separator) if self._quoted else map(self._cut, lines)
        except csv.Error:
            return

    def _cut(self, line: str) -> list[str]:
        line = line.rstrip("\r\n")
        return re.split(_BLANKS, line.strip(" \t")) if self._separator == " " else line.split(self._separator)

    def _place(self, wanted: str | int, names: list[str] | None, reader: Reader) -> int:
        """Return the place, from 0, of a column given by name or by position from 1."""
        if isinstance(wanted, int):
            if not 1 <= wanted <= self._fields:
                raise self._error(self._skip or 1, f"expected {wanted} fields or more, got {self._fields}")
            return wanted - 1
        if names is None:
            raise UserError(
                f"{self._file} has no header to find the column {wanted!r} in.",
                "Give positions: 1 is the first column.",
            )
        name = wanted.split(":")[0] if reader.format == "atomic" else wanted
        if names.count(name) > 1:
            raise UserError(
                f"{self._file} has {names.count(name)} columns {name!r}.", "Give its position: 1 is the first column."
            )
        if name not in names:
            error = unknown("column", name, names)
            raise UserError(f"{self._file}: {error.message}", error.hint)
        return names.index(name)

    def _broken(self, number: int, error: csv.Error) -> UserError:
        said = str(error)
        if "unexpected end" in said:
            said = "a quote that is opened here or further down is not closed"
        elif "new-line" in said:
            said = "expected lines to end in LF or CR LF, got CR alone"
        return self._error(number + 1, said)

    def _count(self, fields: int) -> str:
        return f"expected {self._fields} fields, got {fields}"

    def _error(self, number: int, what: str) -> UserError:
        return UserError(
            f"{self._file}, line {number}: {what}.",
            f"Is {self._separator!r} what separates its fields? Mend the line, or give the separator that it has.",
        )


def _is_empty(field: pl.Expr) -> pl.Expr:
    return field.is_null() | (field == "")
