"""What the embedding tables of a run take, in words: rows, bytes and collisions, as they are stored with the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rankbench.tables.form import FULL

Tables = Mapping[str, Mapping[str, Any]]
"""By side, "user" or "item": the fields of `rankbench.tables.usage.Usage`."""


def hashed(tables: Tables) -> bool:
    """Return whether any of the tables is not full."""
    return any(usage["table"] != FULL for usage in tables.values())


def in_words(tables: Tables) -> str:
    """Return what the tables take: form, rows, bytes, and how many ids collide where they can."""
    return "; ".join(_of_side(side, usage) for side, usage in tables.items())


def _of_side(side: str, usage: Mapping[str, Any]) -> str:
    text = f"{side}s {usage['table']}, {usage['rows']:,} rows for {usage['ids']:,}, {_size(usage['bytes'])}"
    if usage["table"] == FULL:
        return text
    rate, traffic = 100 * usage["collision_rate"], 100 * usage["traffic_collision_rate"]
    return f"{text}, collision rate {rate:.1f}%, {traffic:.1f}% of train interactions on shared vectors"


def _size(number: int) -> str:
    return f"{number / 1e6:.1f} MB" if number >= 1e6 else f"{number / 1e3:.0f} kB"
