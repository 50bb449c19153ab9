"""What a catalogue knows of original data: the files, where they are and what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

FORMATS = ("separated", "jsonl", "ngcf", "atomic", "matrix", "netflix", "parquet")
"""Names of the file formats."""

TIMES = ("s", "ms", "us", "iso", "date", "yymmddhh", "none")
"""Names of the ways in which files write times."""

ARCHIVES = ("none", "gz", "zip", "tar.gz")
"""What files are packed in."""

COLUMNS = ("user", "item", "rating", "time")
"""Names of the columns that rows have, the first two always."""


@dataclass(frozen=True)
class RemoteFile:
    """A file that can be had from elsewhere.

    Args:
        path: its place within a mirror, and within the cache.
        urls: where it is, tried in turn; empty if it takes a login to get it.
        bytes: its size; None where it is not known.
        checksum: "sha256:HEX", "md5:HEX" or "git:HEX" (the id that git gives the content); "" where none is known.
        local: where it is on this machine, if it is a file of the user's: it is read there and not copied.
    """

    path: PurePosixPath
    urls: tuple[str, ...] = ()
    bytes: int | None = None
    checksum: str = ""
    local: Path | None = None


@dataclass(frozen=True)
class Reader:
    r"""How the rows of a file are written.

    Args:
        format: one of `FORMATS`. `separated`: a record a line, fields between separators. `jsonl`: a JSON object a
            line. `ngcf`: lines `user item item ...`. `atomic`: tab-separated with a header of `name:type`, as RecBole
            has it. `matrix`: the ratings of a user a line, 0 for none; users and items are numbered from 0. `netflix`:
            lines `user,rating,date` below a line `item:`, in text files or a tar of them. `parquet`.
        separator: of `separated` and `matrix`: one character or more; a blank stands for any run of blanks and tabs.
        header: whether the first line of `separated` names the columns.
        columns: from `user`, `item` and, where they are to be read, `rating` and `time` to a name in the header (or
            key, or column) or to a position from 1. `ngcf`, `matrix` and `netflix` need none.
        time: one of `TIMES`: Unix seconds, milliseconds, microseconds (whole or decimal), `2010-10-19T23:55:27Z` (with
            a blank for the T, a fraction, another offset; UTC if there is none; midnight if there is only a date),
            `2010-10-19`, `10101923` for the hour; `none` reads no times.
        encoding: of text files, a name that Python knows.
        quoted: whether fields of `separated` may stand in double quotes, then with separators and line ends inside.
    """

    format: str = "separated"
    separator: str = ","
    header: bool = True
    columns: Mapping[str, str | int] = field(default_factory=dict)
    time: str = "none"
    encoding: str = "utf-8"
    quoted: bool = True


@dataclass(frozen=True)
class RawFile:
    """One file of a data set's original data.

    Args:
        file: where it is.
        archive: one of `ARCHIVES`.
        member: what to read in the archive, a name or a pattern with `*`; "" where it holds a single file.
        verified: whether size and checksum were found on a copy of ours, not only in others' code.
    """

    file: RemoteFile
    archive: str = "none"
    member: str = ""
    verified: bool = False


@dataclass(frozen=True)
class Raw:
    """The original data of a data set.

    Args:
        files: by role; `logged` and `exposed` where the second part was shown at random or in full, `train` and `test`
            where they are a split as published, else any names.
        reader: how they are read; None for data without users, which can be fetched but not split.
        login: where one gets the files with a login or an agreement; "" where they can be had without.
        apart: whether no pair of `exposed` is in `logged`, as the authors say; it is checked.
    """

    files: Mapping[str, RawFile]
    reader: Reader | None
    login: str = ""
    apart: bool = False
