import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rankbench.data.interactions import Interactions
from rankbench.errors import UserError
from rankbench.parallel import set_threads
from rankbench.randomness import bits, key, mix, permutation
from rankbench.sampling import UniformNegatives
from toy import random_interactions

TRAIN = random_interactions(0, n_users=40, n_items=90, each=15)
SAMPLER = UniformNegatives.outside(TRAIN)


def draw(n: int, rows: int = 200, drawn_with: int = 7) -> torch.Tensor:
    row = torch.arange(rows)
    return SAMPLER.draw(drawn_with, row, row % 40, n)


def test_mix_is_splitmix64():
    """The first two outputs of the published generator for the seed 0."""
    golden = 0x9E3779B97F4A7C15
    assert mix(golden) == 0xE220A8397B1DCDAF
    assert mix(2 * golden & (1 << 64) - 1) == 0x6E789E6AA1B965F4
    assert bits(0, 2).tolist() == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]


def test_keys_differ_in_every_argument():
    keys = {key(s, stream, e) for s in range(5) for stream in ("negatives", "shuffle") for e in range(5)}
    assert len(keys | {key(0, "negatives")}) == 51


@given(st.integers(0, 2**63), st.integers(0, 300))
def test_permutation_is_one(seed, n):
    assert sorted(permutation(key(seed, "shuffle"), n)) == list(range(n))


@pytest.mark.parametrize("n", [1, 3, 63, 64, 500])
def test_negatives_are_outside_train(n):
    drawn = draw(n)
    assert drawn.dtype == torch.int32
    for row, items in enumerate(drawn.tolist()):
        assert not set(items) & set(TRAIN.row(row % 40).tolist())
        assert 0 <= min(items) <= max(items) < 90


@pytest.mark.parametrize("n", [2, 64, 300])
def test_torch_draws_the_same_integers(n):
    row = torch.arange(200)
    assert torch.equal(draw(n), SAMPLER.draw_by_torch(7, row, row % 40, n))


def test_a_draw_depends_on_key_row_and_draw_only():
    few, many = draw(64), draw(500)
    assert torch.equal(few, many[:, :64])
    assert not torch.equal(few[0], few[40])  # another row of the same user
    assert not torch.equal(few, draw(64, drawn_with=8))
    order = torch.randperm(200)
    assert torch.equal(SAMPLER.draw(7, order, order % 40, 64), few[order])


def test_threads_change_nothing():
    two = draw(500)
    set_threads(1)
    assert torch.equal(two, draw(500))


def test_every_negative_is_drawn_equally_often():
    user = 3
    n, draws = 90 - len(TRAIN.row(user)), 200_000
    row = torch.arange(200)
    drawn = SAMPLER.draw(11, row, torch.full((200,), user), draws // 200).numpy()
    counts = np.bincount(drawn.ravel(), minlength=90)
    expected = draws / n
    chi_square = ((counts[counts > 0] - expected) ** 2 / expected).sum()
    assert (counts > 0).sum() == n
    assert chi_square < n - 1 + 5 * np.sqrt(2 * (n - 1))  # five sigma


@settings(max_examples=30)
@given(st.lists(st.integers(0, 9), max_size=9, unique=True), st.sampled_from([1, 100]))
def test_users_of_any_activity(items, n):
    train = Interactions.from_pairs(np.zeros(len(items), int), np.array(items, int), 1, 10)
    drawn = UniformNegatives.outside(train).draw(1, torch.arange(1), torch.zeros(1, dtype=torch.int64), n)
    assert set(drawn[0].tolist()) <= set(range(10)) - set(items)


def test_a_user_with_every_item_has_no_negative():
    train = Interactions.from_pairs(np.zeros(5, int), np.arange(5), 1, 5)
    with pytest.raises(UserError, match="no negative"):
        UniformNegatives.outside(train)
