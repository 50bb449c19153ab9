"""The best items of every user: against a sort of all scores, at the edges of tiles, on any number of threads."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rankbench.data.interactions import Interactions
from rankbench.evaluation import cuda, filters, ranking
from rankbench.parallel import set_threads
from toy import random_interactions

ROWS, COLUMNS = filters.ROWS, filters.COLUMNS


def nothing_masked(n_users: int, n_items: int) -> Interactions:
    return Interactions(np.zeros(n_users + 1, np.int64), np.empty(0, np.int32), n_items)


@settings(max_examples=25, deadline=None)
@given(
    n_items=st.sampled_from([1, 2, 63, 64, 65, COLUMNS - 1, COLUMNS, COLUMNS + 1, 2 * COLUMNS + 65]),
    n_users=st.sampled_from([1, 2, ROWS - 1, ROWS, ROWS + 1]),
    masked=st.sampled_from([0.0, 0.1, 0.9, 1.0]),
    K=st.sampled_from([1, 20, 100]),
    seed=st.integers(0, 10**6),
)
def test_tiles_have_no_edges(n_items, n_users, masked, K, seed):
    """By score, then by id. Small integers: products are exact, ties are many, and some scores are NaN."""
    rng = np.random.default_rng(seed)
    user_vec = torch.from_numpy(rng.integers(-3, 4, (n_users, 3)).astype(np.float32))
    item_vec = torch.from_numpy(rng.integers(-3, 4, (n_items, 3)).astype(np.float32))
    item_vec[rng.random(n_items) < 0.05, 0] = torch.nan
    user, item = np.nonzero(rng.random((n_users, n_items)) < masked)
    mask = Interactions.from_pairs(user, item, n_users, n_items)
    users = rng.integers(0, n_users, n_users)  # in any order, some twice
    scores = (user_vec @ item_vec.T).numpy()
    scores[user, item] = -np.inf
    scores = scores[users]
    rankable = scores > -np.inf
    order = np.argsort(np.where(rankable, -scores, np.inf), axis=1, kind="stable")[:, :K]
    expected = np.full((n_users, K), -1)
    expected[:, : order.shape[1]] = np.where(np.take_along_axis(rankable, order, axis=1), order, -1)
    for rank in (ranking.top_items, cuda.top_items):
        assert np.array_equal(rank(user_vec, item_vec, users, mask, K), expected)


@pytest.mark.parametrize("n_items", [5, 65, COLUMNS + 3, 2 * COLUMNS + 70])
def test_equal_vectors_tie_wherever_they_are(n_items):
    """A score does not depend on its place in a tile: equal items are in the order of their ids."""
    torch.manual_seed(n_items)
    item_vec = torch.randn(1, 37).expand(n_items, 37)
    user_vec = torch.randn(ROWS + 3, 37)
    top = ranking.top_items(user_vec, item_vec, np.arange(ROWS + 3), nothing_masked(ROWS + 3, n_items), n_items)
    assert (top == np.arange(n_items)).all()


def test_neither_threads_nor_other_users_change_a_list():
    n = 2 * ROWS + 45
    mask = random_interactions(0, n_users=n, n_items=1500, each=10)
    torch.manual_seed(0)
    user_vec, item_vec = torch.randn(n, 64), torch.randn(1500, 64)
    lists = []
    for threads in (1, 2, 3):
        set_threads(threads)
        lists.append(ranking.top_items(user_vec, item_vec, np.arange(n), mask, 50))
    assert np.array_equal(lists[0], lists[1])
    assert np.array_equal(lists[0], lists[2])
    some = np.array([n - 1, 0, 77])
    assert np.array_equal(ranking.top_items(user_vec, item_vec, some, mask, 50), lists[0][some])


def test_users_whose_first_threshold_was_guessed_too_high_are_searched_again(monkeypatch):
    """What is sampled is better than all else, so a guess from it leaves out most of the best."""
    searches = []
    rank_left = ranking._Search.rank
    monkeypatch.setattr(
        ranking._Search,
        "rank",
        lambda self, users, left, top: searches.append(left) or rank_left(self, users, left, top),
    )
    torch.manual_seed(0)
    n_items, n_users = 2 * COLUMNS + 65, 2 * ROWS
    user_vec, item_vec = torch.randn(n_users, 16), torch.randn(n_items, 16)
    user_vec[::2, 0], item_vec[:, 0] = 10, 0
    item_vec[:: n_items // filters.Filter(item_vec, torch.float32, samples=True).sampled, 0] = 1
    user_vec[1::2, 0] = 0
    users, mask = np.arange(n_users), random_interactions(0, n_users, n_items, 10)
    top = ranking.top_items(user_vec, item_vec, users, mask, 100)
    scores = np.where(mask.relevant(users), -np.inf, (user_vec.double() @ item_vec.double().T).float().numpy())
    assert np.array_equal(top, np.argsort(-scores, axis=1, kind="stable")[:, :100])
    assert len(searches) == 2
    assert set(users[::2]) <= set(searches[1]) < set(users)


def test_parameters_and_half_precision_are_ranked():
    """What a training hands over: tensors with gradients, views of larger tables, other precisions."""
    torch.manual_seed(1)
    table = torch.randn(30, 8, requires_grad=True)
    mask = nothing_masked(10, 20)
    expected = ranking.top_items(table[:10].detach().clone(), table[10:].detach().clone(), np.arange(10), mask, 5)
    assert np.array_equal(ranking.top_items(table[:10], table[10:], np.arange(10), mask, 5), expected)
    half = table.bfloat16()
    widened = ranking.top_items(half.float()[:10], half.float()[10:], np.arange(10), mask, 5)
    assert np.array_equal(ranking.top_items(half[:10], half[10:], np.arange(10), mask, 5), widened)


def test_no_users_and_no_items():
    assert ranking.top_items(
        torch.ones(3, 2), torch.ones(4, 2), np.empty(0, np.int64), nothing_masked(3, 4), 5
    ).shape == (0, 5)
    none = ranking.top_items(torch.ones(3, 2), torch.ones(0, 2), np.arange(3), nothing_masked(3, 0), 2)
    assert (none == -1).all()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), K=st.sampled_from([1, 5, 60]))
def test_hits_are_the_relevant_among_the_ranked(seed, K):
    rng = np.random.default_rng(seed)
    relevant = random_interactions(seed, n_users=40, n_items=30, each=4)
    users = rng.integers(0, 40, 25)
    top = np.stack([rng.permutation(np.r_[np.arange(30), np.full(40, -1)])[:K] for _ in users]).astype(np.int32)
    expected = [[i in set(relevant.row(u).tolist()) for i in row] for u, row in zip(users, top.tolist(), strict=True)]
    assert ranking.hits_of(top, users, relevant).tolist() == expected
