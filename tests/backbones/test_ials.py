"""iALS: normal equations, an objective that never rises, and what follows of them."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from rankbench.backbones._items import transposed
from rankbench.backbones._least_squares import solve
from rankbench.backbones.ials import IALS
from rankbench.data.interactions import Interactions
from rankbench.parallel import set_threads
from rankbench.training.fit import fit
from toy import random_interactions, random_split

TRAIN = random_interactions(5, n_users=70, n_items=45, each=9)


def dense(rows: Interactions) -> np.ndarray:
    x = np.zeros((rows.n_users, rows.n_items))
    x[rows.users, rows.items] = 1
    return x


def objective(x: np.ndarray, user: np.ndarray, item: np.ndarray, alpha: float, reg: float, nu: float = 1.0) -> float:
    """As the paper writes it, in loops over nothing."""
    score = user @ item.T
    of_user = (x.sum(axis=1) + alpha * x.shape[1]) ** nu
    of_item = (x.sum(axis=0) + alpha * x.shape[0]) ** nu
    penalty = (of_user * (user**2).sum(axis=1)).sum() + (of_item * (item**2).sum(axis=1)).sum()
    return (x * (score - 1) ** 2).sum() + alpha * (score**2).sum() + reg * penalty


@pytest.mark.parametrize("width", [16, 48])
@pytest.mark.parametrize("block", [16, 32, 48])
def test_a_row_satisfies_its_normal_equations(width, block):
    """In float64; a block after the other, again and again, comes to the same as all at once."""
    other = np.random.default_rng(0).standard_normal((45, width))
    vec, reg = np.zeros((70, width)), np.random.default_rng(1).uniform(1, 2, 70)
    for _ in range(1 if block >= width else 400):
        solve(TRAIN, other, vec, 0.3, reg, block)
    x = dense(TRAIN)
    for u in range(70):
        matrix = other.T @ (x[u][:, None] * other) + 0.3 * other.T @ other + reg[u] * np.eye(width)
        residual = matrix @ vec[u] - x[u] @ other
        assert np.abs(residual).max() < 1e-10


@pytest.mark.parametrize("block", [16, 48])
def test_the_objective_never_rises(block):
    rng, x, by_item = np.random.default_rng(0), dense(TRAIN), transposed(TRAIN)
    user, item = rng.standard_normal((70, 48)), rng.standard_normal((45, 48))
    reg = [0.2 * (rows.user_counts + 0.3 * rows.n_items) for rows in (by_item, TRAIN)]
    values = [objective(x, user, item, 0.3, 0.2)]
    for _ in range(6):
        solve(by_item, user, item, 0.3, reg[0], block)
        values.append(objective(x, user, item, 0.3, 0.2))
        solve(TRAIN, item, user, 0.3, reg[1], block)
        values.append(objective(x, user, item, 0.3, 0.2))
    assert all(b < a for a, b in itertools.pairwise(values))


def fitted(train: Interactions = TRAIN, seed: int = 3, **values: float) -> tuple[np.ndarray, np.ndarray]:
    backbone = IALS(**values)
    backbone.fit(train, seed)
    user, item = backbone()
    return user.numpy(), item.numpy()


def test_what_is_fitted_is_a_minimum_of_the_objective():
    """Steps in any direction only make it worse: alpha, lambda and nu are where the paper has them."""
    user, item = (v.astype(np.float64) for v in fitted(dim=3, sweeps=200, reg=0.05, unobserved=0.2, exponent=0.5))
    x, rng = dense(TRAIN), np.random.default_rng(0)
    least = objective(x, user, item, 0.2, 0.05, 0.5)
    for _ in range(30):
        step = [1e-3 * rng.standard_normal(v.shape) for v in (user, item)]
        assert objective(x, user + step[0], item + step[1], 0.2, 0.05, 0.5) > least


def test_one_dimension_ranks_everybody_alike_about_by_popularity():
    user, item = fitted(dim=1, sweeps=50)
    assert user.shape == (70, 1)
    assert (user[:, 0] * np.sign(user[0, 0]) > 0).all()  # so there is one ranking
    order = np.argsort(np.argsort(user[0, 0] * item[:, 0]))
    popular = np.argsort(np.argsort(TRAIN.item_counts, kind="stable"))
    assert np.corrcoef(order, popular)[0, 1] > 0.95


@pytest.mark.parametrize("dim", [5, 40])
def test_threads_change_no_bit_and_seeds_do(dim):
    found = []
    for threads in (1, 3):
        set_threads(threads)
        found.append(fitted(dim=dim, sweeps=2))
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))
    assert not np.array_equal(fitted(dim=dim, sweeps=2, seed=4)[0], found[0][0])


def test_folding_in_the_train_rows_gives_their_vectors():
    backbone = IALS(dim=8, sweeps=3)
    backbone.fit(TRAIN, 0)
    before, item = backbone()
    backbone.fold_in(TRAIN)
    after, same = backbone()
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-5)
    assert torch.equal(same, item)


def test_new_users_are_scored_and_change_no_item():
    split = random_split()
    known = np.arange(60) < 40
    train, new = (
        Interactions.from_pairs(split.train.users[rows], split.train.items[rows], 60, 120)
        for rows in (known[split.train.users], ~known[split.train.users])
    )
    folded = fit(replace(split, train=train, fold_in=new), IALS(dim=8, sweeps=3), 0).scorers["iid"]
    plain = fit(replace(split, train=train), IALS(dim=8, sweeps=3), 0).scorers["iid"]
    assert torch.equal(folded.item_vec, plain.item_vec)
    torch.testing.assert_close(folded.user_vec[:40], plain.user_vec[:40], rtol=1e-4, atol=1e-5)
    assert (plain.user_vec[40:] == 0).all()
    assert (folded.user_vec[40:].abs().sum(dim=1) > 0).all()
