"""The two references that learn nothing of a user: most popular, and by chance."""

import numpy as np
import pytest
import torch

from rankbench.backbones.popularity import Popularity
from rankbench.backbones.random import Random
from rankbench.evaluation.scorers import scorer_of
from rankbench.parallel import set_threads
from rankbench.training.fit import fit
from toy import random_interactions, random_split

SPLIT = random_split()


def test_popularity_ranks_by_train_interactions_then_item():
    trained = fit(SPLIT, Popularity(), 0)
    train, mask = SPLIT.train, SPLIT.mask_of_test("iid")
    top = trained.scorers["iid"].top_items(np.arange(60), mask, 100)
    for u in range(60):
        rest = [i for i in range(120) if i not in mask.row(u)]
        assert top[u].tolist() == sorted(rest, key=lambda i: (-train.item_counts[i], i))[:100]


def test_a_fit_is_one_epoch_without_a_loss():
    trained = fit(SPLIT, Popularity(), 0)
    (end,) = trained.curve
    assert (end.epoch, end.loss, trained.diverged) == (1, None, "")
    assert end.valid == {name: best.value for name, best in trained.best.items()}
    assert trained.best["iid"].value > 0
    assert set(trained.scorers) == set(SPLIT.valids)


def scores(seed: int, users: list[int]) -> torch.Tensor:
    backbone = Random()
    backbone.fit(SPLIT.train, seed)
    return backbone(torch.tensor(users), SPLIT.inputs)


def test_random_scores_are_a_function_of_seed_user_and_item():
    assert torch.equal(scores(1, [3, 0]), scores(1, list(range(60)))[[3, 0]])
    assert not torch.equal(scores(1, [3]), scores(2, [3]))
    assert not torch.equal(scores(1, [3]), scores(1, [4]))


def test_random_scores_are_uniform():
    found = np.sort(scores(5, list(range(60))).numpy().ravel())
    assert found[0] >= 0
    assert found[-1] < 1
    expected = (np.arange(len(found)) + 0.5) / len(found)
    assert np.abs(found - expected).max() < 1.95 / np.sqrt(len(found))  # Kolmogorov-Smirnov, one in a thousand


def test_random_lists_hold_every_item_alike():
    backbone = Random()
    backbone.fit(random_interactions(0, 2000, 50, 3), 7)
    nothing = random_interactions(0, 2000, 50, 0)
    lists = []
    for threads in (1, 2):
        set_threads(threads)
        lists.append(scorer_of(backbone, fitted_split(nothing)).top_items(np.arange(2000), nothing, 5))
    assert np.array_equal(*lists)
    assert np.bincount(lists[0].ravel(), minlength=50) == pytest.approx(200, abs=60)  # more than four deviations


def fitted_split(train):
    return type(SPLIT)("toy", "iid", train, {}, {})
