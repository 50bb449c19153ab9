"""Approximate scores are never further from exact ones than their bound says."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rankbench.evaluation.exact import best
from rankbench.evaluation.filters import COLUMNS, Filter


def approximate(filter_: Filter, query: torch.Tensor) -> np.ndarray:
    tile = filter_.tile(query.to(filter_.dtype), 0, torch.empty(len(query) * COLUMNS, dtype=filter_.dtype))
    return torch.from_numpy(tile).view(filter_.dtype).double().numpy()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@settings(max_examples=60, deadline=None)
@given(
    d=st.sampled_from([1, 2, 7, 64, 129, 512]),
    scale=st.sampled_from([1e-22, 1e-19, 1e-3, 1.0, 1e12]),
    positive=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_the_bound_holds(dtype, d, scale, positive, seed):
    generator = torch.Generator().manual_seed(seed)
    query, item_vec = (torch.randn(n, d, generator=generator) * scale for n in (9, 70))
    if positive:  # errors of all terms may point one way
        query, item_vec = query.abs() * (1 + 2**-8.5), item_vec.abs() * (1 + 2**-8.5)
    filter_ = Filter(item_vec, dtype, samples=False)
    bound = filter_.bound(query)
    exact = query.double().numpy() @ item_vec.double().numpy().T
    found = approximate(filter_, query)[:, :70]
    assert (np.abs(found - exact) <= bound.error[:, None] + bound.relative * np.abs(found)).all()


def test_vectors_that_are_not_finite_or_might_overflow_have_no_bound():
    for value in (torch.nan, torch.inf, 1e20):
        item_vec = torch.ones(70, 4)
        query = torch.ones(2, 4)
        query[1, 2] = item_vec[3, 1] = value
        assert np.isinf(Filter(torch.ones(70, 4), torch.bfloat16, samples=False).bound(query * 1e15).error[1])
        assert np.isinf(Filter(item_vec, torch.float32, samples=False).bound(query).error[1])


@settings(max_examples=60, deadline=None)
@given(
    d=st.sampled_from([1, 3, 64, 65]), n=st.integers(0, 23), K=st.sampled_from([1, 5, 30]), seed=st.integers(0, 10**6)
)
def test_the_best_candidates_by_exact_scores(d, n, K, seed):
    rng = np.random.default_rng(seed)
    query, item_vec = rng.standard_normal((1, d)).astype(np.float32), rng.standard_normal((50, d)).astype(np.float32)
    item_vec[rng.integers(50, size=4), 0] = [np.nan, np.inf, -np.inf, 1e38]
    item_vec[rng.integers(50, size=10)] = item_vec[7]
    candidates = rng.permutation(50)[:n].astype(np.int32)
    with np.errstate(all="ignore"):
        scores = (query.astype(np.float64) @ item_vec.astype(np.float64).T).astype(np.float32)[0]
    ranked = [int(i) for i in candidates if scores[i] > -np.inf]
    expected = sorted(ranked, key=lambda i: (-scores[i], i))[:K]
    item = np.pad(candidates, (0, 24 - n))[None]
    assert best(query, item_vec, item, np.array([n]), K).tolist() == [expected + [-1] * (K - len(expected))]
