"""Files of a JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import polars as pl

from rankbench.data.formats import COLUMNS, Reader
from rankbench.data.formats.text import check_text, opened_text, source_of
from rankbench.errors import UserError, unknown

_LOOK = 100
_SHOWN = 40


class Jsonl:
    """A file of a JSON object a line.

    Args:
        file: which.
        reader: how it is written.

    Raises:
        UserError: not a text of rows, not JSON from the start, a key that none of the first objects has.
    """

    def __init__(self, file: Path, reader: Reader) -> None:
        check_text(file, reader.encoding)
        self._file = file
        self._encoding = reader.encoding
        self._keys = {column: str(reader.columns[column]) for column in COLUMNS if column in reader.columns}
        first = list(islice(_lines(file, reader.encoding), _LOOK))
        known = list(dict.fromkeys(key for number, line in first for key in json_object(file, number, line)))
        for key in self._keys.values():
            if key not in known:
                error = unknown("key", key, known)
                raise UserError(f"{file}: {error.message}", error.hint)
        if fault := self._nested(first):
            raise fault

    def scan(self) -> pl.LazyFrame:
        """Return the values of interest as text; numbers are written out."""
        schema = dict.fromkeys(self._keys.values(), pl.String)
        frame = pl.scan_ndjson(source_of(self._file, self._encoding, mark=False), schema=schema)
        return frame.select(pl.col(key).alias(column) for column, key in self._keys.items())

    def locate(self, row: int, values: Sequence[str | None]) -> tuple[str, str]:
        """Return where a row is, by its number from 0."""
        number, _ = next(islice(_lines(self._file, self._encoding), row, None))
        return f"line {number}", ""

    def fault(self) -> UserError | None:
        """Return the first line that is no object of plain values, found line by line."""
        return self._nested(_lines(self._file, self._encoding))

    def missing_fields(self) -> UserError | None:
        """Return nothing: a field that a row has not is an empty one."""
        return None

    def _nested(self, lines: Iterable[tuple[int, str]]) -> UserError | None:
        for number, line in lines:
            values = json_object(self._file, number, line)
            for key in self._keys.values():
                if isinstance(values.get(key), list | dict):
                    return UserError(
                        f"{self._file}, line {number}: expected one value as {key!r}, got {_short(values[key])}.",
                        "Choose a key whose values are texts or numbers.",
                    )
        return None


def _lines(file: Path, encoding: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, and their numbers."""
    with opened_text(file, encoding) as text:
        yield from ((number, line) for number, line in enumerate(text, 1) if line.strip())


def json_object(file: Path, number: int, line: str) -> dict[str, object]:
    """Return the object in a line.

    Raises:
        UserError: there is none; the message has the line's number.
    """
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        values = line.strip()
    if not isinstance(values, dict):
        raise UserError(
            f"{file}, line {number}: expected a JSON object in one line, got {_short(values)}.",
            "Write one object a line, without commas between them and without brackets around all.",
        )
    return values


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
