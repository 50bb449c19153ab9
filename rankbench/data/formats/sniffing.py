"""How a file of one's own is written, found by a look at its name and its first rows."""

from __future__ import annotations

import codecs
import csv
import gzip
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO

from rankbench.data.formats import Reader
from rankbench.data.formats.guessing import KNOWN, Look, guess_columns, is_number, plain
from rankbench.data.formats.jsonl import json_object
from rankbench.data.formats.text import check_head, empty, reading
from rankbench.errors import UserError

_TEXT = (".csv", ".tsv", ".tab", ".dat", ".data", ".txt")
_ENDINGS = {**dict.fromkeys(_TEXT, "separated"), ".inter": "atomic", ".parquet": "parquet"}
_ENDINGS |= dict.fromkeys((".json", ".jsonl", ".ndjson"), "jsonl")
_SEPARATORS = ("::", "\t", ",", ";", "|")
_SAMPLE = 100
_LONGEST = 1 << 20
_CHUNK = 1 << 20
_LEAST_NAMES = 2


def sniff(path: Path, columns: Mapping[str, str | int] | None = None) -> Reader:
    """Return how a file is written; see `look_at`."""
    return look_at(path, columns)[0]


def look_at(path: Path, columns: Mapping[str, str | int] | None = None) -> tuple[Reader, Look]:
    """Return how a file is written, the format by its ending, the rest by its first rows, and what these are.

    Args:
        path: ends in .csv, .tsv, .tab, .dat, .data, .txt, .inter, .json, .jsonl, .ndjson or .parquet; text files may
            be compressed and end in .gz besides.
        columns: the columns that the user has named, `user`, `item`, `rating`, `time`, by name or by position from 1.

    Raises:
        UserError: an unknown ending, no separator that fits, columns that are not there or not clear.
    """
    given = columns or {}
    packed = path.suffix.lower() == ".gz"
    ending = path.with_suffix("").suffix.lower() if packed else path.suffix.lower()
    if ending not in _ENDINGS or (packed and ending == ".parquet"):
        raise UserError(
            f"{path}: what kind of file it is cannot be told from its ending {''.join(path.suffixes[-2:])!r}.",
            f"Give it one of {', '.join(_ENDINGS)}; text files may have .gz besides.",
        )
    kind = _ENDINGS[ending]
    if kind == "parquet":
        return _parquet(path, given)
    with _opened(path, packed=packed) as opened:
        check_head(path, opened.read(_CHUNK))
    if kind == "jsonl":
        return _jsonl(path, packed, given)
    encoding = _encoding(path, packed=packed)
    lines = _first_lines(path, encoding, packed=packed)
    return _atomic(path, lines, encoding, given) if kind == "atomic" else _separated(path, lines, encoding, given)


def _separated(path: Path, lines: Sequence[str], encoding: str, given: Mapping[str, str | int]) -> tuple[Reader, Look]:
    found = _best_separator(lines)
    if found is None:
        if all(word.isdecimal() for line in lines for word in line.split()) and not given:
            return Reader("ngcf", encoding=encoding), Look(path, None, [line.split() for line in lines])
        raise UserError(
            f"{path}: no separator is found that gives every line as many fields.",
            "Separate its fields by commas, tabs, semicolons, '|', '::' or blanks.",
        )
    separator, quoted, rows = found
    header = _is_header(rows, given)
    rest = rows[1:] if header else rows
    if not rest:
        raise empty(path)
    look = Look(path, [name.strip() for name in rows[0]] if header else None, rest)
    columns, time = guess_columns(look, given)
    return Reader("separated", separator, header, columns, time, encoding, quoted), look


def _atomic(path: Path, lines: Sequence[str], encoding: str, given: Mapping[str, str | int]) -> tuple[Reader, Look]:
    rows = [line.split("\t") for line in lines]
    rest = [row for row in rows[1:] if len(row) == len(rows[0])]
    if not rest:
        raise empty(path)
    names = [name.split(":")[0] for name in rows[0]]
    look = Look(path, names, rest)
    columns, time = guess_columns(look, given)
    return Reader("atomic", "\t", True, columns, time, encoding, quoted=False), look


def _jsonl(path: Path, packed: bool, given: Mapping[str, str | int]) -> tuple[Reader, Look]:
    lines = _first_lines(path, "utf-8-sig", packed=packed)
    objects = [json_object(path, number, line) for number, line in enumerate(lines, 1)]
    names = list(dict.fromkeys(key for values in objects for key in values))
    rows = [[_text(values.get(name)) for name in names] for values in objects]
    look = Look(path, names, rows)
    columns, time = guess_columns(look, given)
    return Reader("jsonl", columns=columns, time=time), look


def _parquet(path: Path, given: Mapping[str, str | int]) -> tuple[Reader, Look]:
    import polars as pl

    from rankbench.data.formats.parquet import schema_of

    schema = schema_of(path)
    plain_kinds = [name for name, kind in schema.items() if not (kind.is_nested() or kind == pl.Binary)]
    sample = pl.scan_parquet(path).select(plain_kinds).head(_SAMPLE)
    rows = sample.select(pl.all().cast(pl.String).fill_null("")).collect().rows()
    look = Look(path, plain_kinds, rows)
    columns, time = guess_columns(look, given)
    return Reader("parquet", columns=columns, time=time), look


def _best_separator(lines: Sequence[str]) -> tuple[str, bool, list[list[str]]] | None:
    """Return the separator that gives all lines the same number of fields, the most; if fields are quoted; rows."""
    best: tuple[str, bool, list[list[str]]] | None = None
    for separator in (*_SEPARATORS, " "):
        quoted = _is_quoted(lines, separator)
        rows = _split(lines, separator, quoted=quoted)
        width = len(rows[0])
        if width > 1 and all(len(row) == width for row in rows) and (best is None or width > len(best[2][0])):
            best = separator, quoted, rows
        if separator == _SEPARATORS[-1] and best:
            return best  # blanks only where nothing else fits: they also stand within fields
    return best


def _is_quoted(lines: Sequence[str], separator: str) -> bool:
    """Return whether fields may be in quotes: with commas and semicolons always, else if some are."""
    if separator in ",;":
        return True
    edge = re.escape(separator)
    return (
        len(separator) == 1
        and separator != " "
        and any(re.search(rf'(^|{edge})"[^"]*"({edge}|$)', line) for line in lines)
    )


def _split(lines: Sequence[str], separator: str, *, quoted: bool) -> list[list[str]]:
    if quoted:
        rows = list(csv.reader([f"{line}\n" for line in lines], delimiter=separator))
        cut = len(lines) == _SAMPLE and len(rows) > 1 and "\n" in rows[-1][-1]
        return rows[:-1] if cut else rows  # the last quote may close beyond the sample
    return [line.split(None if separator == " " else separator) for line in lines]


def _is_header(rows: Sequence[Sequence[str]], given: Mapping[str, str | int]) -> bool:
    first, rest = rows[0], rows[1:]
    if any(map(is_number, first)):
        return False
    known = [field for field in first if any(plain(field) in names for names in KNOWN.values())]
    if len(known) >= _LEAST_NAMES or any(wanted in first for wanted in given.values()):
        return True
    return bool(rest) and any(all(is_number(row[place]) for row in rest) for place in range(len(first)))


def _encoding(path: Path, *, packed: bool) -> str:
    """Return the encoding of a text: UTF-16 by its mark, UTF-8 if all of it is, else Latin-1."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with _opened(path, packed=packed) as opened:
        chunk = opened.read(_CHUNK)
        if chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        try:
            while chunk:
                decoder.decode(chunk)
                chunk = opened.read(_CHUNK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "latin-1"
    return "utf-8"


def _first_lines(path: Path, encoding: str, *, packed: bool) -> list[str]:
    """Return the first lines that are not blank; the last one may be cut if they are very long."""
    with _opened(path, packed=packed) as opened:
        text = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)("replace")
        lines = text.decode(opened.read(_LONGEST * 4)).split("\n")
        whole = lines[:-1] if opened.read(1) else lines
    return [line.rstrip("\r") for line in islice((line for line in whole if line.strip()), _SAMPLE)]


@contextmanager
def _opened(path: Path, *, packed: bool) -> Iterator[IO[bytes]]:
    with reading(path):
        try:
            with gzip.open(path) if packed else path.open("rb") as opened:
                yield opened  # type: ignore[misc]
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise UserError(f"{path} is not a gzip file that can be read: {error}.", "Pack it anew.") from error


def _text(value: object) -> str:
    if value is None or isinstance(value, list | dict):
        return ""
    return value if isinstance(value, str) else json.dumps(value)
