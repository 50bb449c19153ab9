import numpy as np
import pytest
from hypothesis import given, settings
from split_cases import as_set, pairs_of, tables

from rankbench.data.protocols.leave_one_out import leave_one_out
from rankbench.data.protocols.parts import Pairs


@settings(max_examples=100, deadline=None)
@given(tables())
def test_it_is_the_sort_of_each_users_items_by_their_first_time(rows):
    pairs = pairs_of(rows, "leave-one-out")
    first: dict[tuple[int, int], int] = {}
    for user, item, time in zip(pairs.user.tolist(), pairs.item.tolist(), pairs.time.tolist(), strict=True):
        first[user, item] = min(time, first.get((user, item), time))
    train, valid, test = set(), set(), set()
    for user in range(pairs.n_users):
        sequence = sorted((time, item) for (u, item), time in first.items() if u == user)
        items = [(user, item) for _, item in sequence]
        if len(items) < 3:
            train |= set(items)
        else:
            train |= set(items[:-2])
            valid.add(items[-2])
            test.add(items[-1])
    parts = leave_one_out(pairs)
    assert as_set(parts.train) == train
    assert as_set(parts.valids["iid"]) == valid
    assert as_set(parts.tests["leave-one-out"]) == test
    known = {item for _, item in train}
    unknown = [sum(item not in known for _, item in part) for part in (test, valid)]
    assert [int(w.split()[0]) for w in parts.warnings] == [n for n in unknown if n]


def test_ties_in_time_are_in_the_order_of_the_items():
    rows = [(0, 3, 5), (0, 1, 5), (0, 2, 5), (0, 0, 9), (1, 0, 1), (1, 1, 1), (1, 3, 0)]
    parts = leave_one_out(pairs_of(rows, "leave-one-out"))
    assert as_set(parts.tests["leave-one-out"]) == {(0, 0), (1, 1)}
    assert as_set(parts.valids["iid"]) == {(0, 3), (1, 0)}
    assert parts.warnings == tuple(
        f"1 of 2 {name} pairs have an item that does not occur in train." for name in ("test", "validation")
    )


def test_it_needs_times():
    pairs = Pairs(np.zeros(3, np.int32), np.arange(3, dtype=np.int32), ("u",), ("a", "b", "c"))
    with pytest.raises(ValueError, match="times"):
        leave_one_out(pairs)
