"""What a catalogue knows of original data: the files, where they are and what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

FORMATS = ("separated", "jsonl", "ngcf", "atomic", "matrix", "netflix", "parquet")
"""What files of interactions look like inside."""

TIMES = ("none", "s", "ms", "us", "iso", "date", "yymmddhh")
"""How times are written; none: there are none."""

ARCHIVES = ("none", "gz", "zip", "tar.gz")
"""What files are packed in."""

COLUMNS = ("user", "item", "rating", "time")


@dataclass(frozen=True)
class RemoteFile:
    """A file that can be had from elsewhere.

    Args:
        path: its place within a mirror, and within the cache.
        urls: where it is, tried in turn; empty if it takes a login to get it.
        bytes: its size; None where it is not known.
        checksum: "sha256:HEX", "md5:HEX" or "git:HEX" (the id that git gives the content); "" where none is known.
    """

    path: PurePosixPath
    urls: tuple[str, ...] = ()
    bytes: int | None = None
    checksum: str = ""


@dataclass(frozen=True)
class Reader:
    """How a file of interactions is read.

    Args:
        format: one of `FORMATS`.
        separator: between two fields, of any length; " " stands for any blanks.
        header: whether the first line names the columns.
        columns: user, item, rating and time by the name in the header, or by position from 1; those that there are.
        time: one of `TIMES`.
        encoding: of the text.
    """

    format: str = "separated"
    separator: str = ","
    header: bool = True
    columns: Mapping[str, str | int] | None = None
    time: str = "none"
    encoding: str = "utf-8"


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
        files: by role; `logged` and `exposed` where the second part was shown at random or in full, else any names.
        reader: how they are read; None for data without users, which can be fetched but not split.
        login: where one gets the files with a login or an agreement; "" where they can be had without.
    """

    files: Mapping[str, RawFile]
    reader: Reader | None
    login: str = ""
