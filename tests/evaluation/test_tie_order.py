"""Equal scores are ranked in a seeded order, whatever scores them; the others are ranked as ever."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rankbench.evaluation.scorers import InnerProduct, Rows
from rankbench.evaluation.tie_order import TieOrder
from toy import random_interactions


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n_items=st.sampled_from([1, 7, 40]),
    each=st.integers(0, 30),
    K=st.sampled_from([1, 5, 60]),
)
def test_lists_are_sorted_by_score_then_place(seed, n_items, each, K):
    """Small integers: many ties; masked items are left out, and those alone that are exposed are ranked."""
    rng = np.random.default_rng(seed)
    some = random_interactions(seed, 30, n_items, each)
    user_vec, item_vec = (torch.from_numpy(rng.integers(-2, 3, (n, 3)).astype(np.float32)) for n in (30, n_items))
    users = rng.integers(0, 30, 40)
    ties = TieOrder.seeded(seed, n_items)
    expected = {"top_items": np.full((40, K), -1), "top_exposed": np.full((40, K), -1)}
    for row, u in enumerate(users):
        scores, own = item_vec @ user_vec[u], set(some.row(u).tolist())
        ranked = sorted(range(n_items), key=lambda i: (-scores[i].item(), ties.place[i]))
        for ask, kept in (("top_items", set(range(n_items)) - own), ("top_exposed", own)):
            best = [i for i in ranked if i in kept][:K]
            expected[ask][row, : len(best)] = best
    for scorer in (
        InnerProduct(user_vec, item_vec, ties),
        Rows(lambda user: user_vec[user] @ item_vec.T, n_items, ties),
    ):
        for ask, lists in expected.items():
            assert np.array_equal(getattr(scorer, ask)(users, some, K), lists)


@pytest.mark.parametrize("seed", [0, 1])
def test_without_ties_the_order_does_not_matter(seed):
    torch.manual_seed(seed)
    mask = random_interactions(seed, 50, 300, 20)
    by_id = InnerProduct(torch.randn(50, 8), torch.randn(300, 8))
    seeded = replace(by_id, ties=TieOrder.seeded(seed, 300))
    assert np.array_equal(*(s.top_items(np.arange(50), mask, 100) for s in (by_id, seeded)))


def test_every_item_wins_some_ties():
    """By id, item 0 would come first in all of them."""
    nothing = random_interactions(0, 1, 5, 0)
    vectors = torch.ones(1, 2), torch.ones(5, 2)
    first = [InnerProduct(*vectors, TieOrder.seeded(s, 5)).top_items(np.zeros(1, int), nothing, 1) for s in range(60)]
    assert {int(top[0, 0]) for top in first} == set(range(5))
