import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from split_cases import as_set, pairs_of, tables

from rankbench.data.protocols.parts import Pairs
from rankbench.data.protocols.strong import strong
from rankbench.errors import UserError


def naive(pairs: Pairs, n: int) -> tuple[set, dict[str, dict[int, list]], dict[str, dict[int, list]], list[int]]:
    """The protocol word by word, over lists of items: train, targets and inputs of each group, and the items."""
    items_of: dict[int, list[int]] = {}
    for user, item in sorted(zip(pairs.user.tolist(), pairs.item.tolist(), strict=True)):
        items_of.setdefault(user, []).append(item)
    np.random.seed(98765)  # noqa: NPY002
    order = np.random.permutation(len(items_of)).tolist()  # noqa: NPY002
    groups = {"valid": order[-2 * n : -n], "test": order[-n:]}
    train = {(user, item) for user in order[: -2 * n] for item in items_of[user]}
    catalogue = sorted({item for _, item in train})
    targets: dict[str, dict[int, list]] = {}
    inputs: dict[str, dict[int, list]] = {}
    for name, users in groups.items():
        np.random.seed(98765)  # noqa: NPY002
        targets[name], inputs[name] = {}, {}
        for user in sorted(users):
            known = [item for item in items_of[user] if item in catalogue]
            chosen = set()
            if len(known) >= 5:
                chosen = set(np.random.choice(len(known), size=int(0.2 * len(known)), replace=False).tolist())  # noqa: NPY002
            targets[name][user] = [item for k, item in enumerate(known) if k in chosen]
            inputs[name][user] = [item for k, item in enumerate(known) if k not in chosen]
    return train, targets, inputs, catalogue


@settings(max_examples=80, deadline=None)
@given(tables(most=20), st.integers(1, 3))
def test_it_is_the_protocol_word_by_word(rows, n):
    check(pairs_of(rows), n)


@pytest.mark.parametrize("each", [5, 6, 14])
def test_it_is_the_protocol_for_users_with_targets(each):
    """Each user has 2 to `each` items, of an item that only some have among them."""
    check(pairs_of([(u, (7 * u + 3 * k * k) % 41, 0) for u in range(60) for k in range(2 + u % (each - 1))]), 17)


def check(pairs: Pairs, n: int) -> None:
    if 2 * n >= pairs.n_users:
        with pytest.raises(UserError, match=f"Two groups of {n} users cannot be held out of {pairs.n_users}"):
            strong(pairs, n)
        return
    parts = strong(pairs, n)
    train, targets, inputs, catalogue = naive(pairs, n)
    assert parts.items is not None
    assert parts.fold_in is not None
    assert parts.items.tolist() == catalogue
    assert parts.item_ids(pairs) == tuple(pairs.items[i] for i in catalogue)
    number = {item: k for k, item in enumerate(catalogue)}

    def numbered(by_user: dict[int, list]) -> set:
        return {(user, number[item]) for user, items in by_user.items() for item in items}

    assert as_set(parts.train) == {(user, number[item]) for user, item in train}
    assert as_set(parts.valids["iid"]) == numbered(targets["valid"])
    assert as_set(parts.tests["strong"]) == numbered(targets["test"])
    assert as_set(parts.fold_in) == numbered(inputs["valid"]) | numbered(inputs["test"])
    few = sum(not items for by_user in targets.values() for items in by_user.values())
    expected = f"{few} of {2 * n} held-out users have fewer than 5 items and are not measured."
    assert parts.warnings == ((expected,) if few else ())


def test_a_tenth_of_the_users_is_held_out_twice_unless_said_otherwise():
    pairs = pairs_of([(u, (u + 3 * k) % 50, 0) for u in range(120) for k in range(12)])
    for given_, n in ((None, 12), (30, 30)):
        parts = strong(pairs, given_)
        assert parts.parameters["users held out for validation, and as many for test"] == n
        assert (parts.train.user_counts > 0).sum() == 120 - 2 * n
        assert (parts.valids["iid"].user_counts > 0).sum() == (parts.tests["strong"].user_counts > 0).sum() == n
        assert set(parts.tests["strong"].user_counts.tolist()) == {0, 2}
        held_out = parts.tests["strong"].user_counts > 0
        assert not (held_out & (parts.valids["iid"].user_counts > 0)).any()


def test_nobody_to_hold_out_is_refused():
    pairs = pairs_of([(u, i, 0) for u in range(3) for i in range(3)])
    for n in (0, -1, 2):
        with pytest.raises(UserError, match="cannot be held out of 3"):
            strong(pairs, n)
    assert strong(pairs).train.user_counts.tolist().count(3) == 1
