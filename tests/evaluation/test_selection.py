"""The kernel that keeps the best of rows of scores, against a full sort."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rankbench.evaluation.selection import CHUNK, Candidates


def sorted_items(row: np.ndarray, K: int) -> list[int]:
    """The K best items by descending score, then ascending id, without what cannot be ranked."""
    items = [i for i in range(len(row)) if row[i] > -np.inf]  # NaN is not
    best = sorted(items, key=lambda i: (-row[i], i))[:K]
    return best + [-1] * (K - len(best))


def selected(scores: np.ndarray, K: int, width: int) -> list[list[int]]:
    candidates = Candidates(len(scores), K)
    top = np.empty((len(scores), K), np.int32)
    for first in range(0, scores.shape[1], width):
        candidates.offer(np.ascontiguousarray(scores[:, first : first + width]), first)
    candidates.take(top)
    return top.tolist()


SHAPES = {
    "ascending": lambda n, rng: np.arange(n) - n / 2,
    "descending": lambda n, rng: n / 2 - np.arange(n),
    "ascending below zero": lambda n, rng: np.arange(n) - n - 3.5,
    "normal below zero": lambda n, rng: rng.standard_normal(n) - 40,
    "constant": lambda n, rng: np.full(n, 0.25),
    "few levels": lambda n, rng: rng.integers(-2, 3, n) / 8,
    "signed zeros": lambda n, rng: rng.choice([0.0, -0.0, 1e-45, -1e-45], n),
    "every magnitude": lambda n, rng: rng.choice([-1, 1], n) * 10.0 ** rng.uniform(-45, 38, n),
    "neighbours": lambda n, rng: np.nextafter(np.float32(1), np.float32(2)) + rng.integers(0, 3, n) * 2.0**-23,
    "nothing": lambda n, rng: np.full(n, -np.inf),
    "all but rankable": lambda n, rng: rng.choice([np.nan, -np.inf, -np.nan], n),
    "mixed": lambda n, rng: rng.choice([np.nan, -np.inf, np.inf, -1.0, 3.0, 3.4e38, -3.4e38], n),
    "late best": lambda n, rng: np.concatenate([np.zeros(n - n // 8), np.ones(n // 8)]),
    "normal": lambda n, rng: rng.standard_normal(n),
}


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=25, deadline=None)
@given(
    chunks=st.integers(1, 12),
    tile=st.integers(1, 5),
    K=st.sampled_from([1, 2, 20, CHUNK - 1, CHUNK, CHUNK + 1, 100, 900]),
    seed=st.integers(0, 10**6),
)
def test_the_best_of_any_rows(shape, chunks, tile, K, seed):
    rng = np.random.default_rng(seed)
    rows = [SHAPES[s](chunks * CHUNK, rng) for s in (shape, "normal", shape)]
    scores = np.stack(rows).astype(np.float32)
    assert selected(scores, K, tile * CHUNK) == [sorted_items(row, K) for row in scores]


@pytest.mark.parametrize("place", [0, 1, CHUNK - 1, CHUNK, 2 * CHUNK - 1, 5 * CHUNK, 8 * CHUNK - 1])
def test_one_entry_anywhere_is_found(place):
    scores = np.full((1, 8 * CHUNK), -1, np.float32)
    scores[0, place] = 2
    others = [i for i in range(8 * CHUNK) if i != place]
    assert selected(scores, 3, 2 * CHUNK) == [[place, *others[:2]]]


def test_rows_are_empty_after_they_were_taken():
    candidates = Candidates(3, 2)
    top = np.empty((3, 2), np.int32)
    candidates.offer(np.arange(3 * CHUNK, dtype=np.float32).reshape(3, CHUNK), 0)
    candidates.take(top[:1])  # the other rows of a block that is not full are dropped
    assert top[0].tolist() == [CHUNK - 1, CHUNK - 2]
    candidates.offer(np.full((3, CHUNK), -5, np.float32), 0)
    candidates.take(top)
    assert top.tolist() == [[0, 1]] * 3
