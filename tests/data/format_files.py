"""Reading a file that is written down in a test."""

from pathlib import Path

import pytest

from rankbench.data.formats import Reader, read_rows
from rankbench.errors import UserError

HEADER = {"user": "user", "item": "item", "rating": "rating", "time": "time"}
PLACES = {"user": 1, "item": 2, "rating": 3, "time": 4}


def rows_of(folder: Path, reader: Reader, content: bytes | str, id: str = "str", name: str = "file.txt") -> list[tuple]:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_rows(reader, [file], id).collect(engine="streaming").rows()


def error_of(folder: Path, reader: Reader, content: bytes | str, id: str = "str") -> UserError:
    with pytest.raises(UserError) as caught:
        rows_of(folder, reader, content, id)
    assert str(folder / "file.txt") in caught.value.message
    assert caught.value.hint
    return caught.value
