"""ApproxNDCG and NeuralNDCG: limits, published examples and gradients, doubly stochastic sorts."""

import math

import numpy as np
import pytest
import torch
from loss_cases import batch, build, gradients, of
from torch.testing import assert_close

from rankbench.data.interactions import Interactions
from rankbench.errors import UserError
from rankbench.losses.neuralndcg import _Sinkhorn, soft_sort


def one(pos, *neg):
    return of(torch.tensor([pos], dtype=torch.float64), torch.tensor([neg], dtype=torch.float64))


def dcg(s, k=None):
    rank = 1 + (s.neg > s.pos[:, None]).sum(dim=1)
    return torch.where(rank <= (k or 10**6), 1 / torch.log2(1.0 + rank.double()), 0)


def test_approx_ndcg_of_a_published_example():
    assert build("approxndcg:tau=1")(one(0.0, -1.0, 1.0)).item() == pytest.approx(-0.63092977, abs=1e-7)


def test_approx_ndcg_without_temperature_is_dcg():
    loss, s = build("approxndcg"), batch(0, B=50)
    loss.tau = 1e-9
    assert_close(loss(s), -dcg(s))


def test_approx_ndcg_gradient_is_the_published_one():
    s, tau = batch(1), 0.2
    sigma = torch.sigmoid((s.neg - s.pos[:, None]) / tau).detach()
    rank = 1 + sigma.sum(dim=1)
    slope = 1 / (math.log(2) * torch.log2(1 + rank) ** 2 * (1 + rank))
    pos, neg = gradients(build(f"approxndcg:tau={tau}"), s)
    assert_close(neg, slope[:, None] * sigma * (1 - sigma) / tau)
    assert_close(pos, -neg.sum(dim=1))


def test_approx_ndcg_on_the_scale_of_the_catalogue():
    loss = build("approxndcg:catalogue=true")
    loss.bind(Interactions.from_pairs(np.zeros(1, np.int64), np.zeros(1, np.int64), 1, 401), 0)
    loss.tau = 1e-9
    # One of four negatives is above, so about a hundred of the 400 others are.
    assert loss(one(0.5, 0.6, 0.1, 0.2, 0.3)).item() == pytest.approx(-1 / math.log2(102))


@pytest.mark.parametrize("text", ["neuralndcg", "neuralndcg:k=3", "neuralndcg:sinkhorn=0"])
def test_neural_ndcg_without_temperature_is_dcg(text):
    loss, s = build(text), batch(2, B=50)
    loss.tau = 1e-6
    assert_close(loss(s), -dcg(s, loss.k))
    assert dcg(s, 3).min() == 0 < dcg(s, 3).max()


def test_soft_sort_tends_to_the_permutation_that_sorts():
    score = batch(3, B=20).neg.detach()
    sort = soft_sort(score, 1e-6)
    assert_close((sort @ score[:, :, None])[:, :, 0], score.sort(dim=1, descending=True).values)
    assert_close(sort.sum(dim=1), torch.ones_like(score))
    warm = soft_sort(score, 1.0)
    assert_close(warm.sum(dim=2), torch.ones_like(score))
    assert (warm.sum(dim=1) - 1).abs().max() > 0.1


def test_scaling_makes_the_ranks_of_the_positive_add_up_to_one_place():
    score = batch(4, B=20).neg.detach()
    off = {}
    for rounds in (0, 50):
        share = build(f"neuralndcg:sinkhorn={rounds}").share_of_ranks(score)
        off[rounds] = (share.sum(dim=1) - 1).abs().max().item()
    assert off[0] > 0.1
    assert off[50] < 1e-3


def test_scaling_survives_an_item_that_rounding_has_left_no_rank():
    matrix = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]], requires_grad=True)
    factors = _Sinkhorn.apply(matrix, 50)
    assert all(f.isfinite().all() for f in factors)
    assert torch.autograd.grad(factors[0].sum() + factors[1][0, 0], matrix)[0].isfinite().all()


def test_equal_scores_share_all_ranks_alike():
    share = build("neuralndcg").share_of_ranks(torch.zeros(1, 5, dtype=torch.float64))
    assert_close(share, torch.full((1, 5), 0.2, dtype=torch.float64))


def test_too_many_negatives_are_refused_before_memory_is_asked_for():
    s = of(torch.zeros(2), torch.zeros(2, 513))
    with pytest.raises(UserError, match="at most 512 negatives"):
        build("neuralndcg")(s)


@pytest.mark.parametrize("text", ["approxndcg", "neuralndcg"])
def test_lies_between_minus_one_and_nought(text):
    for scale in (0.01, 1, 100):
        value = build(text)(batch(5, B=50, scale=scale)).detach()
        assert (value >= -1 - 1e-9).all()
        assert (value <= 0).all()


def test_a_positive_that_wins_costs_minus_one():
    for text in ("approxndcg", "neuralndcg:tau=0.1"):
        assert build(text)(one(9.0, -9.0, -8.0, 0.0)).item() == pytest.approx(-1)
