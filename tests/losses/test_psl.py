import math

import pytest
import torch
from loss_cases import batch, build, dcg_bounds, gradients, over_all_items
from torch.nn.functional import softplus
from torch.testing import assert_close

FLATTER = ("relu", "atan", "tanh")
SIGMA = {
    "relu": (lambda x: 1 + x, lambda x: torch.ones_like(x)),
    "atan": (lambda x: 1 + torch.atan(x), lambda x: 1 / (1 + x**2)),
    "tanh": (lambda x: 1 + torch.tanh(x), lambda x: 1 - torch.tanh(x) ** 2),
    "softplus": (lambda x: 1 + torch.exp(x), torch.exp),
    "exp": (torch.exp, torch.exp),
}
"""Each activation and its derivative."""


@pytest.mark.parametrize("tau", [0.025, 0.1])
def test_exp_is_softmax_at_twice_the_temperature(tau):
    s = batch(0)
    assert_close(build(f"psl:activation=exp,tau={tau}")(s), build(f"softmax:tau={2 * tau}")(s))


@pytest.mark.parametrize("activation", FLATTER)
def test_lies_between_dcg_and_softmax(activation):
    generator = torch.Generator().manual_seed(0)
    for tau in (0.025, 0.1):
        for _ in range(10):
            score = torch.rand(30, dtype=torch.float64, generator=generator) * 2 - 1
            positive = torch.randperm(30, generator=generator)[:4]
            s = over_all_items(score, positive)
            dcg, rank = dcg_bounds(score, positive)
            loss, softmax = build(f"psl:activation={activation},tau={tau}")(s), build(f"softmax:tau={2 * tau}")(s)
            assert (loss <= softmax + 1e-12).all()
            assert dcg <= rank <= loss.mean()


@pytest.mark.parametrize("activation", [*FLATTER, "exp"])
def test_activation_lies_between_the_step_and_the_exponential(activation):
    x = torch.linspace(-1 + 1e-6, 1, 2001, dtype=torch.float64)
    sigma = build(f"psl:activation={activation}").log_activation(x).exp()
    assert_close(sigma, SIGMA[activation][0](x))
    assert (sigma >= (x >= 0).double() - 1e-12).all()
    assert (sigma <= x.exp() + 1e-12).all()


def test_softplus_lies_above_softmax():
    s, tau = batch(0), 0.1
    assert (build(f"psl:activation=softplus,tau={tau}")(s) > build(f"softmax:tau={2 * tau}")(s)).all()


def test_tanh_is_a_softplus_of_the_whole_cosine():
    s, tau = batch(1), 0.05
    gap = s.neg - s.pos[:, None]
    assert_close(
        build(f"psl:activation=tanh,tau={tau}")(s), math.log(2) / tau + torch.logsumexp(-softplus(-gap) / tau, dim=1)
    )


@pytest.mark.parametrize("activation", SIGMA)
def test_gradient_is_the_published_one_halved(activation):
    s, tau = batch(2), 0.1
    half = ((s.neg - s.pos[:, None]) / 2).detach()
    sigma, slope = SIGMA[activation]
    value = sigma(half)
    want = slope(half) * value ** (1 / tau - 1) / (tau * (value ** (1 / tau)).sum(dim=1, keepdim=True))
    pos, neg = gradients(build(f"psl:activation={activation},tau={tau}"), s)
    assert_close(neg, want / 2)
    assert_close(pos, -neg.sum(dim=1))


@pytest.mark.parametrize("activation", FLATTER)
def test_is_the_worst_expected_pairwise_loss_less_its_divergence_from_uniform(activation):
    s, tau = batch(3, B=4, N=9), 0.1
    pairwise = SIGMA[activation][0]((s.neg - s.pos[:, None]).detach() / 2).log()
    robust = tau * (build(f"psl:activation={activation},tau={tau}")(s).detach() - math.log(9))

    def value(q):
        return (q * pairwise).sum(dim=1) - tau * (q * (9 * q).log()).sum(dim=1)

    assert_close(value(torch.softmax(pairwise / tau, dim=1)), robust)
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        q = torch.softmax(torch.randn(4, 9, dtype=torch.float64, generator=generator) * 3, dim=1)
        assert (value(q) <= robust + 1e-12).all()
