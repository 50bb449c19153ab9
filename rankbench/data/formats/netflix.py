"""The files of the Netflix Prize: lines `user,rating,date` below a line `item:`."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator, Sequence
from datetime import date
from fnmatch import fnmatchcase
from itertools import pairwise
from os import SEEK_END
from pathlib import Path, PurePosixPath
from typing import IO

import polars as pl

from rankbench.data.formats.text import check_text, empty, reading
from rankbench.errors import UserError

_BLOCK = 1 << 25
_MEMBERS = ("mv_*.txt", "combined_data_*.txt")
_SECONDS_A_DAY = 86_400
_ITEM = re.compile(rb"\d+:")
_RATING = re.compile(rb"(\d+),[0-5],(\d{4}-\d\d-\d\d)")
_LARGEST = 1 << 31
_END = bytes(1024)
_THREE_FIELDS = b",,\n"  # polars counts the fields of the first line, which otherwise is that of an item

Part = tuple[str, int, bytes]
"""Some lines of a text: its name for messages, how many lines come before them, and the lines."""


def read_netflix(files: Sequence[Path], id: str) -> pl.LazyFrame:
    """Return all ratings, held in memory with 13 bytes each: 1.3 GB for the whole of the Netflix Prize.

    Args:
        files: text files, or tar archives of such files named `mv_*.txt` or `combined_data_*.txt`, which are not
            unpacked. Users and items are whole numbers, ratings 0 to 5.
        id: "str" or "int".

    Raises:
        UserError: a file that is missing, empty or damaged, or a line that is neither an item nor a rating.
    """
    kind = pl.String if id == "str" else pl.Int64
    rows = pl.concat([_rows(block) for file in files for block in _blocks(file)])
    if not len(rows):
        raise empty(files[0])
    return rows.lazy().select(
        pl.col("user", "item").cast(kind),
        pl.col("rating").cast(pl.Float64),
        (pl.col("day").cast(pl.Int64) * _SECONDS_A_DAY).alias("time"),
    )


def _rows(block: Sequence[Part]) -> pl.DataFrame:
    """Return the ratings of some parts, each of which begins with an item."""
    text = pl.String
    try:
        lines = pl.read_csv(
            _THREE_FIELDS + b"".join(lines for _, _, lines in block),
            has_header=False,
            schema={"user": text, "rating": text, "date": text},
            quote_char=None,
        )
    except pl.exceptions.PolarsError as error:
        raise _fault(block) from error
    is_item = pl.col("rating").is_null() & pl.col("user").str.ends_with(":")
    item = pl.when(is_item).then(pl.col("user").str.strip_suffix(":").cast(pl.Int32, strict=False))
    rows = lines.lazy().select(
        pl.when(~is_item).then("user").cast(pl.Int32, strict=False).alias("user"),
        item.forward_fill().alias("item"),
        pl.col("rating").cast(pl.Int8, strict=False),
        pl.col("date").str.to_date("%Y-%m-%d", strict=False).cast(pl.Int32).alias("day"),
        (is_item | pl.all_horizontal(pl.all().is_null())).alias("no rating"),
    )
    frame = rows.filter(~pl.col("no rating")).drop("no rating").collect()
    if any(frame.null_count().row(0)) or not frame["rating"].is_between(0, 5).all():
        raise _fault(block)
    return frame


def _blocks(file: Path) -> Iterator[list[Part]]:
    """Yield the parts of a file, gathered to blocks worth a reading."""
    block: list[Part] = []
    for part in _parts_of_tar(file) if _is_tar(file) else _parts_of_text(file):
        block.append(part)
        if sum(len(lines) for _, _, lines in block) >= _BLOCK:
            yield block
            block = []
    if block:
        yield block


def _is_tar(file: Path) -> bool:
    with reading(file):
        return file.stat().st_size > 0 and tarfile.is_tarfile(file)


def _parts_of_text(file: Path) -> Iterator[Part]:
    check_text(file)
    with reading(file), file.open("rb") as opened:
        yield from _parts(str(file), opened)


def _parts_of_tar(file: Path) -> Iterator[Part]:
    found = False
    with reading(file), file.open("rb") as opened:
        opened.seek(-len(_END), SEEK_END)
        if opened.read() != _END:
            raise UserError(
                f"{file}: expected the mark that ends a tar archive, got none: it is cut off.", "Fetch it again."
            )
    try:
        with tarfile.open(file, "r|") as archive:
            for member in archive:
                name = PurePosixPath(member.name).name
                if member.isreg() and any(fnmatchcase(name, pattern) for pattern in _MEMBERS):
                    found = True
                    content = archive.extractfile(member)
                    assert content is not None
                    yield from _parts(f"{file}, {member.name}", content)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise UserError(f"{file} is not a tar archive that can be read: {error}.", "Fetch it again.") from error
    if not found:
        raise UserError(f"{file}: expected files {' or '.join(_MEMBERS)}, got none.", "Choose the archive of ratings.")


def _parts(name: str, opened: IO[bytes]) -> Iterator[Part]:
    """Yield a text in parts; where a part begins below its item, the line of the item is put before it."""
    rest, item, before = b"", b"", 0
    while chunk := opened.read(_BLOCK):
        end = chunk.rfind(b"\n") + 1
        if end:
            lines = rest + chunk[:end]
            yield name, before - bool(item), item + lines
            before, item, rest = before + lines.count(b"\n"), _last_item(lines) or item, chunk[end:]
        else:
            rest += chunk
    if rest:
        yield name, before - bool(item), item + rest + b"\n"


def _last_item(lines: bytes) -> bytes:
    """Return the line of the last item, empty if there is none."""
    colon = lines.rfind(b":")
    return lines[lines.rfind(b"\n", 0, colon) + 1 : colon] + b":\n" if colon >= 0 else b""


def _fault(block: Sequence[Part]) -> UserError:
    """Return the error of the first line that is neither an item nor a rating, or of a rating before any item."""
    for name, before, lines in block:
        filled = [(number, line.strip()) for number, line in enumerate(lines.split(b"\n"), before + 1) if line.strip()]
        for number, line in filled[:1]:
            if not _is_item(line):
                return _wrong(name, number, "an item such as 1: as the first line", line)
        for _, (number, line) in pairwise(filled):
            if not (_is_item(line) or _is_rating(line)):
                return _wrong(name, number, "a rating such as 1488844,3,2005-09-06", line)
    return UserError(f"{block[0][0]} cannot be read as ratings of the Netflix Prize.", "Fetch it again.")


def _is_item(line: bytes) -> bool:
    return bool(_ITEM.fullmatch(line)) and int(line[:-1]) < _LARGEST


def _is_rating(line: bytes) -> bool:
    if not (fields := _RATING.fullmatch(line)):
        return False
    try:
        date.fromisoformat(fields[2].decode())
    except ValueError:
        return False
    return int(fields[1]) < _LARGEST


def _wrong(name: str, number: int, expected: str, line: bytes) -> UserError:
    got = line.decode(errors="replace")
    return UserError(f"{name}, line {number}: expected {expected}, got {got!r}.", "Fetch it again, or mend the line.")
