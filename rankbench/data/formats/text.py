"""Text files: what polars reads them from, what their first lines are, and what is no text of rows at all."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TextIO

import polars as pl

from rankbench.errors import UserError

_HEAD = 4096
_CHUNK = 1 << 20
_NO_CHARACTER = "\x1f"  # between fields where there are none: a control character that no file of rows has
_ASCII = bytes(range(128))
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_PACKED = {b"\x1f\x8b": "a gzip file", b"PK\x03\x04": "a zip archive", b"PAR1": "a Parquet file"}
_HTML = re.compile(rb"\s*(<!doctype html|<html|<head|<\?xml)", re.IGNORECASE)


def check_text(file: Path, encoding: str = "utf-8") -> None:
    """Refuse what cannot be a text of rows.

    Raises:
        UserError: the file is missing, empty, packed, a web page or binary, or Python does not know the encoding.
    """
    try:
        codecs.lookup(encoding)
    except LookupError as error:
        raise UserError(f"Python knows no encoding {encoding!r}.", "Use utf-8 or latin-1, for example.") from error
    with reading(file), file.open("rb") as opened:
        check_head(file, opened.read(_HEAD), encoding)


def check_head(file: Path, head: bytes, encoding: str = "utf-8") -> None:
    """Refuse what begins as no text of rows does.

    Raises:
        UserError: it is empty, packed, a web page or binary.
    """
    if not head.strip():
        raise empty(file)
    for magic, what in _PACKED.items():
        if head.startswith(magic):
            raise UserError(f"{file}: expected a text file, got {what}.", "Give it the ending of what it is.")
    if _HTML.match(head.removeprefix(codecs.BOM_UTF8)):
        raise UserError(
            f"{file}: expected data, got a web page.",
            "It may be an error or a login page that was saved under this name: fetch the file again.",
        )
    if b"\0" in head and _keeps_ascii(encoding) and not head.startswith(_WIDE):
        raise UserError(f"{file}: expected a text file, got binary data.", "Choose the format or the encoding it has.")


def empty(file: Path) -> UserError:
    """Return the error of a file without rows."""
    return UserError(f"{file}: expected rows, got an empty file.", "Fetch it again, or choose the file that has them.")


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Turn the operating system's refusals inside into a UserError about `file`."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{file} cannot be read: {error.strerror or error}.", "Give the path of a file that you may read."
        ) from error


@contextmanager
def opened_text(file: Path, encoding: str) -> Iterator[TextIO]:
    """Open a text file with its line ends as they are; a byte that is not of the encoding is a UserError."""
    with reading(file), file.open(encoding=_with_mark(encoding), newline="\n") as text:
        try:
            yield text
        except UnicodeDecodeError as error:
            raise _undecodable(file, encoding) from error


def first_lines(file: Path, encoding: str, count: int) -> list[str]:
    """Return up to `count` lines from the start, without their line ends."""
    with opened_text(file, encoding) as text:
        return [line.rstrip("\r\n") for line in islice(text, count)]


def line_at(file: Path, encoding: str, number: int) -> str:
    """Return a line by its number from 1, without its line end; empty beyond the last."""
    with opened_text(file, encoding) as text:
        return next(islice(text, number - 1, None), "").rstrip("\r\n")


def check_encoding(file: Path, encoding: str) -> None:
    """Refuse a file that is not of its encoding.

    Raises:
        UserError: the message has the line.
    """
    with opened_text(file, encoding) as text:
        while text.read(_CHUNK):
            pass


def source_of(file: Path, encoding: str, *, mark: bool = True) -> Path | BytesIO:
    """Return what polars, which only knows UTF-8, reads a text file from: the file, or its text encoded anew in memory.

    Args:
        file, encoding: the text file.
        mark: whether a byte order mark may stay.

    Raises:
        UserError: the file is not of its encoding.
    """
    if codecs.lookup(encoding).name == "utf-8":
        if mark or not _begins_with_mark(file):
            return file
    elif _keeps_ascii(encoding) and _is_ascii(file):
        return file
    anew = BytesIO()
    with opened_text(file, encoding) as text:
        while chunk := text.read(_CHUNK):
            anew.write(chunk.encode())
    anew.seek(0)
    return anew


def scan_lines(file: Path, encoding: str, skip: int = 0) -> pl.LazyFrame:
    """Return the lines of a text file, a row each, as the column `text`; an empty line is null."""
    return pl.scan_csv(
        source_of(file, encoding),
        has_header=False,
        separator=_NO_CHARACTER,
        quote_char=None,
        schema={"text": pl.String},
        skip_lines=skip,
    )


def _undecodable(file: Path, encoding: str) -> UserError:
    """Return the error that names the first line which is not of the encoding."""
    decoder = codecs.getincrementaldecoder(encoding)()
    number = 0
    with file.open("rb") as opened:
        for number, line in enumerate(opened, 1):  # noqa: B007
            try:
                decoder.decode(line)
            except UnicodeDecodeError:
                break
    return UserError(
        f"{file}, line {number}: expected {encoding} text, got bytes that are none.",
        "Give the encoding that the file has (latin-1 for many older files), or save it as UTF-8.",
    )


def _with_mark(encoding: str) -> str:
    """Return the encoding that also takes away a byte order mark."""
    return "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding


def _keeps_ascii(encoding: str) -> bool:
    try:
        return _ASCII.decode(encoding) == _ASCII.decode("ascii")
    except UnicodeDecodeError:
        return False


def _begins_with_mark(file: Path) -> bool:
    with reading(file), file.open("rb") as opened:
        return opened.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8


def _is_ascii(file: Path) -> bool:
    with reading(file), file.open("rb") as opened:
        return all(chunk.isascii() for chunk in iter(lambda: opened.read(_CHUNK), b""))
