"""Filtering of rows that stream in, and by rules other than the k-core."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rankbench.data.filter import Filter
from rankbench.data.formats import Reader, read_rows
from rankbench.data.protocols.filtering import filtered
from rankbench.errors import UserError

ids = st.text("aZ09é¢😀", min_size=1, max_size=2)
ratings = st.sampled_from([None, 1.0, 3.0, 4.5])
rows = st.lists(st.tuples(ids, ids, ratings, st.integers(-3, 3)), min_size=1, max_size=80)


def same(a, b) -> bool:
    times = (a.time is None and b.time is None) or np.array_equal(a.time, b.time)
    ids = (a.users, a.items) == (b.users, b.items)
    return ids and np.array_equal(a.user, b.user) and np.array_equal(a.item, b.item) and times


@settings(max_examples=40, deadline=None)
@given(rows, st.booleans())
def test_text_ids_with_times_are_those_of_plain_python(rows, timed):
    frame = pl.DataFrame(
        rows, ["user", "item", "rating", "time"], orient="row", schema_overrides={"rating": pl.Float64}
    )
    kept = sorted({(u, i, t) if timed else (u, i) for u, i, r, t in rows if r is not None and r >= 3})
    users, items = (sorted({row[place] for row in kept}) for place in (0, 1))
    if len(users) < 2 or len(items) < 2:
        with pytest.raises(UserError, match="leaves"):
            filtered(frame.lazy(), Filter.core(1, 3), timed=timed)
        return
    pairs = filtered(frame.lazy(), Filter.core(1, 3), timed=timed)
    assert pairs.users == tuple(users)
    assert pairs.items == tuple(items)
    found = zip(pairs.user, pairs.item, *([pairs.time] if timed else []), strict=True)
    assert [tuple(map(int, row)) for row in found] == [(users.index(u), items.index(i), *t) for u, i, *t in kept]
    assert (pairs.user.dtype, pairs.item.dtype) == (np.int32, np.int32)
    assert same(pairs, filtered(frame.reverse(), Filter.core(1, 3), timed=timed))


def test_whole_numbers_far_apart(tmp_path):
    wide = [-(2**62), -1, 0, 7, 2**62]
    (tmp_path / "a.csv").write_text("user,item\n" + "".join(f"{u},{i}\n" for u in wide for i in reversed(wide)))
    reader = Reader("separated", ",", True, {"user": "user", "item": "item"})
    pairs = filtered(read_rows(reader, [tmp_path / "a.csv"], "int"), Filter.core(5))
    assert pairs.users == pairs.items == tuple(map(str, wide))
    assert pairs.user.tolist() == sorted(list(range(5)) * 5)


def test_rows_without_a_time_are_refused_where_times_count():
    frame = pl.DataFrame({"user": [1, 2, 3], "item": [1, 1, 2], "rating": [1, 5, 5], "time": [None, 3, 4]})
    assert len(filtered(frame, Filter.core(1, 2), timed=True)) == 2
    with pytest.raises(UserError, match="1 of 3 rows have no time"):
        filtered(frame, Filter.core(1), timed=True)
    assert len(filtered(frame, Filter.core(1))) == 3


def test_items_first_then_users():
    frame = pl.DataFrame({"user": ["b", "b", "a", "c"], "item": ["x", "y", "x", "x"]})
    popular = Filter(users=1, items=2, order="items-users")
    with pytest.raises(UserError, match=r"items >= 2, items-users\) leaves 3 users and 1 items"):
        filtered(frame, popular)
    pairs = filtered(frame.vstack(pl.DataFrame({"user": ["c"], "item": ["y"]})), popular)
    assert (pairs.users, pairs.items) == (("a", "b", "c"), ("x", "y"))
    assert list(zip(pairs.user, pairs.item, strict=True)) == [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1)]


def test_whole_numbers_below_zero_and_beyond_32_bits():
    for low in (-5, 2**40):
        frame = pl.DataFrame({"user": [low, low + 1, low], "item": [low, low, low + 1]})
        pairs = filtered(frame, Filter.core(1))
        assert pairs.users == (str(low), str(low + 1))
        assert list(zip(pairs.user, pairs.item, strict=True)) == [(0, 0), (0, 1), (1, 0)]
