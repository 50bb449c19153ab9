"""Files of lines `user item item ...`: the splits of NGCF and LightGCN, sequences of S3-Rec and SASRec."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from rankbench.data.formats import Reader
from rankbench.data.formats.text import check_text, opened_text, scan_lines
from rankbench.errors import UserError


class Ngcf:
    """A file of lines `user item item ...`; a user without items gives no rows.

    Args:
        file: which.
        reader: how it is written.

    Raises:
        UserError: not a text of rows.
    """

    def __init__(self, file: Path, reader: Reader) -> None:
        check_text(file, reader.encoding)
        self._file = file
        self._encoding = reader.encoding

    def scan(self) -> pl.LazyFrame:
        """Return user and item as text, in the order of the file."""
        words = scan_lines(self._file, self._encoding).select(pl.col("text").str.extract_all(r"\S+").alias("words"))
        rows = words.filter(pl.col("words").list.len() > 1).select(
            pl.col("words").list.first().alias("user"), pl.col("words").list.slice(1).alias("item")
        )
        return rows.explode("item")

    def locate(self, row: int, values: Sequence[str | None]) -> tuple[str, str]:
        """Return where a row is, by its user and item: the first line that begins with the one and has the other."""
        user, item = values
        with opened_text(self._file, self._encoding) as text:
            for number, line in enumerate(text, 1):
                words = line.split()
                if words[:1] == [user] and item in words[1:]:
                    return f"line {number}", ""
        return f"row {row + 1}", ""

    def fault(self) -> UserError | None:
        """Return nothing: lines of words have no form to break."""
        return None

    def missing_fields(self) -> UserError | None:
        """Return nothing: a field that a row has not is an empty one."""
        return None
