import sys
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rankbench.data.interactions import Interactions
from rankbench.data.protocols import divide, twister
from rankbench.data.protocols.hashing import hashed
from rankbench.data.protocols.iid import iid
from rankbench.data.protocols.parts import Pairs
from rankbench.data.protocols.popularity import popularity
from rankbench.data.protocols.shift import shift
from rankbench.data.protocols.temporal import temporal
from rankbench.data.protocols.validation import cut_validation
from rankbench.errors import UserError


def pairs_of(listed, times=None) -> Pairs:
    listed = sorted(listed)
    user, item = np.array(listed, np.int32).T
    names = tuple(map(str, range(user.max() + 1))), tuple(map(str, range(item.max() + 1)))
    return Pairs(user, item, *names, None if times is None else np.array(times, np.int64))


def as_set(part: Interactions) -> set:
    return set(zip(part.users.tolist(), part.items.tolist(), strict=True))


@st.composite
def dense(draw):
    """Pairs in which every user and every item has some."""
    users, items = draw(st.integers(2, 14)), draw(st.integers(2, 14))
    listed = {(u, u % items) for u in range(users)} | {(i % users, i) for i in range(items)}
    listed |= set(draw(st.lists(st.tuples(st.integers(0, users - 1), st.integers(0, items - 1)), max_size=150)))
    times = draw(st.lists(st.integers(0, 9), min_size=len(listed), max_size=len(listed)))
    return pairs_of(listed, times)


@settings(max_examples=80, deadline=None)
@given(dense(), st.sampled_from(["shift", "iid", "popularity", "temporal"]))
def test_parts_are_disjoint_subsets_and_nothing_is_held_out_that_train_does_not_know(pairs, protocol):
    everything = set(zip(pairs.user.tolist(), pairs.item.tolist(), strict=True))
    try:
        parts = divide(protocol, pairs)
    except UserError:
        assert protocol == "popularity"
        assert 0.8 * len(everything) < pairs.n_items + 1
        return
    held_out = [*parts.valids.values(), *parts.tests.values()]
    sets = [as_set(part) for part in (parts.train, *held_out)]
    union = set().union(*sets)
    assert len(union) == sum(map(len, sets))
    assert union <= everything
    if protocol == "shift":
        assert union == everything
    users, items = {u for u, _ in sets[0]}, {i for _, i in sets[0]}
    assert all(u in users and i in items for part in sets[1:] for u, i in part)
    assert {part.n_users for part in (parts.train, *held_out)} == {pairs.n_users}
    assert {part.n_items for part in (parts.train, *held_out)} == {pairs.n_items}


@settings(max_examples=60, deadline=None)
@given(dense())
def test_iid_is_the_algorithm_step_by_step(pairs):
    random, train, test = Random(0), set(), set()
    for u in range(pairs.n_users):
        items = pairs.item[pairs.user == u].tolist()
        random.shuffle(items)
        n = int(len(items) * 0.8)
        train |= {(u, i) for i in items[:n]}
        test |= {(u, i) for i in items[n:]}
    users, known = {u for u, _ in train}, {i for _, i in train}
    made = iid(pairs)
    assert as_set(made[0]) == train
    assert as_set(made[1]) == {(u, i) for u, i in test if u in users and i in known}


def popularity_step_by_step(pairs: Pairs) -> tuple[set, set]:
    """The published procedure with Python's own generator and lists, draw by draw."""
    random, users_of = Random(0), {}
    for u, i in zip(pairs.user.tolist(), pairs.item.tolist(), strict=True):
        users_of.setdefault(i, []).append(u)
    items, test = list(users_of), set()
    while len(test) < len(pairs) - int(0.8 * len(pairs)):
        i = random.choice(items)
        u = random.choice(users_of[i])
        if len(users_of[i]) > 1:
            test.add((u, i))
            users_of[i].remove(u)
    train = {(u, i) for i, users in users_of.items() for u in users}
    known = {u for u, _ in train}
    return train, {(u, i) for u, i in test if u in known}


@settings(max_examples=60, deadline=None)
@given(dense())
def test_popularity_is_the_algorithm_step_by_step(pairs):
    try:
        train, test = popularity(pairs)
    except UserError:
        return
    assert (as_set(train), as_set(test)) == popularity_step_by_step(pairs)


@pytest.mark.parametrize("block", [7, 1 << 20])
def test_draws_go_on_where_a_block_of_random_words_ends(monkeypatch, block):
    monkeypatch.setattr(twister, "_BLOCK", block)
    random = Random(1)
    pairs = pairs_of({(u, int(40 * random.random() ** 2)) for u in range(80) for _ in range(12)} | {(0, 39)})
    assert tuple(map(as_set, popularity(pairs))) == popularity_step_by_step(pairs)
    indptr, python = np.array([0, 0, 1, 3, 40, 40 + 2**11]), Random(5)
    rows = [list(range(a, b)) for a, b in pairwise(indptr.tolist())]
    for listed in rows:
        python.shuffle(listed)
    assert twister.shuffled(indptr, 5).tolist() == [row for listed in rows for row in listed]


@settings(max_examples=60, deadline=None)
@given(dense())
def test_temporal_takes_the_first_60_and_the_last_20_percent_by_time(pairs):
    rows = sorted(range(len(pairs)), key=lambda row: (pairs.time[row], row))
    first, last = rows[: int(0.6 * len(rows))], rows[len(rows) - int(0.2 * len(rows)) :]
    train, test = temporal(pairs)
    listed = list(zip(pairs.user.tolist(), pairs.item.tolist(), strict=True))
    assert as_set(train) == {listed[row] for row in first}
    users, items = {u for u, _ in as_set(train)}, {i for _, i in as_set(train)}
    assert as_set(test) == {listed[row] for row in last if listed[row][0] in users and listed[row][1] in items}


def test_temporal_does_not_test_a_pair_that_train_has():
    user, item = np.zeros(10, np.int32), np.array([0, 1, 2, 3, 4, 4, 5, 0, 1, 0], np.int32)
    order = np.lexsort((np.arange(10), item, user))
    pairs = Pairs(user[order], item[order], ("u",), tuple("abcdef"), np.arange(10)[order])
    train, test = temporal(pairs)
    assert as_set(train) == {(0, i) for i in range(5)}
    assert len(test) == 0
    with pytest.raises(ValueError, match="times"):
        temporal(Pairs(user, item, ("u",), tuple("abcdef")))


def test_popularity_takes_20_percent_and_leaves_every_item_one():
    pairs = pairs_of({(u, i) for u in range(20) for i in range(15) if (u * i) % 4 != 3})
    train, test = popularity(pairs)
    assert len(test) == len(pairs) - int(0.8 * len(pairs))
    assert (train.item_counts > 0).all()


def test_popularity_refuses_a_set_with_too_few_pairs_an_item():
    with pytest.raises(UserError, match="10 pairs of 9 items are too few to take 2"):
        popularity(pairs_of({(0, i) for i in range(9)} | {(1, 0)}))


@settings(max_examples=80, deadline=None)
@given(dense())
def test_validation_takes_a_tenth_of_each_user_and_never_the_last_of_an_item(pairs):
    train = pairs.select(np.arange(len(pairs)))
    rest, valid = cut_validation(train)
    assert as_set(rest) | as_set(valid) == as_set(train)
    assert not as_set(rest) & as_set(valid)
    assert (rest.item_counts[train.item_counts > 0] > 0).all()
    assert (rest.user_counts[train.user_counts > 0] > 0).all()
    most = [max(int(0.1 * n), 1) if n > 1 else 0 for n in train.user_counts.tolist()]
    assert (valid.user_counts <= most).all()
    for u in np.flatnonzero(valid.user_counts < most):  # fewer only where nothing else could be taken
        assert (rest.item_counts[rest.row(u)] == 1).all()


def test_validation_of_a_user_does_not_depend_on_other_users():
    some = {(u, i) for u in range(10) for i in range(30) if (3 * u + i) % 5}
    more = some | {(u, i) for u in range(10, 40) for i in range(30) if (u + i) % 3}
    valids = [cut_validation(pairs_of(listed).select(np.arange(len(listed))))[1] for listed in (some, more)]
    assert as_set(valids[0]) == {(u, i) for u, i in as_set(valids[1]) if u < 10}


def test_shift_has_the_sizes_it_promises():
    random = Random(3)
    pairs = pairs_of({(u, random.randrange(60)) for u in range(120) for _ in range(40)})
    parts = shift(pairs)
    counts = pairs.select(np.arange(len(pairs))).user_counts
    assert len(parts.tests["popularity"]) == int(0.1 * len(pairs))
    assert len(parts.valids["popularity"]) == int(0.05 * len(pairs))
    assert parts.tests["iid"].user_counts.tolist() == [int(0.1 * n) for n in counts.tolist()]
    left = parts.train.user_counts + parts.valids["iid"].user_counts
    assert parts.valids["iid"].user_counts.tolist() == [max(int(0.1 * n), 1) for n in left.tolist()]
    assert left.min() >= 5
    assert parts.warnings == ()


def test_shift_tests_items_alike_whatever_their_popularity():
    random = Random(5)
    listed = {(u, int(100 * random.random() ** 3)) for u in range(1500) for _ in range(25)}
    pairs = pairs_of(listed)
    popularity_of = pairs.select(np.arange(len(pairs))).item_counts
    drawn = shift(pairs).tests["popularity"].item_counts
    plenty = popularity_of > 100
    assert plenty.sum() > 80
    assert popularity_of[plenty].max() > 8 * popularity_of[plenty].min()
    expected = drawn[plenty].mean()
    assert ((drawn[plenty] - expected) ** 2 / expected).mean() < 1.5  # Poisson: 1
    assert abs(np.corrcoef(drawn[plenty], popularity_of[plenty])[0, 1]) < 0.25


def test_shift_keeps_2_pairs_an_item_and_5_a_user_when_it_draws_by_item_and_says_when_it_stops_early():
    pairs = pairs_of({(u, i) for u in range(30) for i in range(5)})  # nobody has more than 5
    parts = shift(pairs)
    assert len(parts.tests["popularity"]) == len(parts.valids["popularity"]) == 0
    assert parts.warnings == (
        "test-popularity: stopped early with 0 of 15 pairs after 7500 draws.",
        "valid-popularity: stopped early with 0 of 7 pairs after 7500 draws.",
    )
    assert parts.tests["iid"].user_counts.tolist() == [1] * 30
    few = shift(pairs_of({(u, i) for u in range(30) for i in range(10) if u < 2 or i < 8}))
    assert few.tests["popularity"].item_counts[8:].sum() == 0  # items with 2 pairs keep them


def naive_take_by_item(pairs, left: list[int], quota: int, stream: str) -> list[int]:
    """The rows that `shift` takes of those left, draw by draw, as its docstring says."""
    rows_of = [[row for row in left if pairs.item[row] == item] for item in range(pairs.n_items)]
    user_left = [sum(int(pairs.user[row]) == user for row in left) for user in range(pairs.n_users)]
    taken: list[int] = []
    for draw in range(50 * len(pairs)):
        bits = [int(hashed(0, f"{stream} {what}", np.array([draw]))[0]) >> 32 for what in ("item", "user")]
        rows = rows_of[(bits[0] * pairs.n_items) >> 32]
        at = (bits[1] * len(rows)) >> 32
        if len(taken) == quota or len(rows) <= 2 or user_left[pairs.user[rows[at]]] <= 5:
            continue
        user_left[pairs.user[rows[at]]] -= 1
        taken.append(rows[at])
        rows[at] = rows[-1]
        rows.pop()
    return taken


@pytest.mark.parametrize("seed", [0, 1])
def test_shift_draws_by_item_as_its_description_says(seed, monkeypatch):
    monkeypatch.setattr(sys.modules["rankbench.data.protocols.shift"], "_BLOCK", 64)
    drawn = np.random.default_rng(seed).integers(0, (25, 30), (500, 2))
    pairs = pairs_of({(user, item) for user, item in drawn.tolist()})
    parts = shift(pairs)
    taken = naive_take_by_item(pairs, list(range(len(pairs))), int(0.1 * len(pairs)), "test-popularity")
    test = parts.tests["popularity"]
    expected = {(int(pairs.user[row]), int(pairs.item[row])) for row in taken}
    assert set(zip(test.users.tolist(), test.items.tolist(), strict=True)) == expected


def test_parameters_name_seed_and_generator():
    pairs = pairs_of({(u, i) for u in range(20) for i in range(15)}, range(300))
    for protocol in ("shift", "iid", "popularity", "temporal"):
        parameters = divide(protocol, pairs).parameters
        assert parameters["seed"] == 0
        assert "SplitMix64" in str(parameters["generator"])
    assert divide("iid", pairs).parameters["test set drawn by"] == "Python random.Random(0)"
