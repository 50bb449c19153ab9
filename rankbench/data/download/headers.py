"""What the headers of an answer say: which content, how large, which part of it, when to come again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_PART = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_BEYOND = re.compile(r"bytes \*/(\d+)")


def validator_of(headers: Mapping[str, str]) -> str:
    """Return what the server knows the content by and can be asked with (If-Range), "" if it names nothing that is fit.

    That is a strong ETag, else the date of the last change, if it was over a second before the answer: a file that
    changes twice in a second has one date for two contents.
    """
    etag = headers.get("ETag", "")
    if etag.startswith('"'):
        return etag
    changed, now = _date(headers.get("Last-Modified", "")), _date(headers.get("Date", ""))
    if etag or not changed or not now or (now - changed).total_seconds() <= 1:
        return ""
    return headers["Last-Modified"]


def same_content(headers: Mapping[str, str], validator: str) -> bool:
    """Return whether an answer is about the content that has a validator, as far as its headers tell."""
    named = headers.get("ETag" if validator.startswith('"') else "Last-Modified")
    return named is None or named == validator


def length_of(headers: Mapping[str, str]) -> int | None:
    """Return the length of the body as announced, None if it is not."""
    length = headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def part_of(headers: Mapping[str, str]) -> tuple[int, int | None] | None:
    """Return where the part in an answer begins and the size of the whole, if that is known; None without a part."""
    match = _PART.fullmatch(headers.get("Content-Range", ""))
    if not match:
        return None
    return int(match[1]), None if match[2] == "*" else int(match[2])


def size_beyond(headers: Mapping[str, str]) -> int | None:
    """Return the size of the whole as the answer to a range beyond its end says it."""
    match = _BEYOND.fullmatch(headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def is_delimited(headers: Mapping[str, str]) -> bool:
    """Return whether one can tell the end of the body from a broken connection."""
    return "Content-Length" in headers or "chunked" in headers.get("Transfer-Encoding", "").lower()


def is_document(headers: Mapping[str, str]) -> bool:
    """Return whether the body is said to be a web page."""
    return headers.get("Content-Type", "").partition(";")[0].strip().lower() in ("text/html", "application/xhtml+xml")


def seconds_to_wait(headers: Mapping[str, str]) -> float:
    """Return the seconds that the server asks to wait (Retry-After, seconds or a date), 0 if it does not."""
    asked = headers.get("Retry-After", "").strip()
    if asked.isdecimal():
        return float(asked)
    date = _date(asked)
    return max(0.0, (date - datetime.now(UTC)).total_seconds()) if date else 0.0


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
