"""DSL as a robust expectation: weights move the centre of the set of distributions, temperatures its radius."""

import math

import pytest
import torch
from dsl_cases import BOTH, VARIANTS, parts
from loss_cases import batch, build
from torch import Tensor
from torch.testing import assert_close

B, N = 8, 9


def divergence(p: Tensor, log_q: Tensor) -> Tensor:
    """KL(p || q) of each row."""
    return (p * (p.log() - log_q)).sum(dim=1)


@pytest.fixture(params=VARIANTS)
def example(request):
    """gap, value, log kappa, tau_b and p of a batch."""
    loss, s = build(request.param), batch(0, B, N)
    log_kappa, sharpness, p = parts(loss, s)
    return (s.neg - s.pos[:, None]).detach(), loss(s).detach(), log_kappa, 1 / sharpness, p


def random_distributions(count=50):
    generator = torch.Generator().manual_seed(0)
    for _ in range(count):
        yield torch.softmax(torch.randn(B, N, dtype=torch.float64, generator=generator) * 3, dim=1)


def test_is_the_worst_expected_gap_less_its_divergence_from_the_weights(example):
    gap, value, log_kappa, tau, p = example
    robust = tau * (value - math.log(N))

    def payoff(q):
        return (q * gap).sum(dim=1) - tau * divergence(q, log_kappa - math.log(N))

    assert_close(payoff(p), robust)
    assert all((payoff(q) <= robust + 1e-12).all() for q in random_distributions())


def test_or_the_worst_weighed_gap_less_its_divergence_from_uniform(example):
    gap, value, log_kappa, tau, p = example
    robust = tau * (value - math.log(N))
    uniform = torch.full_like(gap, -math.log(N))

    def payoff(q):
        return (q * (gap + tau[:, None] * log_kappa)).sum(dim=1) - tau * divergence(q, uniform)

    assert_close(payoff(p), robust)
    assert all((payoff(q) <= robust + 1e-12).all() for q in random_distributions())


def radius(gap, log_kappa, tau):
    """KL(p || kappa / N) at the temperatures `tau` (B,)."""
    return divergence(torch.softmax(log_kappa + gap / tau[:, None], dim=1), log_kappa - math.log(N))


def test_radius_follows_from_the_loss_and_is_bounded(example):
    gap, value, log_kappa, tau, p = example
    eta = radius(gap, log_kappa, tau)
    assert_close(eta, (p * gap).sum(dim=1) / tau - value + math.log(N))
    assert (eta >= 0).all()
    assert (eta <= math.log(N) - log_kappa.amin(dim=1)).all()
    assert_close(divergence(p, torch.full_like(gap, -math.log(N))), eta + (p * log_kappa).sum(dim=1))


def test_radius_shrinks_with_the_temperature_at_the_rate_of_the_variance(example):
    gap, _, log_kappa, tau, p = example
    variance = (p * gap**2).sum(dim=1) - (p * gap).sum(dim=1) ** 2
    step = 1e-5 * tau
    slope = (radius(gap, log_kappa, tau + step) - radius(gap, log_kappa, tau - step)) / (2 * step)
    assert_close(slope, -variance / tau**3, rtol=1e-6, atol=1e-8)


def test_the_temperature_is_the_best_one_for_its_radius(example):
    gap, _, log_kappa, tau, p = example
    eta = radius(gap, log_kappa, tau)

    def dual(t):
        return t * (torch.logsumexp(log_kappa + gap / t[:, None], dim=1) - math.log(N)) + t * eta

    assert_close(dual(tau), (p * gap).sum(dim=1))
    for factor in (0.5, 0.9, 0.99, 1.01, 1.1, 2.0):
        assert (dual(tau * factor) >= dual(tau)).all()


def test_a_small_radius_is_the_variance_of_the_gaps(example):
    gap, _, log_kappa, _, _ = example
    share = log_kappa.exp() / N
    variance = (share * gap**2).sum(dim=1) - (share * gap).sum(dim=1) ** 2
    tau = torch.full((B,), 1e3).double()
    assert_close(radius(gap, log_kappa, tau), variance / (2 * tau**2), rtol=1e-2, atol=0)


def test_softening_shrinks_the_radius_of_the_most_ambiguous_example():
    s = batch(1, B, N)
    soft, plain = build(BOTH), build(BOTH.replace("gamma=0.5", "gamma=0"))
    gap = (s.neg - s.pos[:, None]).detach()
    log_kappa, sharpness, _ = parts(soft, s)
    worst = soft.log_odds(s, log_kappa).argmax()
    before = radius(gap, log_kappa, 1 / parts(plain, s)[1])[worst]
    assert radius(gap, log_kappa, 1 / sharpness)[worst] < before
