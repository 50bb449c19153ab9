import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rankbench.data.catalog import load_catalog
from rankbench.data.filter import ORDERS, Filter

rows = st.sets(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=60).map(sorted)

CATALOGUED = sorted(
    {each.filter for d in load_catalog().values() for each in (d.settings, *d.overrides.values())}, key=str
)


def naive(pairs: list, wanted: Filter) -> set:
    """What is left, by sets of pairs."""

    def by(side: int, k: int, left: set) -> set:
        return {p for p in left if sum(q[side] == p[side] for q in left) >= k}

    left = set(pairs)
    if wanted.order == "items-users":
        return by(0, wanted.users, by(1, wanted.items, left))
    if wanted.order == "users-items":
        return by(1, wanted.items, by(0, wanted.users, left))
    while True:
        after = by(0, wanted.users, left) & by(1, wanted.items, left)
        if after == left or wanted.order == "together":
            return after
        left = after


@settings(max_examples=60, deadline=None)
@given(rows, st.integers(1, 4), st.integers(1, 4), st.sampled_from(list(ORDERS)))
def test_every_order_is_the_naive_one(pairs, users, items, order):
    wanted = Filter(None, users, items, order)
    user, item = np.array(pairs, np.int32).T
    kept = wanted.rows(user, item)
    assert kept.tolist() == sorted(kept.tolist())
    assert {pairs[row] for row in kept.tolist()} == naive(pairs, wanted)


def test_the_orders_differ():
    """Item 9 has one user too few; without it user 0 has one item too few; without user 0 item 1 has."""
    pairs = [(0, 1), (0, 9), (1, 1), (1, 2), (2, 2), (2, 3), (3, 2), (3, 3)]
    user, item = np.array(pairs, np.int32).T
    left = {order: [pairs[row] for row in Filter(None, 2, 2, order).rows(user, item)] for order in ORDERS}
    assert left["together"] == left["users-items"] == [p for p in pairs if p != (0, 9)]
    assert left["items-users"] == pairs[2:]
    assert left["iterative"] == pairs[4:]


@pytest.mark.parametrize("wanted", CATALOGUED, ids=str)
def test_filters_say_what_they_are(wanted):
    assert str(wanted.users) in str(wanted)
    assert wanted.order in ORDERS
    assert ("all interactions" in str(wanted)) == (wanted.threshold is None)


def test_nothing_left_is_no_row():
    one = np.zeros(1, np.int32)
    for order in ORDERS:
        assert Filter(None, 2, 2, order).rows(one, one).tolist() == []
