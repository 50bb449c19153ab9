"""Files and the rows in them: how a file is to be read (`Reader`), and what reads it.

The readers need polars, the catalogue only needs `Reader`: they are imported when one of them is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from rankbench.data.sources import COLUMNS, FORMATS, TIMES, Reader

if TYPE_CHECKING:
    from rankbench.data.formats.embedded import read_embedded, read_titles
    from rankbench.data.formats.published import PublishedSplit, read_published
    from rankbench.data.formats.rows import read_rows
    from rankbench.data.formats.sniffing import look_at, sniff

__all__ = [
    "COLUMNS",
    "FORMATS",
    "TIMES",
    "PublishedSplit",
    "Reader",
    "look_at",
    "read_embedded",
    "read_published",
    "read_rows",
    "read_titles",
    "sniff",
]

_HOME = {
    "read_embedded": "embedded",
    "read_titles": "embedded",
    "PublishedSplit": "published",
    "read_published": "published",
    "read_rows": "rows",
    "look_at": "sniffing",
    "sniff": "sniffing",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
