"""From what stands in a file to typed columns: ids, ratings and times; what cannot be read becomes null."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

_PARTS_OF_A_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000}
_MIDNIGHT = " 00:00:00"
_ISO_TAIL = r"^(?:\.\d+)?(?:[Zz]| ?UTC|([+-])(\d\d):?(\d\d))?$"


def typed_columns(schema: Mapping[str, pl.DataType], time: str, id: str) -> list[pl.Expr]:
    """Return the expressions that type the columns `user`, `item`, `rating` and `time`, those that there are.

    Args:
        schema: the columns as they were read: text, or what a typed file has.
        time: how times are written, one of `TIMES`.
        id: "str" or "int".
    """
    columns = [_id(name, id).alias(name) for name in ("user", "item")]
    if "rating" in schema:
        columns.append(_number(pl.col("rating"), schema["rating"]).alias("rating"))
    if "time" in schema:
        columns.append(_time(schema["time"], time).alias("time"))
    return columns


def is_missing(name: str, kind: pl.DataType) -> pl.Expr:
    """Return whether a field has nothing in it."""
    column = pl.col(name)
    return (column.is_null() | (column.str.strip_chars() == "")) if kind == pl.String else column.is_null()


def _id(name: str, id: str) -> pl.Expr:
    """Return an id: texts as they are, numbers without what surrounds them."""
    text = pl.col(name).cast(pl.String)
    return text if id == "str" else text.str.strip_chars().cast(pl.Int64, strict=False)


def _number(column: pl.Expr, kind: pl.DataType) -> pl.Expr:
    return (column.str.strip_chars() if kind == pl.String else column).cast(pl.Float64, strict=False)


def _time(kind: pl.DataType, time: str) -> pl.Expr:
    """Return Unix seconds, rounded down."""
    column = pl.col("time")
    if kind == pl.Date:
        return column.cast(pl.Datetime("us")).dt.epoch("s")
    if isinstance(kind, pl.Datetime):
        return column.dt.epoch("us").floordiv(1_000_000)
    if time in _PARTS_OF_A_SECOND:
        parts = _PARTS_OF_A_SECOND[time]
        if kind.is_integer():
            return column.cast(pl.Int64).floordiv(parts)
        number = _number(column, kind)  # exact up to 2^53: microseconds until the year 2255
        return (number / parts).floor().cast(pl.Int64, strict=False)
    text = column.cast(pl.String).str.strip_chars()
    if time == "iso":
        return _iso(text)
    return _seconds(text + _MIDNIGHT, "%Y-%m-%d %H:%M:%S") if time == "date" else _hour(text)


def _iso(text: pl.Expr) -> pl.Expr:
    """Return the seconds of `2010-10-19T23:55:27Z` and its kin."""
    full = pl.when(text.str.len_bytes() == len("2010-10-19")).then(text + _MIDNIGHT).otherwise(text)
    clock = _seconds(full.str.slice(0, 19).str.replace("T", " ", literal=True), "%Y-%m-%d %H:%M:%S")
    tail = full.str.slice(19)
    hours, minutes = (tail.str.extract(_ISO_TAIL, group).cast(pl.Int64) for group in (2, 3))
    ahead = (hours * 3600 + minutes * 60).fill_null(0)
    west = (tail.str.extract(_ISO_TAIL, 1) == "-").fill_null(value=False)
    offset = pl.when(west).then(-ahead).otherwise(ahead)
    return pl.when(tail.str.contains(_ISO_TAIL)).then(clock - offset)


def _hour(text: pl.Expr) -> pl.Expr:
    """Return the seconds of `YYMMDDHH`."""
    whole = pl.when(text.str.contains(r"^\d{8}$")).then(text + "00")
    return _seconds(whole, "%y%m%d%H%M")


def _seconds(text: pl.Expr, form: str) -> pl.Expr:
    return text.str.to_datetime(form, time_unit="us", strict=False).dt.epoch("s")
