import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rankbench.data.interactions import Interactions
from rankbench.errors import UserError
from rankbench.parallel import set_threads
from rankbench.randomness import bits, key, mix, permutation
from rankbench.sampling import InBatchNegatives, Sampler, WeightedNegatives, sampler_of
from toy import random_interactions

TRAIN = random_interactions(0, n_users=40, n_items=90, each=15)
SAMPLERS: dict[str, Sampler] = {
    "uniform": sampler_of(TRAIN, "uniform", 0.75),
    "popularity": sampler_of(TRAIN, "popularity", 0.75),
    "in-batch": sampler_of(TRAIN, "in-batch", 0.75),
}
ROW = torch.arange(200)
POS = torch.from_numpy(TRAIN.items.astype(np.int64))[ROW]
every_sampler = pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)


def draw(sampler: Sampler, n: int, drawn_with: int = 7, row: torch.Tensor = ROW) -> torch.Tensor:
    return sampler.draw(drawn_with, row, row % 40, POS, n)


def one_user(items: list[int], n_items: int) -> Interactions:
    """Interactions of one user."""
    return Interactions.from_pairs(np.zeros(len(items), int), np.array(items, int), 1, n_items)


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


@every_sampler
@pytest.mark.parametrize("n", [1, 3, 63, 64, 500])
def test_negatives_are_outside_train(sampler, n):
    drawn = draw(sampler, n)
    assert drawn.dtype == torch.int32
    for row, items in enumerate(drawn.tolist()):
        assert not set(items) & set(TRAIN.row(row % 40).tolist())
        assert 0 <= min(items) <= max(items) < 90


@pytest.mark.parametrize("exponent", [None, 0.0, 0.5, 1.0, 3.0])
@settings(max_examples=25, deadline=None)
@given(
    n_items=st.sampled_from([5, 60, 3000]), each=st.integers(0, 4), n=st.sampled_from([1, 40]), seed=st.integers(0, 99)
)
def test_a_draw_is_the_place_of_its_hash_on_the_line_of_what_is_left(exponent, n_items, each, n, seed):
    """The definition, as a double loop over Python's integers."""
    train = random_interactions(seed, n_users=6, n_items=n_items, each=each)
    if exponent is not None and not len(train):
        return
    user, row = torch.tensor([5, 0, 3]), torch.tensor([17, 2, 40])
    sampler = WeightedNegatives.uniform(train)
    if exponent is not None:
        try:
            sampler = WeightedNegatives.by_popularity(train, exponent)
        except UserError:  # few items, all of them one user's
            return
    drawn = sampler.draw(seed, row, user, user, n)
    for b in range(3):
        own = set(train.row(int(user[b])).tolist())
        line = [(i, int(w)) for i, w in enumerate(sampler.weight) if i not in own]
        state = mix((seed + 0x9E3779B97F4A7C15 * (int(row[b]) + 1)) % 2**64)
        for j in range(n):
            high = mix((state + 0x9E3779B97F4A7C15 * (j + 1)) % 2**64) >> 32
            place = high * sum(w for _, w in line) >> 32
            ends = np.cumsum([w for _, w in line])
            assert drawn[b, j] == line[int(np.searchsorted(ends, place, side="right"))][0]


@every_sampler
@pytest.mark.parametrize("n", [2, 64, 300])
def test_torch_draws_the_same_integers(sampler, n):
    arguments = (7, ROW, ROW % 40, POS, n) if isinstance(sampler, InBatchNegatives) else (7, ROW, ROW % 40, n)
    assert torch.equal(draw(sampler, n), sampler.draw_by_torch(*arguments))


@every_sampler
def test_a_draw_depends_on_key_row_and_draw_only(sampler):
    few, many = draw(sampler, 64), draw(sampler, 500)
    assert torch.equal(few, many[:, :64])
    assert not torch.equal(few[0], few[40])  # another row of the same user
    assert not torch.equal(few, draw(sampler, 64, drawn_with=8))
    order = torch.randperm(200)
    assert torch.equal(draw(sampler, 64, row=order), few[order])


@every_sampler
def test_threads_change_nothing(sampler):
    two = draw(sampler, 500)
    set_threads(1)
    assert torch.equal(two, draw(sampler, 500))


@every_sampler
def test_items_are_drawn_as_often_as_the_log_probability_says(sampler):
    """In batches that are the whole of train, so that in-batch draws are those by popularity."""
    user, draws = 3, 200_000
    everyone = torch.from_numpy(TRAIN.items.astype(np.int64))
    drawn = sampler.draw(11, ROW, torch.full((200,), user), everyone, draws // 200).numpy()
    counts = np.bincount(drawn.ravel(), minlength=90)
    candidates = np.setdiff1d(np.arange(90), TRAIN.row(user))
    log_q = sampler.log_probability(torch.tensor([user]), torch.from_numpy(candidates)[None])[0].double().exp().numpy()
    assert log_q.sum() == pytest.approx(1, abs=1e-5)
    expected = draws * log_q
    chi_square = ((counts[candidates] - expected) ** 2 / expected).sum()
    assert counts[candidates].sum() == draws
    assert chi_square < len(candidates) - 1 + 5 * np.sqrt(2 * (len(candidates) - 1))  # five sigma


def test_popularity_is_the_count_to_its_exponent():
    q = sampler_of(TRAIN, "popularity", 0.5).log_probability(torch.tensor([3]), torch.arange(90)[None])[0]
    counts = torch.from_numpy(TRAIN.item_counts).double()
    difference = q.double() - 0.5 * counts.log()
    torch.testing.assert_close(difference, difference[:1].expand(90), rtol=0, atol=1e-5)


def test_items_that_nobody_has_are_not_popular():
    train = Interactions.from_pairs(np.array([0, 1]), np.array([1, 3]), 2, 5)
    for exponent in (0.0, 1.0):
        sampler = WeightedNegatives.by_popularity(train, exponent)
        drawn = sampler.draw(1, torch.arange(2), torch.tensor([0, 1]), torch.tensor([1, 3]), 50)
        assert set(drawn[0].tolist()) == {3}
        assert set(drawn[1].tolist()) == {1}
        assert sampler.log_probability(torch.tensor([0]), torch.tensor([[0, 3]])).tolist() == [[-np.inf, 0.0]]


def test_a_batch_gives_its_own_positives():
    user, pos = torch.arange(9), torch.tensor([int(TRAIN.row(u)[u]) for u in range(9)])
    drawn = SAMPLERS["in-batch"].draw(5, torch.arange(9), user, pos, 200)
    for u in range(9):
        assert set(drawn[u].tolist()) == set(pos.tolist()) - set(TRAIN.row(u).tolist())


def test_a_batch_without_a_negative_draws_by_popularity():
    row, user, pos = torch.tensor([4]), torch.tensor([2]), torch.from_numpy(TRAIN.row(2)[:1].astype(np.int64))
    sampler = InBatchNegatives.outside(TRAIN)
    expected = WeightedNegatives.by_popularity(TRAIN, 1.0).draw(5, row, user, pos, 20)
    assert torch.equal(sampler.draw(5, row, user, pos, 20), expected)
    assert torch.equal(sampler.draw_by_torch(5, row, user, pos, 20), expected)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 9), max_size=9, unique=True), st.sampled_from([1, 100]))
def test_users_of_any_activity(items, n):
    sampler = WeightedNegatives.uniform(one_user(items, 10))
    drawn = sampler.draw(1, torch.arange(1), torch.zeros(1, dtype=torch.int64), torch.zeros(1), n)
    assert set(drawn[0].tolist()) <= set(range(10)) - set(items)


@pytest.mark.parametrize("name", ["uniform", "popularity", "in-batch"])
def test_a_user_with_every_item_has_no_negative(name):
    with pytest.raises(UserError, match="no negative"):
        sampler_of(one_user([0, 1, 2, 3, 4], 5), name, 0.75)
