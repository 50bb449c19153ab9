"""The original identifiers of users and items, where the split that numbered them is at hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rankbench.data.folder import read_manifest, split_folder
from rankbench.errors import UserError


@dataclass(frozen=True)
class Names:
    """What users and items are called.

    Args:
        users: original id by number; empty if the split is not at hand.
        items: the same of items.
        titles: titles of items, where they are known.
    """

    users: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    titles: tuple[str | None, ...] = ()

    def user(self, number: int) -> str:
        """Return a user's original id, else the number."""
        return self.users[number] if number < len(self.users) else str(number)

    def item(self, number: int) -> str:
        """Return an item's original id, else the number."""
        return self.items[number] if number < len(self.items) else str(number)

    def title(self, number: int) -> str:
        """Return an item's title, else nothing."""
        return (self.titles[number] or "") if number < len(self.titles) else ""


def names_of(data: Path, dataset: str, protocol: str, digest: str) -> Names:
    """Return the names in a prepared split with a certain content; none if there is no such split, or a damaged one."""
    folder = split_folder(data, dataset, protocol)
    try:
        if read_manifest(data, dataset, protocol).get("digest") != digest:
            return Names()
        users, items = (pq.read_table(folder / f"{name}.parquet") for name in ("users", "items"))
        titles = items["title"].to_pylist() if "title" in items.schema.names else []
        return Names(tuple(map(str, users["id"].to_pylist())), tuple(map(str, items["id"].to_pylist())), tuple(titles))
    except (UserError, OSError, KeyError, pa.ArrowException):
        return Names()
