"""What every protocol, with any noise, keeps to: on random tables of interactions."""

from collections import Counter
from itertools import combinations
from math import ceil

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from split_cases import as_set, exposed_of, pairs_of, tables

from rankbench.data.manifest import conventions
from rankbench.data.protocol import PROTOCOLS, read_protocol
from rankbench.data.protocols import divide
from rankbench.data.protocols.parts import Parts
from rankbench.errors import UserError

NOISE = ["", "+false-positive:0.3", "+false-negative:0.5", "+false-negative:0.25+false-positive:1"]


def made(protocol: str, rows: list, shown: list) -> Parts | None:
    """The parts of rows, None where they are too few for the protocol."""
    pairs = pairs_of(rows, protocol)
    exposed = exposed_of(shown, pairs) if protocol.startswith("exposure") else None
    try:
        return divide(protocol, pairs, exposed=exposed)
    except UserError as error:
        if not protocol.startswith("popularity") or "too few" not in error.message:
            raise
        return None


@settings(max_examples=80, deadline=None)
@given(tables(), tables(), st.sampled_from(PROTOCOLS), st.sampled_from(NOISE), st.randoms(use_true_random=False))
def test_the_same_rows_in_any_order_are_the_same_split(rows, shown, protocol, noise, random):
    name = protocol + noise
    first = made(name, rows, shown)
    again = made(name, random.sample(rows, len(rows)), random.sample(shown, len(shown)))
    assert (first is None) == (again is None)
    if first and again:
        assert first.split("set", name).digest == again.split("set", name).digest
        assert first.parameters == again.parameters
        assert first.warnings == again.warnings


@settings(max_examples=140, deadline=None)
@given(tables(), tables(), st.sampled_from(PROTOCOLS), st.sampled_from(NOISE))
def test_parts_share_no_pair_and_add_up(rows, shown, protocol, noise):
    pairs = pairs_of(rows, protocol + noise)
    parts = made(protocol + noise, rows, shown)
    clean = made(protocol, rows, shown)
    if parts is None or clean is None:
        assert parts is clean is None
        return
    split = parts.split("set", protocol + noise)
    ids = parts.items if parts.items is not None else np.arange(pairs.n_items)
    everything = set(zip(pairs.user.tolist(), pairs.item.tolist(), strict=True))
    counted = {name: {(u, int(ids[i])) for u, i in as_set(part)} for name, part in split.parts().items()}
    counted.pop("exposed", None)
    assert sum(map(len, counted.values())) == len(set().union(*counted.values()))
    for name, part in counted.items():
        if name != "train" and protocol != "exposure":
            assert part <= everything
    added = counted["train"] - everything if "positive" in noise else set()
    assert len(added) == parts.parameters.get("false positives", 0)
    if protocol in ("shift", "popularity-inverse", "leave-one-out"):
        assert set().union(*counted.values()) - added == everything
    if protocol == "exposure":
        assert set().union(*(part for name, part in counted.items() if name != "test-exposure")) - added == everything
    for name, part in (*clean.valids.items(), *clean.tests.items()):  # noise leaves what is measured as it is
        found = parts.valids.get(name) if part is clean.valids.get(name) else parts.tests[name]
        assert found is not None
        assert as_set(found) == as_set(part)


KNOWN = "every user of a validation or test set occurs in train"
KNOWN_ITEMS = "every item of a validation or test set occurs in train"
PROMISED = {
    "strong": {
        KNOWN_ITEMS,
        "no user of a validation or test set occurs in train",
        "every user of a validation or test set has fold-in items",
        "fold-in items are in no other part",
        "every item occurs in train",
    },
    "leave-one-out": {KNOWN, "every user occurs in train"},
    "temporal": {KNOWN, KNOWN_ITEMS},
    "exposure": {
        *(KNOWN, KNOWN_ITEMS, "every user occurs in train", "every item occurs in train"),
        "every test item is among the items exposed to its user",
        "no exposed pair is in train or validation",
    },
    "shift": {KNOWN, KNOWN_ITEMS, "every user occurs in train", "every item occurs in train"},
    "popularity-inverse": {KNOWN, KNOWN_ITEMS, "every user occurs in train", "every item occurs in train"},
}


@settings(max_examples=140, deadline=None)
@given(tables(), tables(), st.sampled_from(PROTOCOLS), st.sampled_from(NOISE))
def test_what_a_protocol_promises_holds(rows, shown, protocol, noise):
    parts = made(protocol + noise, rows, shown)
    if parts is None:
        return
    found = set(conventions(parts.split("set", protocol + noise)))
    assert "train, validation and test sets share no pair" in found
    assert PROMISED.get(protocol, {KNOWN, KNOWN_ITEMS}) <= found
    assert ("false negatives are in no other part" in found) == ("false-negative" in noise)


@settings(max_examples=100, deadline=None)
@given(
    *(tables(), tables()),
    st.sampled_from(["iid", "temporal", "leave-one-out", "strong", "exposure"]),
    st.sampled_from([0.05, 0.3, 1.0]),
)
def test_false_positives_are_as_many_as_they_say_and_new_to_the_user(rows, shown, protocol, rate):
    clean, noisy = made(protocol, rows, shown), made(f"{protocol}+false-positive:{rate}", rows, shown)
    assert clean is not None
    assert noisy is not None
    everything = pairs_of(rows, protocol).of_items(clean.items)
    whole = everything.union(*clean.split("", "").parts().values())
    added = as_set(noisy.train) - as_set(clean.train)
    assert as_set(clean.train) <= as_set(noisy.train)
    assert not added & as_set(whole)
    assert noisy.parameters["false positives"] == len(added)
    short = 0
    for user, n in enumerate(clean.train.user_counts.tolist()):
        wanted = ceil(round(rate * n, 9))
        free = whole.n_items - len(whole.row(user))
        found = sum(u == user for u, _ in added)
        assert found == min(wanted, max(free - 1, 0))
        short += wanted - found
    assert bool(short) == any(w.startswith("false-positive: ") for w in noisy.warnings)


@settings(max_examples=100, deadline=None)
@given(tables(), st.sampled_from(["iid", "shift", "leave-one-out"]), st.sampled_from([0.0, 0.1, 1.0]))
def test_false_negatives_are_a_tenth_of_each_users_train(rows, protocol, probability):
    clean, noisy = made(protocol, rows, []), made(f"{protocol}+false-negative:{probability}", rows, [])
    assert clean is not None
    assert noisy is not None
    assert noisy.false_negatives is not None
    taken = noisy.false_negatives.pairs
    assert noisy.false_negatives.probability == probability
    assert as_set(noisy.train) | as_set(taken) == as_set(clean.train)
    before = clean.train.user_counts
    most = np.where(before > 1, np.maximum((before * 0.1).astype(int), 1), 0)
    assert (taken.user_counts <= most).all()
    for user in np.flatnonzero(taken.user_counts < most):  # fewer only where nothing else could be taken
        assert (noisy.train.item_counts[noisy.train.row(user)] == 1).all()


def test_a_false_positive_is_any_other_item_alike():
    """100 items, of which every user has 0, 10, ..., 90: 6 of the other 90 each, for 3000 users."""
    rows = [(u, i, 0) for u in range(3000) for i in [*range(0, 100, 10)]] + [(3000, i, 0) for i in range(100)]
    parts = made("leave-one-out+false-positive:0.75", rows, [])
    clean = made("leave-one-out", rows, [])
    assert parts is not None
    assert clean is not None
    drawn = parts.train.item_counts - clean.train.item_counts
    assert drawn[::10].sum() == 0
    others = np.delete(drawn, np.arange(0, 100, 10))
    assert others.sum() == 3000 * 6
    chi_square = ((others - 200) ** 2 / (200 * (1 - 6 / 90))).sum()
    assert chi_square < 90 + 5 * np.sqrt(180)


def test_every_choice_of_false_positives_is_as_likely():
    """2 of the 4 items that 3000 users do not have."""
    rows = [(u, i, 0) for u in range(3000) for i in (0, 2, 3, 6)] + [(3000, i, 0) for i in range(8)]
    parts = made("leave-one-out+false-positive:1", rows, [])
    assert parts is not None
    added = Counter(tuple(i for i in parts.train.row(u).tolist() if i in (1, 4, 5, 7)) for u in range(3000))
    assert set(added) == set(combinations((1, 4, 5, 7), 2))
    assert sum((n - 500) ** 2 / 500 for n in added.values()) < 20.5  # chi square, 5 degrees: 0.1 % above


def test_a_share_that_a_float_exceeds_is_no_reason_for_one_more():
    assert 0.07 * 100 > 7
    rows = [(u, i, 0) for u in range(3) for i in range(102)] + [(4, i, 0) for i in range(150)]
    parts = made("leave-one-out+false-positive:0.07", rows, [])
    assert parts is not None
    assert parts.train.user_counts.tolist()[:3] == [107] * 3


def test_false_positives_of_a_user_do_not_depend_on_others():
    rows = [(u, i, 0) for u in range(10) for i in range(30) if (3 * u + i) % 5] + [(0, 31, 0)]
    more = rows + [(u, i, 0) for u in range(10, 40) for i in range(30) if (u + i) % 3]
    few, many = (made("leave-one-out+false-positive:0.2", listed, []) for listed in (rows, more))
    assert few is not None
    assert many is not None
    for u in range(10):
        assert few.train.row(u).tolist() == many.train.row(u).tolist()


def test_parameters_say_what_was_done():
    rows = [(u, i, (u * i) % 17) for u in range(30) for i in range(20) if (u + i) % 4]
    for protocol in PROTOCOLS:
        parts = made(protocol + NOISE[3], rows, rows[::7])
        assert parts is not None
        assert "generator" in parts.parameters
        assert parts.parameters["probability that a negative is a false one"] == 0.25
        assert parts.parameters["false positives a train pair"] == 1.0
        assert read_protocol(protocol).timed or protocol == "exposure" or parts.parameters["seed"] in (0, 98765)
