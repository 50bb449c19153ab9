"""What the columns of a file are, by their names and by what stands in them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rankbench.data.formats import COLUMNS
from rankbench.errors import UserError, unknown

KNOWN: Mapping[str, tuple[str, ...]] = {
    "user": (
        *("userid", "user", "uid", "reviewerid", "customerid", "memberid", "visitorid", "playerid", "personid"),
        *("accountid", "sessionid", "session", "u"),
    ),
    "item": (
        *("itemid", "item", "iid", "asin", "parentasin", "movieid", "bookid", "productid", "businessid", "recipeid"),
        *("artistid", "songid", "trackid", "videoid", "gameid", "wineid", "animeid", "locationid", "venueid", "poiid"),
        *("newsid", "articleid", "jokeid", "stockcode", "aid", "i"),
    ),
    "rating": ("rating", "stars", "overall", "score", "userrating", "r"),
    "time": (
        *("timestamp", "unixreviewtime", "unixtime", "timems", "datetime", "time", "date", "createdat", "invoicedate"),
        *("hour", "ts", "t"),
    ),
}
"""Names of columns, letters and digits only, the likelier ones first."""

_ASK = "Say which they are: --user and --item take a name, or a position from 1."
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|z| ?UTC|[+-]\d\d:?\d\d)?")
_HOUR = re.compile(r"\d{8}")
_UNITS = (("s", 1e11), ("ms", 1e14), ("us", 1e17))
_LEAST_LIKELY_SECONDS = 1e8
_SHOWN = 30


@dataclass(frozen=True)
class Look:
    """What was seen of a file.

    Args:
        file: which, for messages.
        names: of its columns; None where it has no header.
        rows: some of its rows as text, all of the same length.
    """

    file: Path
    names: Sequence[str] | None
    rows: Sequence[Sequence[str]]

    def values(self, place: int) -> list[str]:
        """Return what stands in a column, by its place from 0, empty fields left out."""
        return [row[place].strip() for row in self.rows if row[place].strip()]


def guess_columns(look: Look, given: Mapping[str, str | int]) -> tuple[dict[str, str | int], str]:
    """Return the columns and how the times are written, "none" where there are none.

    Args:
        look: what was seen.
        given: the columns that the user has named, by name or by position from 1.

    Raises:
        UserError: a given column is not there, user and item are not clear, a given column has no times.
    """
    places = {column: _place(look, wanted) for column, wanted in given.items()}
    if look.names is not None:
        places |= _by_name(look, look.names, places)
    elif not places:
        places = _by_convention(look)
    if "user" not in places or "item" not in places:
        raise _unclear(look)
    time = "none"
    if "time" in places:
        values = look.values(places["time"])
        name = look.names[places["time"]] if look.names else ""
        time = time_unit(values, name) or "none"
        if time == "none" and "time" in given:
            raise UserError(
                f"{look.file}: expected Unix times or dates such as 2010-10-19 in the column {given['time']!r}, "
                f"got {values[0] if values else ''!r}.",
                "Choose another column with --time, or leave it out.",
            )
    kept = [column for column in COLUMNS if column in places and (column != "time" or time != "none")]
    return {column: look.names[places[column]] if look.names else places[column] + 1 for column in kept}, time


def time_unit(values: Sequence[str], name: str = "") -> str | None:
    """Return how times are written, one of `TIMES`, or None where that is not clear.

    Args:
        values: some of them.
        name: of their column.
    """
    name = plain(name)
    if not values:
        return None
    if all(map(is_number, values)):
        if "date" in name or "day" in name:
            return None  # 20101019 or a count of days: no number of seconds
        if name == "hour":
            return "yymmddhh" if all(map(_HOUR.fullmatch, values)) else None
        largest = max(abs(float(value)) for value in values)
        return next((unit for unit, limit in _UNITS if largest < limit), None)
    if all(map(_DATE.fullmatch, values)):
        return "date"
    return "iso" if all(_ISO.fullmatch(value) or _DATE.fullmatch(value) for value in values) else None


def is_number(text: str) -> bool:
    """Return whether a text is a number."""
    return bool(_NUMBER.fullmatch(text.strip()))


def plain(name: str) -> str:
    """Return the letters and digits of a name, in lower case and without a type as in `user_id:token`."""
    return re.sub(r"[^a-z0-9]", "", name.split(":")[0].lower())


def _place(look: Look, wanted: str | int) -> int:
    """Return the place, from 0, of a column that the user has named."""
    names = look.names or ()
    if wanted in names:
        return names.index(str(wanted))
    width = len(look.rows[0])
    if str(wanted).isdecimal() and 1 <= int(wanted) <= width:
        return int(wanted) - 1
    error = unknown("column", str(wanted), names or map(str, range(1, width + 1)))
    raise UserError(f"{look.file}: {error.message}", error.hint)


def _by_name(look: Look, names: Sequence[str], taken: Mapping[str, int]) -> dict[str, int]:
    """Return the columns not yet `taken` whose names are known; of times the first that are written clearly."""
    found: dict[str, int] = {}
    simple = [plain(name) for name in names]
    for column in COLUMNS:
        places = [simple.index(name) for name in KNOWN[column] if name in simple]
        free = [place for place in places if place not in taken.values() and place not in found.values()]
        if column == "time":
            free = [place for place in free if time_unit(look.values(place), names[place])]
        if free and column not in taken:
            found[column] = free[0]
    return found


def _by_convention(look: Look) -> dict[str, int]:
    """Return the columns of a file without a header: user, item, rating and time stand in this order."""
    width = len(look.rows[0])
    likely = [_likely(look.values(place)) for place in range(2, width)]
    for order in ([], ["rating"], ["time"], ["rating", "time"]):
        if likely == order:
            return {column: place for place, column in enumerate(["user", "item", *order])}
    raise _unclear(look)


def _likely(values: Sequence[str]) -> str:
    unit = time_unit(values)
    if unit is None:
        return ""
    is_rating = unit == "s" and max(abs(float(value)) for value in values) < _LEAST_LIKELY_SECONDS
    return "rating" if is_rating else "time"


def _unclear(look: Look) -> UserError:
    listed = look.rows[0] if look.names is None else look.names
    shown = ", ".join(listed[:_SHOWN]) + (f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else "")
    has = f"it has no header, and its first row is {shown}" if look.names is None else f"it has {shown}"
    return UserError(f"{look.file}: which columns are user and item is not clear: {has}.", _ASK)
