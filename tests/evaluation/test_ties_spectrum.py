"""Ties at the end of lists, and the effective rank of scores."""

import math

import numpy as np
import pytest
import torch

from rankbench.data.interactions import Interactions
from rankbench.evaluation.ranking import top_items
from rankbench.evaluation.spectrum import effective_rank
from rankbench.evaluation.ties import tie_rate


def test_ties_are_counted_back_from_the_end_of_the_list():
    item_vec = torch.tensor([3.0, 2, 2, 2, 1])[:, None]
    user_vec = torch.tensor([[1.0], [0.0], [-1.0]])
    top = top_items(user_vec, item_vec, np.arange(3), Interactions.from_pairs(np.array([2]), np.array([4]), 3, 5), 5)
    found = tie_rate(user_vec, item_vec, np.arange(3), top, (1, 2, 4))
    assert found[0].tolist() == [0, 0.5, 0]  # 3 | 2 | 2 2 | 1
    assert found[1].tolist() == [1, 1, 1]
    assert found[2].tolist() == [1, 1, 0]  # -2 -2 -2 -3, and nothing is left out


@pytest.mark.parametrize("seed", range(3))
def test_tie_rate_equals_loops_over_rounded_scores(seed):
    rng = np.random.default_rng(seed)
    item_vec = torch.from_numpy(rng.integers(-2, 3, (60, 3)).astype(np.float32))
    user_vec = torch.from_numpy(rng.integers(-2, 3, (20, 3)).astype(np.float32))
    mask = Interactions.from_pairs(rng.integers(0, 20, 80), rng.integers(0, 60, 80), 20, 60)
    top = top_items(user_vec, item_vec, np.arange(20), mask, 31)
    found = tie_rate(user_vec, item_vec, np.arange(20), top, (5, 30))
    for u in range(20):
        scores = (item_vec @ user_vec[u]).tolist()
        for place, K in enumerate((5, 30)):
            left = [scores[i] for i in range(60) if i not in top[u, :K] and i not in mask.row(u)]
            assert found[u, place] == sum(scores[i] in left for i in top[u, :K]) / K


def test_effective_rank_is_that_of_all_scores():
    torch.manual_seed(0)
    user_vec, item_vec = torch.randn(40, 6), torch.randn(30, 6) @ torch.diag(torch.tensor([9.0, 5, 2, 1, 0.1, 0]))
    singular = torch.linalg.svdvals(user_vec.double() @ item_vec.double().t())
    share = singular[singular > 1e-9] / singular.sum()
    assert effective_rank(user_vec, item_vec) == pytest.approx(math.exp(-(share * share.log()).sum()), rel=1e-5)
    assert effective_rank(torch.ones(5, 4), torch.ones(7, 4)) == pytest.approx(1, abs=1e-5)
    assert effective_rank(torch.eye(4), torch.eye(4)) == pytest.approx(4)
    assert math.isnan(effective_rank(torch.zeros(3, 2), torch.ones(3, 2)))
    assert math.isnan(effective_rank(torch.full((3, 2), torch.nan), torch.ones(3, 2)))
