"""The Pareto front: its volume by counting, and how often a point is on it by drawing the seeds one by one."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from rankbench.results.pareto import hypervolume, memberships, on_front

STEPS = 6


@settings(deadline=None, max_examples=40)
@given(some.lists(some.lists(some.integers(0, STEPS), min_size=3, max_size=3), max_size=6))
def test_hypervolume_is_the_number_of_cells_below_a_point(corners):
    points = np.array(corners, np.float64).reshape(-1, 3)
    cells = [
        cell
        for cell in product(range(STEPS), repeat=3)
        if any(all(c < p for c, p in zip(cell, q, strict=True)) for q in corners)
    ]
    assert hypervolume(points) == pytest.approx(len(cells))


def test_hypervolume_of_four_objectives():
    assert hypervolume(np.array([[1.0, 1, 1, 0.5], [0.5, 0.5, 0.5, 1.0]])) == pytest.approx(0.5 + 0.0625)
    assert hypervolume(np.array([[1.0, np.nan, 1, 1]])) == 0
    assert hypervolume(np.zeros((0, 4))) == 0


def test_memberships_are_those_of_every_draw_of_the_seeds():
    rng = np.random.default_rng(3)
    by_seed = [{seed: rng.random(2).tolist() for seed in seeds} for seeds in ((0, 1, 2), (0, 1, 2), (1,), (0, 2))]
    expected = []
    for draw in product((0, 1, 2), repeat=3):
        means = []
        for point in by_seed:
            drawn = [point[seed] for seed in draw if seed in point] or list(point.values())
            means.append(np.mean(drawn, axis=0))
        expected.append(on_front(np.array(means)))
    assert memberships(by_seed).mean(axis=0) == pytest.approx(np.mean(expected, axis=0))


def test_one_seed_says_nothing_of_seeds():
    assert len(memberships([{0: [1.0]}, {1: [2.0]}])) == 0
    assert memberships([{seed: [float(seed)] for seed in range(6)}, {0: [9.0]}]).mean(axis=0).tolist() == [0.0, 1.0]
