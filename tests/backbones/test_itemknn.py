"""Item neighbours against loops over pairs of items."""

import numpy as np
import pytest
import torch

from rankbench.backbones import _items
from rankbench.backbones.itemknn import ItemKNN, nearest
from rankbench.parallel import set_threads
from toy import random_interactions

TRAIN = random_interactions(3, n_users=80, n_items=35, each=7)


def naive(train, K: int, shrinkage: float) -> np.ndarray:
    """W (I, I) with the weights from i to j."""
    users = [set(train.users[train.items == i].tolist()) for i in range(train.n_items)]
    found = np.zeros((train.n_items, train.n_items))
    for j in range(train.n_items):
        similar = {}
        for i in range(train.n_items):
            if i != j and users[i] & users[j]:
                similar[i] = len(users[i] & users[j]) / ((len(users[i]) * len(users[j])) ** 0.5 + shrinkage)
        for i in sorted(similar, key=lambda i: (-similar[i], i))[:K]:
            found[i, j] = similar[i]
    return found


@pytest.mark.parametrize("K", [1, 5, 400])
@pytest.mark.parametrize("shrinkage", [0.0, 10.0])
def test_scores_are_those_of_loops(K, shrinkage):
    backbone = ItemKNN(neighbours=K, shrinkage=shrinkage)
    backbone.fit(TRAIN, 0)
    expected = naive(TRAIN, K, shrinkage)
    for inputs in (TRAIN, random_interactions(4, 10, 35, 4)):  # users seen, and users never seen
        rows = np.zeros((inputs.n_users, 35))
        rows[inputs.users, inputs.items] = 1
        found = backbone(torch.arange(inputs.n_users), inputs).numpy()
        np.testing.assert_allclose(found, rows @ expected, rtol=1e-5, atol=1e-6)


def test_a_cosine_of_items_with_the_same_users_is_one():
    source, weight = nearest(random_interactions(0, 6, 1, 3), 1, 0.0)
    assert (source.tolist(), weight.tolist()) == ([[-1]], [[0.0]])
    everyone = type(TRAIN).from_pairs(np.repeat(np.arange(5), 2), np.tile([0, 1], 5), 5, 2)
    source, weight = nearest(everyone, 2, 0.0)
    assert source.tolist() == [[1, -1], [0, -1]]
    np.testing.assert_allclose(weight, [[1, 0], [1, 0]], rtol=1e-6)


def test_threads_change_no_bit():
    found = []
    for threads in (1, 3):
        set_threads(threads)
        found.append(nearest(TRAIN, 7, 3.0))
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))


def test_co_occurrences_are_the_product_of_the_matrix():
    x = np.zeros((80, 35))
    x[TRAIN.users, TRAIN.items] = 1
    assert np.array_equal(_items.gram(TRAIN), x.T @ x)
    back = _items.transposed(_items.transposed(TRAIN))
    assert np.array_equal(back.keys, TRAIN.keys)
