import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from split_cases import as_set, exposed_of, frame_of, pairs_of, tables

from rankbench.data.protocols import divide
from rankbench.data.protocols.exposed import check_apart, number_exposed
from rankbench.data.protocols.exposure import exposure
from rankbench.errors import UserError


@settings(max_examples=100, deadline=None)
@given(tables(), tables())
def test_it_is_what_sets_say(logged, shown):
    pairs = pairs_of(logged)
    parts = exposure(pairs, exposed_of(shown, pairs))
    positives = {(u, i) for u, i, _ in logged}
    users, items = sorted({u for u, _ in positives}), sorted({i for _, i in positives})
    known = {(u, i, t) for u, i, t in shown if u in users and i in items}
    ranked = {(u, i) for u, i, _ in known} - positives
    liked = {(u, i) for u, i, t in known if t >= 5} - positives

    def numbered(listed: set) -> set:
        return {(users.index(u), items.index(i)) for u, i in listed}

    assert parts.exposed is not None
    assert as_set(parts.train) | as_set(parts.valids["iid"]) == numbered(positives)
    assert as_set(parts.exposed) == numbered(ranked)
    assert as_set(parts.tests["exposure"]) == numbered(liked)
    counts = {
        "users without train items": len({u for u, _, _ in shown} - set(users)),
        "items without train users": len({i for _, i, _ in shown} - set(items)),
        "rows of such users or items": sum(u not in users or i not in items for u, i, _ in shown),
        "pairs that are positives of the logged part": len({(u, i) for u, i, _ in known} & positives),
    }
    assert parts.warnings == tuple(f"{n} {what} were left out of the exposed part." for what, n in counts.items() if n)


def test_an_item_shown_twice_is_positive_if_it_was_liked_once():
    pairs = pairs_of([(u, i, 0) for u in range(4) for i in range(3)] + [(0, 7, 0)])
    frame = pl.DataFrame({"user": [1, 1, 2, 2], "item": [7, 7, 7, 7], "rating": ["0", "1", None, "0"]})
    parts = exposure(pairs, number_exposed(frame.lazy(), pairs, threshold=1))
    assert as_set(parts.tests["exposure"]) == {(1, 3)}
    assert parts.exposed is not None
    assert as_set(parts.exposed) == {(1, 3), (2, 3)}
    everything = exposure(pairs, number_exposed(frame, pairs))
    assert as_set(everything.tests["exposure"]) == {(1, 3), (2, 3)}


def test_a_pair_of_both_parts_is_an_error_where_there_must_be_none():
    logged = frame_of([(1, 1, 0), (2, 2, 0)])
    check_apart(logged, frame_of([(1, 2, 0), (2, 1, 0)]))
    with pytest.raises(
        UserError, match="1 pairs of the exposed part are in the logged part too, such as user 2, item 2"
    ):
        check_apart(logged, frame_of([(2, 2, 9), (2, 2, 3), (3, 1, 0)]))


def test_it_needs_the_exposed_part():
    with pytest.raises(ValueError, match="exposed"):
        divide("exposure", pairs_of([(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 0)]))


def test_coat(shared_data):
    """24 self-selected ratings of each user to train on, 16 uniform ones to rank; 366 cells are in both."""
    folder = shared_data / "raw" / "coat"
    if not (folder / "train.ascii").is_file():
        pytest.skip("Coat is not in the shared data folder")
    logged, shown = (np.loadtxt(folder / f"{name}.ascii", dtype=int) for name in ("train", "test"))  # (290, 300) each
    user, item = np.nonzero(logged >= 4)
    pairs = pairs_of(list(zip(user.tolist(), item.tolist(), item.tolist(), strict=True)))
    user, item = np.nonzero(shown)
    frame = pl.DataFrame({"user": user, "item": item, "rating": shown[user, item]})
    parts = exposure(pairs, number_exposed(frame, pairs, threshold=4))
    assert parts.exposed is not None
    new = (shown > 0) & (logged < 4) & (logged >= 4).any(axis=0)
    assert (pairs.n_users, pairs.n_items, len(pairs)) == (290, 284, 1_905)
    assert len(parts.exposed) == new.sum() == 4_316
    assert len(parts.tests["exposure"]) == (new & (shown >= 4)).sum() == 749
    assert parts.exposed.user_counts.max() == 16
