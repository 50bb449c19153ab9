"""The search for candidates: none of the K best is ever lost, however wrong approximate scores are within the bound."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rankbench.evaluation.selection import FAILED, Bound, Candidates, LeftOut
from rankbench.instructions import CHUNK

ROUNDING = {16: 1 / 255, 32: 0.0}


def bits_of(scores: np.ndarray, bits: int) -> np.ndarray:
    """The bits of scores of that precision."""
    values = torch.from_numpy(np.ascontiguousarray(scores, np.float32))
    return (values.bfloat16().view(torch.int16) if bits == 16 else values.view(torch.int32)).numpy()


def left_out(masked: np.ndarray) -> LeftOut:
    """The entries (rows, n) that are masked."""
    edges = np.cumsum([0, *masked.sum(axis=1)])
    return LeftOut(np.nonzero(masked)[1].astype(np.int32), edges[:-1], edges[1:])


def search(approximate: np.ndarray, K: int, width: int, bits: int, error: float, guess=None, masked=None):
    """The candidates of each row; None for a row that failed."""
    masked = np.zeros(approximate.shape, np.bool_) if masked is None else masked
    candidates = Candidates(len(approximate), K, bits)
    candidates.start(Bound(np.full(len(approximate), error), ROUNDING[bits]), left_out(masked))
    if guess is not None:
        sample = bits_of(approximate[:, :: max(approximate.shape[1] // 128, 1)][:, :CHUNK], bits)
        candidates.guess(sample, np.full(len(approximate), min(guess, sample.shape[1])))
    for first in range(0, approximate.shape[1], width):
        candidates.offer(bits_of(approximate[:, first : first + width], bits), first)
    candidates.finish()
    sizes = candidates.size.tolist()
    return [None if n == FAILED else set(candidates.item[b, :n].tolist()) for b, n in enumerate(sizes)]


def best_of(row: np.ndarray, K: int) -> set[int]:
    """The items whose score is at least the K-th best; those of -inf never are."""
    ranked = np.sort(row[row > -np.inf])[::-1]
    return set(
        np.flatnonzero((row >= ranked[min(K, len(ranked)) - 1]) & (row > -np.inf)).tolist() if len(ranked) else []
    )


SHAPES = {
    "ascending": lambda n, rng: np.arange(n) - n / 2,
    "descending": lambda n, rng: n / 2 - np.arange(n),
    "ascending below zero": lambda n, rng: np.arange(n) - n - 3.5,
    "normal below zero": lambda n, rng: rng.standard_normal(n) - 40,
    "constant": lambda n, rng: np.full(n, 0.25),
    "few levels": lambda n, rng: rng.integers(-2, 3, n) / 8,
    "signed zeros": lambda n, rng: rng.choice([0.0, -0.0], n),
    "every magnitude": lambda n, rng: rng.choice([-1, 1], n) * 10.0 ** rng.uniform(-30, 30, n),
    "neighbours": lambda n, rng: np.nextafter(np.float32(1), np.float32(2)) + rng.integers(0, 3, n) * 2.0**-23,
    "nothing": lambda n, rng: np.full(n, -np.inf),
    "hardly anything": lambda n, rng: np.where(rng.random(n) < 0.01, 1.0, -np.inf),
    "late best": lambda n, rng: np.concatenate([np.zeros(n - n // 8), np.ones(n // 8)]),
    "normal": lambda n, rng: rng.standard_normal(n),
}


@pytest.mark.parametrize("bits", [16, 32])
@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=25, deadline=None)
@given(
    chunks=st.integers(1, 24),
    tile=st.integers(1, 5),
    K=st.sampled_from([1, 2, 20, CHUNK - 1, CHUNK, CHUNK + 1, 100, 900]),
    error=st.sampled_from([0.0, 1e-6, 0.01, 1.0]),
    guess=st.sampled_from([None, 1, 8, 100]),
    share=st.sampled_from([0.0, 0.01, 0.3, 1.0]),
    seed=st.integers(0, 10**6),
)
def test_none_of_the_best_is_lost(shape, bits, chunks, tile, K, error, guess, share, seed):
    rng = np.random.default_rng(seed)
    exact = np.stack([SHAPES[s](chunks * CHUNK, rng) for s in (shape, "normal", shape)]).astype(np.float32)
    wrong = (exact + rng.uniform(-error, error, exact.shape) * 0.999).astype(np.float32)  # room for its own rounding
    error += float(np.abs(np.where(np.isfinite(exact), exact, 0)).max()) * 2.0**-22 if error else 0.0
    masked = rng.random(exact.shape) < share
    lists = search(wrong, K, tile * CHUNK, bits, error, guess, masked)
    for row, nothing, found in zip(np.where(masked, -np.inf, exact), masked, lists, strict=True):
        assert found is None or found >= best_of(row, K)
        assert found is None or not found & set(np.flatnonzero(nothing).tolist())


def test_what_is_far_from_the_best_is_no_candidate():
    """And rows do not fail without need, with a fair guess or none."""
    scores = np.random.default_rng(0).standard_normal((4, 200 * CHUNK)).astype(np.float32)
    for bits in (16, 32):
        for guess in (None, 8):
            for row, found in zip(scores, search(scores, 100, 512, bits, 1e-4, guess), strict=True):
                assert found is not None
                assert len(found) < 130
                assert found >= best_of(row, 100)


def test_a_guess_that_is_too_high_fails():
    scores = np.zeros((1, 128 * CHUNK), np.float32)
    scores[0, ::CHUNK] = 1 + np.arange(128)  # just what is sampled
    assert search(scores, 100, 512, 32, 0.0, guess=1) == [None]
    assert search(scores, 100, 512, 32, 0.0, guess=128) == [best_of(scores[0], 100)]


def test_rows_with_more_candidates_than_room_fail_alone():
    scores = np.random.default_rng(0).standard_normal((3, 20 * CHUNK)).astype(np.float32)
    scores[1] = 0.5
    crowd = search(scores, 10, 128, 16, 1e-3)
    assert crowd[1] is None
    assert crowd[0] >= best_of(scores[0], 10)
    assert crowd[2] >= best_of(scores[2], 10)


def test_rows_whose_error_is_not_known_fail():
    candidates = Candidates(2, 3, 32)
    candidates.start(Bound(np.array([np.inf, 0.0]), 0.0), left_out(np.zeros((2, CHUNK), np.bool_)))
    candidates.offer(bits_of(np.ones((2, CHUNK)), 32), 0)
    assert candidates.size.tolist() == [FAILED, CHUNK]


@pytest.mark.parametrize("place", [0, 1, CHUNK - 1, CHUNK, 2 * CHUNK - 1, 5 * CHUNK, 8 * CHUNK - 1])
@pytest.mark.parametrize("level", [-1.0, 1.0])
def test_one_entry_anywhere_is_found(place, level):
    scores = level - 1 - np.arange(8 * CHUNK, dtype=np.float32)[None] / 16
    scores[0, place] = level
    for bits in (16, 32):
        assert search(scores, 1, 2 * CHUNK, bits, 0.0) == [{place}]
