import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rankbench.data.filter import Filter
from rankbench.data.protocols.filtering import filtered
from rankbench.errors import UserError

rows = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(1, 5)), min_size=1, max_size=120)


def naive_core(pairs: set, k: int) -> set:
    """Drop one pair at a time until every user and item has k."""
    pairs = set(pairs)
    while True:
        weak = next(
            (p for p in pairs if sum(q[0] == p[0] for q in pairs) < k or sum(q[1] == p[1] for q in pairs) < k), None
        )
        if weak is None:
            return pairs
        pairs.discard(weak)


@settings(max_examples=60, deadline=None)
@given(rows, st.integers(1, 4))
def test_k_core_is_the_naive_one(rows, k):
    pairs = sorted({(u, i) for u, i, _ in rows})
    user, item = np.array(pairs, np.int32).T
    kept = Filter.core(k).rows(user, item)
    assert {pairs[row] for row in kept.tolist()} == naive_core(set(pairs), k)
    assert kept.tolist() == sorted(kept.tolist())


@settings(max_examples=60, deadline=None)
@given(rows, st.integers(1, 2), st.booleans(), st.randoms(use_true_random=False))
def test_filtered_pairs_are_sorted_distinct_numbered_and_independent_of_the_order_of_rows(rows, k, text, random):
    kind = pl.String if text else pl.Int64
    columns = [("user", pl.Int64), ("item", pl.Int64), ("rating", pl.Int64)]

    def frame_of(listed):
        return pl.DataFrame(listed, columns, orient="row").with_columns(pl.col("user", "item").cast(kind))

    shuffled = random.sample(rows, len(rows))
    core = naive_core({(u, i) for u, i, r in rows if r >= 3}, k)
    if len({u for u, _ in core}) < 2 or len({i for _, i in core}) < 2:
        with pytest.raises(UserError, match="leaves"):
            filtered(frame_of(rows), Filter.core(k, 3))
        return
    pairs, again = (filtered(frame_of(listed), Filter.core(k, 3)) for listed in (rows, shuffled))
    ids = sorted({u for u, _ in core}, key=str if text else int), sorted({i for _, i in core}, key=str if text else int)
    assert pairs.users == again.users == tuple(map(str, ids[0]))
    assert pairs.items == again.items == tuple(map(str, ids[1]))
    numbered = sorted((ids[0].index(u), ids[1].index(i)) for u, i in core)
    assert list(zip(pairs.user.tolist(), pairs.item.tolist(), strict=True)) == numbered
    assert np.array_equal(pairs.user, again.user)
    assert np.array_equal(pairs.item, again.item)


def test_strings_sort_by_code_points():
    frame = pl.DataFrame({"user": ["10", "9", "é", "Z"] * 2, "item": ["a"] * 4 + ["B"] * 4})
    pairs = filtered(frame, Filter.core(1))
    assert pairs.users == ("10", "9", "Z", "é")
    assert pairs.items == ("B", "a")


def test_with_times_a_pair_stands_once_for_each_of_its_times():
    frame = pl.DataFrame({"user": [1, 1, 1, 2], "item": [5, 5, 5, 6], "time": [9, 3, 9, 1]})
    pairs = filtered(frame, Filter.core(1), timed=True)
    assert pairs.time is not None
    assert list(zip(pairs.user, pairs.item, pairs.time, strict=True)) == [(0, 0, 3), (0, 0, 9), (1, 1, 1)]
    assert filtered(frame, Filter.core(1)).time is None
    assert len(filtered(frame, Filter.core(1))) == 2


def test_ratings_may_be_text_and_the_threshold_counts_in():
    frame = pl.DataFrame({"user": [1, 1, 2, 2], "item": [1, 2, 1, 2], "rating": ["3.0", "5", "2.5", "4"]})
    pairs = filtered(frame, Filter.core(1, 3))
    assert list(zip(pairs.user, pairs.item, strict=True)) == [(0, 0), (0, 1), (1, 1)]


def test_nothing_left_is_an_error_of_the_user():
    frame = pl.DataFrame({"user": [1, 2], "item": [1, 2]})
    with pytest.raises(UserError, match="users >= 10, items >= 10, iterative\\) leaves 0 users and 0 items"):
        filtered(frame, Filter.core(10))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(-4, 4)), min_size=9),
    st.sampled_from([1, 2**58]),
)
def test_rows_with_times_are_sorted_alike_whether_they_fit_into_one_number_or_not(rows, unit):
    rows = [(u, i, t * unit) for u, i, t in [*rows, (0, 0, 0), (1, 1, 1)]]
    pairs = filtered(pl.DataFrame(rows, schema=["user", "item", "time"], orient="row"), Filter.core(1), timed=True)
    assert pairs.time is not None
    found = [
        (int(pairs.users[u]), int(pairs.items[i]), t)
        for u, i, t in zip(*map(list, (pairs.user, pairs.item, pairs.time)), strict=True)
    ]
    assert found == sorted(set(rows))
