"""Random interaction tables for the tests of split protocols."""

from __future__ import annotations

import polars as pl
from hypothesis import strategies as st

from rankbench.data.filter import Filter
from rankbench.data.interactions import Interactions
from rankbench.data.protocol import read_protocol
from rankbench.data.protocols.exposed import number_exposed
from rankbench.data.protocols.filtering import filtered
from rankbench.data.protocols.parts import Exposed, Pairs

Row = tuple[int, int, int]
"""User, item, time."""


@st.composite
def tables(draw, most: int = 14) -> list[Row]:
    """Rows in which every user and every item has some; a pair may have several times."""
    users, items = draw(st.integers(3, most)), draw(st.integers(3, most))
    pair = st.tuples(st.integers(0, users - 1), st.integers(0, items - 1))
    listed = [(u, u % items) for u in range(users)] + [(i % users, i) for i in range(items)]
    listed += draw(st.lists(pair, max_size=12 * most))
    times = draw(st.lists(st.integers(0, 9), min_size=len(listed), max_size=len(listed)))
    return [(u, i, t) for (u, i), t in zip(listed, times, strict=True)]


def frame_of(rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["user", "item", "time"], orient="row")


def pairs_of(rows: list[Row], protocol: str = "iid") -> Pairs:
    return filtered(frame_of(rows), Filter.core(1), timed=read_protocol(protocol).timed)


def exposed_of(rows: list[Row], pairs: Pairs) -> Exposed:
    """The rows as an exposed part: later than 4 is positive; users and items from 9 on are numbered otherwise."""
    frame = frame_of(rows).rename({"time": "rating"})
    return number_exposed(frame, pairs, threshold=5)


def as_set(part: Interactions) -> set[tuple[int, int]]:
    return set(zip(part.users.tolist(), part.items.tolist(), strict=True))
