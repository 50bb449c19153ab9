"""The made-up data have the sizes and the degrees that they promise, and are the same every time."""

import numpy as np
import pytest

from rankbench.errors import UserError
from rankbench.speed.sizes import SIZES, Size, read_sizes
from rankbench.speed.synthetic import LEAST, gini, synthetic_split

TINY = Size("tiny", 60, 90, 900)


@pytest.mark.parametrize("size", [SIZES["S"], SIZES["M"], TINY], ids=lambda s: s.name)
def test_sizes_and_degrees(size):
    split = synthetic_split(size)
    assert (split.n_users, split.n_items, len(split.train)) == (size.n_users, size.n_items, size.n_train)
    assert split.train.user_counts.min() >= LEAST
    assert split.tests["iid"].user_counts.min() >= 1
    assert len(split.tests["iid"]) / len(split.train) == pytest.approx(0.2 / 0.72, abs=0.02)
    union = split.train.union(split.valids["iid"], split.tests["iid"])
    assert len(union) == len(split.train) + len(split.valids["iid"]) + len(split.tests["iid"])  # no pair in two parts


@pytest.mark.parametrize("name", ["S", "M"])
def test_popularity_is_as_unequal_as_in_real_data(name):
    train = synthetic_split(SIZES[name]).train
    assert 0.38 < gini(train.item_counts) < 0.55
    head = np.sort(train.item_counts)[::-1][: train.n_items // 10].sum() / len(train)
    assert 0.25 < head < 0.5
    assert abs(np.corrcoef(np.arange(train.n_items), train.item_counts)[0, 1]) < 0.1  # popular items lie anywhere


def test_the_same_split_every_time_and_another_for_another_seed():
    assert synthetic_split(TINY).digest == synthetic_split(TINY).digest
    assert synthetic_split(TINY).digest != synthetic_split(TINY, seed=1).digest


def test_users_that_cannot_hold_so_many_items():
    split = synthetic_split(Size("full", 10, 60, 10_000))
    assert (split.train.user_counts == 20).all()  # one in three


def test_gini_by_hand():
    assert gini(np.array([3, 3, 3])) == pytest.approx(0)
    assert gini(np.array([0, 0, 0, 8])) == pytest.approx(0.75)
    assert gini(np.array([1, 3])) == pytest.approx(0.25)


def test_names_of_sizes():
    assert [s.name for s in read_sizes("l, s,L")] == ["L", "S"]
    for wrong in ("XL", ""):
        with pytest.raises(UserError):
            read_sizes(wrong)
