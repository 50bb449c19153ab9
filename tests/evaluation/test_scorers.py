"""What can rank: whole rows of scores give the lists of a sort, in blocks of any size, as inner products do."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rankbench.backbones.mf import MF
from rankbench.evaluation import scorers
from rankbench.evaluation.scorers import InnerProduct, Rows, scorer_of
from rankbench.parallel import set_threads
from toy import random_interactions, random_split


def integers(seed: int, n_users: int, n_items: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Vectors whose products are exact and often equal, or NaN, or infinite."""
    rng = np.random.default_rng(seed)
    user_vec = torch.from_numpy(rng.integers(-3, 4, (n_users, 3)).astype(np.float32))
    item_vec = torch.from_numpy(rng.integers(-3, 4, (n_items, 3)).astype(np.float32))
    item_vec[rng.random(n_items) < 0.1, 1] = torch.nan
    item_vec[rng.random(n_items) < 0.1, 1] = torch.inf
    return user_vec, item_vec


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n_items=st.sampled_from([1, 7, 40]),
    each=st.integers(0, 30),
    K=st.sampled_from([1, 5, 40, 60]),
    block=st.sampled_from([1, 99, 2**20]),
)
def test_rows_rank_as_inner_products_do(seed, n_items, each, K, block):
    some = random_interactions(seed, 30, n_items, each)
    vectors = integers(seed, 30, n_items)
    users = np.random.default_rng(seed).integers(0, 30, 50)  # in any order, some twice
    rows, product = Rows(lambda user: vectors[0][user] @ vectors[1].T, n_items), InnerProduct(*vectors)
    before = scorers._SCORES
    try:
        scorers._SCORES = block
        for ask in ("top_items", "top_exposed"):
            assert np.array_equal(getattr(rows, ask)(users, some, K), getattr(product, ask)(users, some, K))
    finally:
        scorers._SCORES = before


def test_threads_change_nothing(monkeypatch):
    monkeypatch.setattr(scorers, "_SCORES", 3000)
    mask = random_interactions(3, 200, 300, 40)
    user_vec, item_vec = torch.randn(200, 16), torch.randn(300, 16)
    lists = []
    for threads in (1, 3):
        set_threads(threads)
        lists.append(Rows(lambda user: user_vec[user] @ item_vec.T, 300).top_items(np.arange(200), mask, 50))
    assert np.array_equal(*lists)


def test_nobody_is_ranked_and_gradients_are_not_recorded(monkeypatch):
    recorded = []
    table = torch.randn(5, 7, requires_grad=True)

    def score(user: torch.Tensor) -> torch.Tensor:
        recorded.append(torch.is_grad_enabled())
        return table[user]

    monkeypatch.setattr(scorers, "_SCORES", 7)
    set_threads(2)
    mask = random_interactions(0, 5, 7, 2)
    assert Rows(score, 7).top_items(np.empty(0, np.int64), mask, 3).shape == (0, 3)
    assert Rows(score, 7).top_items(np.arange(5), mask, 3).shape == (5, 3)
    assert recorded == [False] * 5


@pytest.mark.parametrize("score", ["cosine", "dot"])
def test_a_backbone_with_vectors_ranks_by_the_losss_score(score):
    split, backbone = random_split(), MF()
    backbone.bind(split.train, 8, "normal", torch.Generator().manual_seed(0))
    found = scorer_of(backbone, split, score)
    assert isinstance(found, InnerProduct)
    expected = backbone.user @ backbone.item.T
    if score == "cosine":
        expected = torch.cosine_similarity(backbone.user[:, None], backbone.item[None], dim=2)
    torch.testing.assert_close(found.user_vec @ found.item_vec.T, expected)
