import math

import numpy as np
import pytest

from rankbench.data.measures import gini, kl_divergence, total_variation


def naive_gini(counts):
    """Half the mean absolute difference of two counts over their mean."""
    n, mean = len(counts), sum(counts) / len(counts)
    return sum(abs(a - b) for a in counts for b in counts) / (2 * n * n * mean)


@pytest.mark.parametrize("counts", [[1, 1, 1], [0, 0, 9], [3, 1, 4, 1, 5, 9, 2, 6], [0, 1]])
def test_gini_is_half_the_relative_mean_difference(counts):
    assert gini(np.array(counts)) == pytest.approx(naive_gini(counts), abs=1e-12)


def test_distances_of_hand():
    p, q = np.array([2, 2, 0]), np.array([1, 2, 1])
    assert kl_divergence(p, q) == pytest.approx(0.5 * math.log(2))
    assert total_variation(p, q) == pytest.approx(0.25)
    assert kl_divergence(q, q) == total_variation(q, q) == 0
    assert kl_divergence(q, p) == math.inf
    assert total_variation(np.array([1, 0]), np.array([0, 5])) == 1
