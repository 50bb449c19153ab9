"""The ranking of a GPU gives the lists of the CPU: it is plain torch, so the CPU can run it, too."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rankbench.data.interactions import Interactions
from rankbench.evaluation import cuda
from rankbench.evaluation.ranking import top_items
from rankbench.rows_on import rows_on
from toy import random_interactions

CPU = torch.device("cpu")


def same_lists(user_vec: torch.Tensor, item_vec: torch.Tensor, mask: Interactions, K: int) -> None:
    users = np.arange(len(user_vec))[::-1].copy()
    expected = top_items(user_vec, item_vec, users, mask, K)
    np.testing.assert_array_equal(cuda.top_items(user_vec, item_vec, users, mask, K), expected)


@settings(max_examples=40, deadline=None)
@given(
    n_items=st.integers(1, 300),
    K=st.sampled_from([1, 20, 100]),
    levels=st.sampled_from([1, 2, 5, None]),
    seed=st.integers(0, 99),
)
def test_lists_are_those_of_the_cpu(n_items, K, levels, seed):
    """Vectors of few levels have many equal scores, more than there are candidates."""
    rng = np.random.default_rng(seed)
    mask = random_interactions(seed, n_users=70, n_items=n_items, each=min(n_items, 20))
    vectors = [rng.standard_normal((n, 4)) for n in (70, n_items)]
    if levels:
        vectors = [np.rint(v * levels / 3) for v in vectors]
    same_lists(*(torch.from_numpy(v).float() for v in vectors), mask, K)


def test_scores_that_cannot_be_ranked_are_left_out():
    torch.manual_seed(0)
    user_vec, item_vec = torch.randn(9, 5), torch.randn(250, 5)
    item_vec[::2] = torch.nan
    item_vec[1] = -torch.inf
    item_vec[3] = 3e38
    user_vec[4] = 0
    user_vec[5] = torch.nan
    user_vec[6] = 1e38
    same_lists(user_vec, item_vec, random_interactions(0, 9, 250, 10), 100)


def test_few_users_need_an_exact_pass(monkeypatch):
    torch.manual_seed(0)
    passes = []
    rank_exactly = cuda._Ranker.rank_exactly
    monkeypatch.setattr(
        cuda._Ranker, "rank_exactly", lambda self, users: passes.append(users) or rank_exactly(self, users)
    )
    user_vec, item_vec = torch.randn(100, 16), torch.randn(900, 16)
    same_lists(user_vec, item_vec, random_interactions(0, 100, 900, 10), 100)
    assert sum(map(len, passes)) == 0
    item_vec[100:400] = item_vec[0]  # equal ones, where users like them
    same_lists(user_vec, item_vec, random_interactions(0, 100, 900, 10), 100)
    assert 0 < sum(map(len, passes)) < 90


@pytest.mark.parametrize("numbers", [1, 40 * 16, 3 * 900 * 16])
def test_the_size_of_an_exact_pass_changes_nothing(numbers, monkeypatch):
    monkeypatch.setattr(cuda, "_EXACT", numbers)
    item_vec = torch.randn(90, 16).repeat(3, 1)
    same_lists(torch.zeros(8, 16), item_vec, random_interactions(0, 8, 270, 10), 100)


def test_lists_are_exact_where_torch_rounds_products(monkeypatch):
    """As a file of the user's may have asked it to: the bound of the error knows."""
    torch.manual_seed(0)
    vectors = torch.randn(60, 16), torch.randn(16) + torch.randn(900, 16) / 1000  # scores lie close together
    mask = random_interactions(0, 60, 900, 10)
    monkeypatch.setattr(cuda, "_product", lambda query, items: (query.bfloat16() @ items.bfloat16().t()).float())
    with pytest.raises(AssertionError):
        same_lists(*vectors, mask, 100)
    monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: "high")
    same_lists(*vectors, mask, 100)


def test_no_users_and_no_items():
    nothing = Interactions.from_pairs(np.empty(0, int), np.empty(0, int), 3, 0)
    assert cuda.top_items(torch.ones(3, 2), torch.ones(0, 2), np.arange(3), nothing, 5).tolist() == [[-1] * 5] * 3
    mask = random_interactions(0, 3, 9, 2)
    assert cuda.top_items(torch.ones(3, 2), torch.ones(9, 2), np.arange(0), mask, 5).shape == (0, 5)


def test_rows_on_a_device_are_the_rows():
    train = random_interactions(1, n_users=20, n_items=30, each=6)
    users = np.array([3, 0, 19, 3])
    rows = rows_on(CPU, train)
    assert rows_on(CPU, train) is rows
    there = torch.from_numpy(users)
    assert rows.relevant(there).tolist() == train.relevant(users).tolist()
    place, item = rows.pairs(there)
    assert item.tolist() == [i for u in users for i in train.row(u).tolist()]
    assert place.tolist() == [b for b, u in enumerate(users) for _ in train.row(u)]
