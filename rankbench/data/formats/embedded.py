"""The data that ship with the package."""

from __future__ import annotations

import polars as pl

from rankbench.data.dataset import Embedded
from rankbench.data.download import sha256_of
from rankbench.data.formats import COLUMNS
from rankbench.errors import UserError


def read_embedded(embedded: Embedded, id: str) -> pl.DataFrame:
    """Return the rows of embedded data.

    Args:
        embedded: which.
        id: "str" or "int", the kind of ids.

    Returns:
        `user` and `item`, `rating` (Float64) if there are ratings, and `time` (Int64, Unix seconds).

    Raises:
        UserError: the file is missing or is not the one that shipped.
    """
    file = embedded.interactions
    if not file.is_file() or sha256_of(file) != embedded.sha256:
        raise UserError(f"{file} is missing or was changed.", "Install rankbench again.")
    of_ids = pl.String if id == "str" else pl.Int64
    kinds = {"user": of_ids, "item": of_ids, "rating": pl.Float64, "time": pl.Int64}
    columns = {column: embedded.columns[column] for column in COLUMNS if column in embedded.columns}
    frame = pl.read_parquet(file, columns=list(columns.values()))
    return frame.select(pl.col(name).cast(kinds[column]).alias(column) for column, name in columns.items())


def read_titles(embedded: Embedded) -> dict[str, str]:
    """Return the title of each item by its id."""
    frame = pl.read_parquet(embedded.items)
    return dict(zip(frame["item"].cast(pl.String), frame["title"], strict=True))
