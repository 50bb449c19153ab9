"""A table of a TOML file, read strictly: a missing or unknown key or a wrong type is an error that names its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from rankbench.errors import UserError, unknown

_NOUN = {
    str: "a text in quotes",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}


class TomlTable:
    """One table of a TOML file.

    Args:
        file: the file, for messages.
        text: its text, to find lines in.
        path: the names of the table, outermost first; empty for the whole file.
        values: its content.
    """

    def __init__(self, file: Path, text: str, path: tuple[str, ...], values: Mapping[str, Any]) -> None:
        self._file = file
        self._text = text
        self._path = path
        self._values = values

    @property
    def names(self) -> list[str]:
        """The names of its keys, in the order of the file."""
        return list(self._values)

    def only(self, *known: str) -> None:
        """Refuse keys other than `known`."""
        for key in self._values:
            if key not in known:
                error = unknown("key", key, known)
                raise UserError(f"{self.where(key)}: {error.message}", error.hint)

    def text(self, key: str, pattern: str = r"[\s\S]+", expected: str = "a text that is not empty") -> str:
        """Return a text that fully matches `pattern`."""
        value: str = self._typed(key, str)
        if not re.fullmatch(pattern, value):
            raise self.wrong(key, expected, value)
        return value

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        """Return one of the words `choices`."""
        value: str = self._typed(key, str)
        if value not in choices:
            raise self.wrong(key, " or ".join(f'"{choice}"' for choice in choices), value)
        return value

    def whole(self, key: str) -> int:
        """Return a whole number of at least 1."""
        value: int = self._typed(key, int)
        if value < 1:
            raise self.wrong(key, "a whole number of at least 1", value)
        return value

    def number(self, key: str) -> float | None:
        """Return a number, or None if the key is not there."""
        return float(self._typed(key, float)) if key in self._values else None

    def has(self, key: str) -> bool:
        """Return whether a key is there."""
        return key in self._values

    def flag(self, key: str) -> bool:
        """Return true or false."""
        value: bool = self._typed(key, bool)
        return value

    def texts(self, key: str, pattern: str, expected: str) -> tuple[str, ...]:
        """Return a list of texts, at least one, each of which fully matches `pattern`."""
        values = self._typed(key, list)
        if not values or not all(isinstance(value, str) and re.fullmatch(pattern, value) for value in values):
            raise self.wrong(key, f"a list of {expected}", values)
        return tuple(values)

    def path(self, key: str) -> PurePosixPath:
        """Return a path that stays below where it begins."""
        path = PurePosixPath(self.text(key, r"[\w. /-]+", "a relative path"))
        if path.is_absolute() or ".." in path.parts:
            raise self.wrong(key, "a relative path without '..'", str(path))
        return path

    def name_or_position(self, key: str) -> str | int:
        """Return a text that is not empty, or a whole number of at least 1."""
        if isinstance(self._values.get(key), str):
            return self.text(key)
        return self.whole(key)

    def one_or_more(self, key: str) -> tuple[Any, ...]:
        """Return the values of a list that is not empty, or a single value, of whatever type."""
        value = self._values[key]
        if value == []:
            raise self.wrong(key, "a value or a list of some", value)
        return tuple(value) if isinstance(value, list) else (value,)

    def table(self, key: str) -> TomlTable:
        """Return the table under a key."""
        return TomlTable(self._file, self._text, (*self._path, key), self._typed(key, dict))

    def where(self, key: str = "") -> str:
        """Return the file, the line and the table, for a message about a key (or about the table itself)."""
        name = ".".join(self._path) or "the file"
        return f"{self._file}, line {_line(self._text, self._path, key)}, table {name}"

    def wrong(self, key: str, expected: str, got: object) -> UserError:
        """Return the error of a value that is not what was expected."""
        return UserError(f"{self.where(key)}: {key} must be {expected}, got {got!r}.", "Mend the file.")

    def _typed(self, key: str, kind: type) -> Any:
        if key not in self._values:
            raise UserError(f"{self.where()}: the key {key!r} is missing.", f"Add it: {_NOUN[kind]}.")
        value = self._values[key]
        allowed = (int, float) if kind is float else (kind,)
        if type(value) not in allowed:
            raise self.wrong(key, _NOUN[kind], value)
        return value


def read_toml(file: Path) -> TomlTable:
    """Return the whole of a TOML file as a table.

    Raises:
        UserError: it cannot be read, is no UTF-8 or no TOML; the message has the line.
    """
    try:
        text = file.read_text(encoding="utf-8")
        return TomlTable(file, text, (), tomllib.loads(text))
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.", "Give the path of a datasets.toml.") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError(f"{file}, line {line}: not UTF-8 text.", "Save the file as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{file} is not TOML: {error}.", "Mend the line.") from error


def _line(text: str, path: tuple[str, ...], key: str) -> int:
    """Return the line of a key in the table `path`, else of the table's header, else of what it is nested in."""
    header: tuple[str, ...] = ()
    of_table: dict[tuple[str, ...], int] = {}
    of_key = 0
    for number, line in enumerate(text.splitlines(), 1):
        if match := re.match(r"\s*\[([^\[\]]+)\]\s*(#.*)?$", line):
            header = _names(match[1])
            of_table.setdefault(header, number)
        elif (match := re.match(r"""\s*([\w\-"'. ]+?)\s*=""", line)) and (header + _names(match[1])) == (*path, key):
            of_key = of_key or number
        elif match and header + _names(match[1]) == path:
            of_table.setdefault(path, number)
    nested = (of_table[path[:n]] for n in range(len(path), 0, -1) if path[:n] in of_table)
    return of_key or of_table.get((*path, key), 0) or next(nested, 1)


def _names(dotted: str) -> tuple[str, ...]:
    return tuple(name.strip().strip("\"'") for name in dotted.split("."))
