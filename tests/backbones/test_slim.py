"""SLIM: the conditions of its optimum, and that it is sparse."""

import numpy as np
import pytest
import torch

from rankbench.backbones.slim import SLIM
from rankbench.errors import UserError
from rankbench.parallel import set_threads
from toy import random_interactions

TRAIN = random_interactions(3, n_users=80, n_items=35, each=7)


def weights(l1: float, l2: float) -> np.ndarray:
    backbone = SLIM(l1=l1, l2=l2)
    backbone.fit(TRAIN, 0)
    one_item_each = type(TRAIN).from_pairs(np.arange(35), np.arange(35), 35, 35)
    return backbone(torch.arange(35), one_item_each).numpy().astype(np.float64)


@pytest.mark.parametrize(("l1", "l2"), [(0.0, 5.0), (0.5, 2.0), (2.0, 10.0)])
def test_the_optimum_has_no_gradient_where_there_is_weight_and_a_positive_one_elsewhere(l1, l2):
    x, found = np.zeros((80, 35)), weights(l1, l2)
    x[TRAIN.users, TRAIN.items] = 1
    assert (np.diag(found) == 0).all()
    assert (found >= 0).all()
    gradient = x.T @ (x @ found - x) + l2 * found + l1
    np.fill_diagonal(gradient, 0)  # no weight from an item to itself
    size = np.abs(x.T @ x).sum(axis=0).max() + l2
    assert np.abs(gradient[found > 0]).max() < 1e-4 * size
    assert gradient[found == 0].min() > -1e-4 * size


def test_a_larger_l1_leaves_fewer_weights():
    counts = [np.count_nonzero(weights(l1, 5.0)) for l1 in (0.0, 0.5, 2.0, 1000.0)]
    assert counts == sorted(counts, reverse=True)
    assert len(set(counts)) == 4
    assert counts[-1] == 0


def test_threads_change_no_bit():
    found = []
    for threads in (1, 3):
        set_threads(threads)
        found.append(weights(0.5, 2.0))
    assert np.array_equal(*found)


def test_a_catalogue_too_large_for_the_memory_is_refused(monkeypatch):
    monkeypatch.setattr("rankbench.memory.available", lambda: 10_000)
    with pytest.raises(UserError, match=r"slim with 35 items needs 0.0 GiB of memory for the co-occurrences"):
        weights(1.0, 1.0)
