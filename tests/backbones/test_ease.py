"""EASE: the identities of its optimum, both ways to solve it, and what it refuses."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rankbench.backbones.ease import EASE
from rankbench.data.interactions import Interactions
from rankbench.errors import UserError
from rankbench.parallel import set_threads
from toy import random_interactions

TALL = random_interactions(1, n_users=90, n_items=40, each=8)
WIDE = random_interactions(2, n_users=30, n_items=70, each=9)


def dense(train: Interactions) -> np.ndarray:
    x = np.zeros((train.n_users, train.n_items))
    x[train.users, train.items] = 1
    return x


def weights(train: Interactions, **values: float) -> np.ndarray:
    backbone = EASE(**values)
    backbone.fit(train, 0)
    return backbone.weight.astype(np.float64)


@pytest.mark.parametrize("train", [TALL, WIDE], ids=["primal", "dual"])
@pytest.mark.parametrize("reg", [0.5, 20.0])
def test_the_optimum_has_a_zero_diagonal_and_no_gradient(train, reg):
    x, found = dense(train), weights(train, reg=reg)
    assert (np.diag(found) == 0).all()
    gradient = (x.T @ x + reg * np.eye(train.n_items)) @ found - x.T @ x
    np.fill_diagonal(gradient, 0)  # the multiplier of the constraint
    assert np.abs(gradient).max() < 1e-4  # weights are rounded to float32


@pytest.mark.parametrize("train", [TALL, WIDE], ids=["primal", "dual"])
def test_a_column_is_the_ridge_regression_of_its_item_on_the_others(train):
    x, found = dense(train), weights(train, reg=5.0)
    for j in (0, 3, 17):
        others = np.arange(train.n_items) != j
        gram = x[:, others].T @ x[:, others] + 5 * np.eye(train.n_items - 1)
        np.testing.assert_allclose(found[others, j], np.linalg.solve(gram, x[:, others].T @ x[:, j]), atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10**6), reg=st.floats(0.1, 1000), power=st.sampled_from([0.0, 0.4]), n_users=st.integers(20, 60)
)
def test_the_primal_and_the_dual_form_agree_on_scaled_columns_too(seed, reg, power, n_users):
    """Empty rows change which form is chosen, and nothing else."""
    few = random_interactions(seed, n_users, 61, 6)
    many = Interactions(np.append(few.indptr, np.full(70 - n_users, few.indptr[-1])), few.items, 61)
    values = {"reg": reg, "inverse_propensity": power}
    np.testing.assert_allclose(weights(few, **values), weights(many, **values), rtol=1e-5, atol=1e-7)


def test_scaled_columns_are_the_model_of_scaled_data():
    scale = np.maximum(TALL.item_counts, 1) ** -0.5
    x = dense(TALL) * scale
    inverse = np.linalg.inv(x.T @ x + 3 * np.eye(40))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0)
    found = weights(TALL, reg=3.0, inverse_propensity=0.5)
    np.testing.assert_allclose(found, scale[:, None] * expected, rtol=1e-4, atol=1e-6)


def test_permuting_the_items_permutes_the_weights():
    order = np.random.default_rng(0).permutation(40)
    moved = Interactions.from_pairs(TALL.users, order[TALL.items], 90, 40)
    np.testing.assert_allclose(weights(moved, reg=7.0)[np.ix_(order, order)], weights(TALL, reg=7.0), atol=1e-6)


def test_much_regularisation_ranks_by_co_occurrence():
    x = dense(TALL)
    expected = x.T @ x
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(1e7 * weights(TALL, reg=1e7), expected, rtol=1e-4, atol=1e-3)


def test_an_item_that_has_a_double_is_told_by_it():
    user = np.concatenate([TALL.users, TALL.users[TALL.items == 3]])
    item = np.concatenate([TALL.items, np.full((TALL.items == 3).sum(), 40)])
    found = weights(Interactions.from_pairs(user, item, 90, 41), reg=1e-4)
    assert found[3, 40] == pytest.approx(1, abs=1e-3)
    assert found[40, 3] == pytest.approx(1, abs=1e-3)


def test_negative_weights_can_be_clipped():
    plain = weights(TALL, reg=2.0)
    assert (plain < 0).any()
    assert np.array_equal(weights(TALL, reg=2.0, clip_negative=True), np.maximum(plain, 0))


def test_scores_are_rows_times_weights_for_any_row():
    backbone = EASE(reg=3.0)
    backbone.fit(TALL, 0)
    new = random_interactions(9, 12, 40, 5)
    found = backbone(torch.arange(12), new).numpy()
    np.testing.assert_allclose(found, dense(new) @ backbone.weight, rtol=1e-4, atol=1e-6)
    own = backbone(torch.arange(90), TALL)
    assert torch.equal(own[4], backbone(torch.tensor([4]), TALL)[0])
    assert own.isfinite().all()


@pytest.mark.parametrize("train", [TALL, WIDE], ids=["primal", "dual"])
def test_threads_change_no_bit(train):
    found = []
    for threads in (1, 3):
        set_threads(threads)
        found.append(weights(train, reg=10.0))
    assert np.array_equal(*found)


@pytest.mark.parametrize("n_users", [90, 30])
def test_a_matrix_that_is_singular_to_float64_is_refused(n_users):
    user = np.repeat(np.arange(n_users), 40)
    everything = Interactions.from_pairs(user, np.tile(np.arange(40), n_users), n_users, 40)
    with pytest.raises(UserError, match="ease: reg = 1e-13 is too small"):
        weights(everything, reg=1e-13)


@pytest.mark.parametrize("train", [TALL, WIDE], ids=["primal", "dual"])
def test_a_catalogue_too_large_for_the_memory_is_refused_before_anything_is_computed(train, monkeypatch):
    monkeypatch.setattr("rankbench.memory.available", lambda: 10_000)
    with pytest.raises(UserError, match=r"ease with \d+ items needs 0.0 GiB of memory for the weights of all pairs"):
        weights(train)
    monkeypatch.setattr("rankbench.memory.available", lambda: 8 * 2**30)
    nothing = Interactions(np.zeros(200_001, np.int64), np.empty(0, np.int32), 100_000)
    with pytest.raises(UserError, match=r"ease with 100,000 items needs 111.8 GiB .*; 8.0 GiB are free"):
        weights(nothing)
