"""The table `raw` of a data set in the catalogue: its original files, and how they are read."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from rankbench.data.sources import ARCHIVES, COLUMNS, FORMATS, TIMES, Raw, RawFile, Reader, RemoteFile
from rankbench.data.toml_table import TomlTable

_READER = ("format", "separator", "header", "columns", "time", "encoding", "quoted")
_DIGITS = {"sha256": 64, "md5": 32, "git": 40}


def read_raw(dataset: str, table: TomlTable, own: Path | None = None) -> Raw:
    """Return what the table `raw` of a data set says.

    Args:
        dataset: its name.
        table: the table.
        own: the folder of the user's catalogue; a file may then be one of this machine, its path relative to that.

    Raises:
        UserError: a missing or unknown key, a wrong type or value; the message names the line.
    """
    table.only("files", "login", "apart", *_READER)
    files = table.table("files")
    login = table.text("login") if table.has("login") else ""
    if not files.names:
        raise files.wrong("files", "a table of one file or more", "none")
    return Raw(
        files={role: _file(dataset, files.table(role), own, login=bool(login)) for role in files.names},
        reader=_reader(table) if table.has("format") else None,
        login=login,
        apart=table.flag("apart") if table.has("apart") else False,
    )


def _reader(table: TomlTable) -> Reader:
    kind = table.choice("format", FORMATS)
    columns = _columns(table.table("columns")) if table.has("columns") else {}
    if not columns and kind in ("separated", "jsonl", "atomic", "parquet"):
        table.table("columns")  # raises: it must be there
    return Reader(
        format=kind,
        separator=table.text("separator") if table.has("separator") else ",",
        header=table.flag("header") if table.has("header") else True,
        columns=columns,
        time=table.choice("time", TIMES) if table.has("time") else "none",
        encoding=table.text("encoding") if table.has("encoding") else "utf-8",
        quoted=table.flag("quoted") if table.has("quoted") else True,
    )


def _columns(table: TomlTable) -> dict[str, str | int]:
    table.only(*COLUMNS)
    found = {name: table.name_or_position(name) for name in COLUMNS if table.has(name)}
    for name in ("user", "item"):
        if name not in found:
            table.name_or_position(name)  # raises: it must be there
    return found


def _file(dataset: str, table: TomlTable, own: Path | None, *, login: bool) -> RawFile:
    if own and table.has("file"):
        table.only("file", "archive", "member")
        return _packed(table, local_file(dataset, own / Path(table.text("file")).expanduser()))
    table.only("path", "urls", "bytes", *_DIGITS, "archive", "member", "verified", *(("file",) if own else ()))
    urls = () if login and not table.has("urls") else table.texts("urls", r"https?://\S+", "http or https addresses")
    path = PurePosixPath("raw") / (
        table.path("path") if table.has("path") or not urls else f"{dataset}/{_last(urls[0])}"
    )
    return _packed(table, read_remote(table, path, urls))


def local_file(dataset: str, file: Path) -> RemoteFile:
    """Return a file of the user's as a file of a data set."""
    return RemoteFile(PurePosixPath("raw") / dataset / file.name, local=file.absolute())


def _packed(table: TomlTable, file: RemoteFile) -> RawFile:
    return RawFile(
        file=file,
        archive=table.choice("archive", ARCHIVES) if table.has("archive") else "none",
        member=table.text("member") if table.has("member") else "",
        verified=table.flag("verified") if table.has("verified") else False,
    )


def read_remote(table: TomlTable, path: PurePosixPath, urls: tuple[str, ...]) -> RemoteFile:
    """Return a file at a place, with the size and the checksum that its table says.

    Raises:
        UserError: more than one checksum, or one that is none.
    """
    kinds = [kind for kind in _DIGITS if table.has(kind)]
    if len(kinds) > 1:
        raise table.wrong(kinds[1], "left out, one checksum is enough", kinds)
    return RemoteFile(
        path=path,
        urls=urls,
        bytes=table.whole("bytes") if table.has("bytes") else None,
        checksum=_checksum(table, kinds[0]) if kinds else "",
    )


def _last(url: str) -> str:
    return PurePosixPath(url.split("?")[0]).name


def _checksum(table: TomlTable, kind: str) -> str:
    digits = _DIGITS[kind]
    return f"{kind}:{table.text(kind, rf'[0-9a-f]{{{digits}}}', f'{digits} hexadecimal digits, lower case')}"
