"""Files of a matrix of ratings, users x items, 0 for none: Coat."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from rankbench.data.formats import Reader
from rankbench.data.formats.text import check_text, empty, opened_text
from rankbench.errors import UserError


def read_matrix(file: Path, reader: Reader, id: str) -> pl.LazyFrame:
    """Return the ratings of a matrix, `user` and `item` numbered from 0.

    Args:
        file: a user a line; blank lines can only be at the end.
        reader: its separator and encoding.
        id: "str" or "int".

    Raises:
        UserError: not a text of rows, a line of another number of fields than the first, a field that is no number.
    """
    check_text(file, reader.encoding)
    separator = None if reader.separator.isspace() else reader.separator
    users, items, ratings = [], [], []
    with opened_text(file, reader.encoding) as text:
        lines = [line.split(separator) for line in text.read().rstrip().split("\n")]
    for number, fields in enumerate(lines, 1):
        if len(fields) != len(lines[0]):
            raise _wrong(file, number, f"{len(lines[0])} fields as in the first line", str(len(fields)))
        rating = _ratings(file, number, fields)  # (I,)
        rated = np.flatnonzero(rating)
        users.append(np.full(len(rated), number - 1))
        items.append(rated)
        ratings.append(rating[rated])
    if not any(len(rated) for rated in items):
        raise empty(file)
    columns = {"user": np.concatenate(users), "item": np.concatenate(items), "rating": np.concatenate(ratings)}
    kind = pl.String if id == "str" else pl.Int64
    return pl.LazyFrame(columns).with_columns(pl.col("user", "item").cast(kind))


def _ratings(file: Path, number: int, fields: list[str]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    try:
        rating = np.array(fields, np.float64)  # (I,)
    except ValueError:
        wrong = next(field for field in fields if not _is_number(field))
        raise _wrong(file, number, "a number, 0 where there is no rating", repr(wrong)) from None
    if not np.isfinite(rating).all():
        raise _wrong(
            file, number, "a number, 0 where there is no rating", repr(fields[int(np.isfinite(rating).argmin())])
        )
    return rating


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _wrong(file: Path, number: int, expected: str, got: str) -> UserError:
    return UserError(
        f"{file}, line {number}: expected {expected}, got {got}.", "Mend the line, or choose the format that it has."
    )
