"""Hinge, WARP, CML, CCL and SimCE: identities, published gradients, extremes."""

import math

import numpy as np
import pytest
import torch
from loss_cases import batch, build, gradients, of
from torch.nn.functional import normalize, softplus
from torch.testing import assert_close

from rankbench.data.interactions import Interactions


def with_catalogue(text, n_items):
    loss = build(text)
    loss.bind(Interactions.from_pairs(np.zeros(1, np.int64), np.zeros(1, np.int64), 1, n_items), 0)
    return loss


def one(pos, *neg):
    return of(torch.tensor([pos], dtype=torch.float64), torch.tensor([neg], dtype=torch.float64))


def test_hinge_pulls_alike_on_what_is_within_the_margin_and_not_beyond():
    pos, neg = gradients(build("hinge:margin=0.5"), one(1.0, 0.4, 0.6, 3.0, -2.0))
    assert neg.tolist() == [[0, 0.25, 0.25, 0]]
    assert pos.tolist() == [-0.5]


def test_hinge_is_the_cold_limit_of_the_logistic_loss():
    s, tau = batch(0), 1e-4
    cold = tau * softplus((s.neg - s.pos[:, None] + 1) / tau).mean(dim=1)
    assert_close(build("hinge")(s), cold, rtol=0, atol=1e-4)


def test_warp_weighs_the_first_violator_by_the_rank_that_its_trial_stands_for():
    loss = with_catalogue("warp:margin=1", 101)
    s = one(2.0, 0.5, 0.9, 1.5, 9.0)  # the third is the first above 1
    harmonic = sum(1 / k for k in range(1, 34))  # 100 // 3
    assert loss(s).item() == pytest.approx(harmonic * 0.5)
    pos, neg = gradients(loss, s)
    assert neg[0].tolist() == pytest.approx([0, 0, harmonic, 0])
    assert pos.item() == pytest.approx(-harmonic)


def test_warp_weights_are_harmonic_numbers_or_logarithms():
    rank = torch.tensor([0, 1, 2, 100, 100_000], dtype=torch.float64)
    harmonic = [0, 1, 1.5, 5.187377517639621, sum(1 / k for k in range(1, 100_001))]
    assert build("warp").weight_of(rank).tolist() == pytest.approx(harmonic, abs=1e-12)
    logarithm = [0, 0, math.log(2), math.log(100), 10]
    assert build("warp:weight=log").weight_of(rank).tolist() == pytest.approx(logarithm)


@pytest.mark.parametrize("weight", ["harmonic", "log"])
def test_warp_costs_nothing_without_a_violator(weight):
    loss, s = build(f"warp:weight={weight}"), one(1.0, 0.0, -0.3, -9.0)  # a gap of -1 is no violation
    assert loss(s).item() == 0
    assert all((g == 0).all() for g in gradients(loss, s))


def test_warp_gives_a_rank_of_nought_no_weight():
    assert with_catalogue("warp", 3)(one(0.0, -5.0, -5.0, 1.0)).item() == pytest.approx(0, abs=1e-12)


def test_cml_is_the_margin_of_squared_distances_on_the_sphere():
    generator = torch.Generator().manual_seed(0)
    user, item = (normalize(torch.randn(n, 8, dtype=torch.float64, generator=generator), dim=1) for n in (6, 6))
    others = normalize(torch.randn(6, 10, 8, dtype=torch.float64, generator=generator), dim=2)
    near, far = (user - item).square().sum(1), (user[:, None] - others).square().sum(2)
    violation = (1.5 + near[:, None] - far).clamp_min(0)
    weight = torch.log(1 + (50 * (violation > 0).double().mean(1)).floor())
    s = of((user * item).sum(1), (user[:, None] * others).sum(2))
    assert_close(with_catalogue("cml:margin=1.5", 50)(s), weight * violation.max(1).values)
    assert_close(with_catalogue("cml:margin=1.5,violators=all", 50)(s), weight * violation.sum(1))


def test_cml_pulls_twice_the_weight_on_the_hardest_negative_only():
    pos, neg = gradients(with_catalogue("cml:margin=1", 100), one(0.5, 0.2, 0.4, -0.9))  # two of three violate
    weight = math.log(1 + 66)
    assert neg[0].tolist() == pytest.approx([0, 2 * weight, 0])
    assert pos.item() == pytest.approx(-2 * weight)


def test_cml_rank_is_a_whole_number_also_where_a_float_would_round_it_down():
    """All of three negatives violate: 7 * 3 / 3 is 7, whatever the precision of a third."""
    for n_items in range(1, 60):
        value = with_catalogue("cml:margin=1", n_items)(one(0.0, 0.0, 0.0, 0.0)).item()
        assert value == pytest.approx(math.log(1 + n_items))


def test_ccl_below_every_score_is_linear_in_them():
    s = batch(1)
    want = 1 - s.pos + 7 * (1 + s.neg.mean(dim=1))
    assert_close(build("ccl:margin=-1,weight=7")(s), want)


def test_ccl_gradient_is_the_published_one():
    s = batch(2)
    pos, neg = gradients(build("ccl:margin=0.3,weight=20"), s)
    assert_close(pos, torch.full_like(pos, -1))
    assert_close(neg, 20 / 7 * (s.neg > 0.3).double())


def test_ccl_capped_differs_for_negative_margins_only():
    s = batch(3)
    for margin in (0, 0.3):
        assert_close(build(f"ccl:margin={margin},capped=true")(s), build(f"ccl:margin={margin}")(s))
    plain, capped = one(1.0, 0.7, 0.2), one(1.0, 0.7, 0.2)
    assert build("ccl:margin=-0.5,weight=2")(plain).item() == pytest.approx(1.2 + 0.7)
    assert build("ccl:margin=-0.5,weight=2,capped=true")(capped).item() == pytest.approx(1 + 0.7)


def test_simce_with_one_negative_is_the_hinge():
    s = batch(4, N=1)
    assert_close(build("simce:margin=0.7")(s), build("hinge:margin=0.7")(s))


@pytest.mark.parametrize("N", [1, 4, 64])
def test_simce_at_the_logarithm_of_n_bounds_softmax_that_counts_the_positive(N):
    for seed in range(10):
        s = batch(seed, B=20, N=N, scale=6)
        loss = build("simce")
        loss.margin = math.log(N)
        assert (build("softmax:incl=true,tau=1")(s) <= loss(s) + math.log(2) + 1e-12).all()


def test_simce_pulls_on_the_hardest_only_and_not_beyond_the_margin():
    pos, neg = gradients(build("simce:margin=1"), one(0.0, -0.5, 0.3, -3.0))
    assert (pos.tolist(), neg.tolist()) == ([-1], [[0, 1, 0]])
    pos, neg = gradients(build("simce:margin=1"), one(1.5, -0.5, 0.3, -3.0))
    assert (pos.tolist(), neg.tolist()) == ([0], [[0, 0, 0]])


@pytest.mark.parametrize("text", ["hinge", "warp", "simce"])
def test_pulls_are_balanced_and_never_the_wrong_way(text):
    for seed in range(10):
        pos, neg = gradients(build(text), batch(seed, scale=2))
        assert (neg >= 0).all()
        assert_close(pos, -neg.sum(dim=1))
        assert (pos < 0).any()
