"""Functions of rows against torch's own in float64, at the ends of their ranges."""

import math

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rankbench.rowwise import (
    fall_of_power_mean,
    largest,
    log_odds_of_largest,
    log_sum_exp,
    log_sum_exp_of_gaps,
    log_weights,
    power_mean_of_excess,
    softplus_and_slope,
    standardise,
    sum_of_softplus,
)
from rankbench.rowwise.exponentials import _exponentials

ROWS = {
    "normal": lambda n, g: torch.randn(n, generator=g),
    "steep": lambda n, g: torch.randn(n, generator=g) * 1e4,
    "equal": lambda n, g: torch.full((n,), 0.3),
    "few levels": lambda n, g: torch.randint(0, 3, (n,), generator=g).float(),
    "masked": lambda n, g: torch.where(torch.arange(n) % 3 > 0, -torch.inf, torch.randn(n, generator=g)),
    "one left": lambda n, g: torch.cat([torch.ones(1), torch.full((n - 1,), -torch.inf)]),
}


@pytest.mark.parametrize("kind", ROWS)
@settings(max_examples=20, deadline=None)
@given(n=st.sampled_from([1, 2, 7, 64, 1000]), seed=st.integers(0, 10**6))
def test_log_sum_exp_and_its_gradient(kind, n, seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.stack([ROWS[kind](n, g), ROWS["normal"](n, g)]).requires_grad_()
    weight = torch.randn(2, generator=g)
    wide = x.detach().double().requires_grad_()
    expected = torch.logsumexp(wide, dim=1)
    found = log_sum_exp(x)
    torch.testing.assert_close(found.double(), expected, rtol=2e-6, atol=2e-6)
    (grad,) = torch.autograd.grad(found, x, weight)
    (grad_expected,) = torch.autograd.grad(expected, wide, weight.double())
    torch.testing.assert_close(grad.double(), grad_expected, rtol=1e-5, atol=2e-6)


def test_log_sum_exp_of_nothing_and_of_no_numbers():
    nothing = torch.full((1, 5), -torch.inf, requires_grad=True)
    assert log_sum_exp(nothing).item() == -torch.inf
    assert (torch.autograd.grad(log_sum_exp(nothing), nothing)[0] == 0).all()
    assert log_sum_exp(torch.tensor([[0.0, torch.nan, 1.0]])).isnan().all()
    assert log_sum_exp(torch.tensor([[0.0, torch.inf, 1.0]])).item() == torch.inf


def test_exponentials_are_exact_to_the_last_digits():
    x = -torch.cat([torch.linspace(0, 90, 100_001), torch.logspace(-30, 0, 1000)])[None]
    x = torch.cat([torch.zeros(1, 1), x], dim=1)  # the largest
    found, expected = _exponentials(x)[1][0].double(), x[0].double().exp()
    normal = x[0] > -87
    assert ((found - expected).abs() <= 2.0**-22 * expected)[normal].all()
    assert (found[~normal & (x[0] < -87)] == 0).all()
    assert _exponentials(torch.full((1, 3), -torch.inf))[1].eq(0).all()


def test_log_sum_exp_can_be_differentiated_twice():
    x = torch.randn(3, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(log_sum_exp, x)
    assert torch.autograd.gradgradcheck(log_sum_exp, x)


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("shifted", [False, True])
@settings(max_examples=10, deadline=None)
@given(n=st.sampled_from([1, 2, 7, 64, 1000]), tau=st.sampled_from([0.1, 1.0]), seed=st.integers(0, 10**6))
def test_log_sum_exp_of_gaps_is_that_of_the_gaps_written_out(kind, shifted, n, tau, seed):
    g = torch.Generator().manual_seed(seed)
    neg = torch.stack([ROWS[kind](n, g), ROWS["normal"](n, g)]).requires_grad_()
    pos = torch.randn(2, generator=g).requires_grad_()
    sharpness, weight = torch.rand(2, generator=g) / tau, torch.randn(2, generator=g)
    offset = torch.randn(2, n, generator=g) if shifted else None
    wide = [t.detach().double().requires_grad_() for t in (neg, pos)]
    expected = torch.logsumexp(
        (wide[0] - wide[1][:, None]) * sharpness.double()[:, None] + (offset.double() if shifted else 0), dim=1
    )
    found = log_sum_exp_of_gaps(neg, pos, sharpness, offset)
    tolerance = 2e-6 * (1 + wide[0].abs().nan_to_num(posinf=0).max().item() / tau)  # of gaps in float32
    torch.testing.assert_close(found.double(), expected, rtol=2e-6, atol=tolerance)
    grads = torch.autograd.grad(found, (neg, pos), weight)
    for a, b in zip(grads, torch.autograd.grad(expected, wide, weight.double()), strict=True):
        torch.testing.assert_close(a.double(), b, rtol=1e-5 + tolerance, atol=1e-5)


def test_log_sum_exp_of_gaps_at_the_ends_of_its_range():
    neg, pos = torch.full((1, 70), -torch.inf, requires_grad=True), torch.zeros(1, requires_grad=True)
    nothing = log_sum_exp_of_gaps(neg, pos, 2.0)
    assert nothing.item() == -torch.inf
    assert all((g == 0).all() for g in torch.autograd.grad(nothing, (neg, pos)))
    assert log_sum_exp_of_gaps(torch.tensor([[0.0, torch.nan]]), torch.zeros(1), 1.0).isnan().all()
    assert log_sum_exp_of_gaps(torch.tensor([[0.0, torch.inf]]), torch.zeros(1), 1.0).item() == torch.inf


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_log_sum_exp_of_gaps_can_be_differentiated_twice_and_by_sharpness(dtype):
    neg, pos = torch.randn(3, 6, dtype=dtype, requires_grad=True), torch.randn(3, dtype=dtype, requires_grad=True)
    (grad,) = torch.autograd.grad(log_sum_exp_of_gaps(neg, pos, 2.0).sum(), neg, create_graph=True)
    found = torch.autograd.grad(grad.square().sum(), (neg, pos))
    (grad,) = torch.autograd.grad(torch.logsumexp((neg - pos[:, None]) * 2, dim=1).sum(), neg, create_graph=True)
    for a, b in zip(found, torch.autograd.grad(grad.square().sum(), (neg, pos)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    sharpness = torch.ones(3, dtype=dtype, requires_grad=True)
    (slope,) = torch.autograd.grad(log_sum_exp_of_gaps(neg, pos, sharpness).sum(), sharpness)
    gap = (neg - pos[:, None]).detach()
    torch.testing.assert_close(slope, (torch.softmax(gap, dim=1) * gap).sum(dim=1))


@settings(max_examples=30, deadline=None)
@given(n=st.sampled_from([1, 2, 50]), offset=st.sampled_from([0.0, 1.0, 100.0]), seed=st.integers(0, 10**6))
def test_standardised_rows(n, offset, seed):
    x = torch.randn(4, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + offset
    std, mean = torch.std_mean(x, dim=1, correction=0, keepdim=True)
    expected = (x - mean) / std.clamp_min(1e-4)
    torch.testing.assert_close(standardise(x, 1e-4), expected)
    near = (x - offset).float()  # rounding at an offset is as large as what is asked for
    torch.testing.assert_close(standardise(near, 1e-4).double(), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(standardise(near.clone().requires_grad_(), 1e-4), standardise(near, 1e-4))
    assert (standardise(torch.full((2, n), offset), 1e-4) == 0).all()


@pytest.mark.parametrize("kind", ROWS)
@settings(max_examples=20, deadline=None)
@given(
    n=st.sampled_from([1, 30, 255, 256, 300, 1000]), k=st.sampled_from([1, 5, 20, 32, 33]), seed=st.integers(0, 10**6)
)
def test_the_largest_entries(kind, n, k, seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.stack([ROWS[kind](n, g), ROWS["normal"](n, g)])
    k = min(k, n)
    place = largest(x, k)
    assert all(len(set(row)) == k for row in place.tolist())
    expected = x.topk(k, dim=1).values
    assert torch.equal(x.gather(1, place).sort(dim=1, descending=True).values, expected)


def z_scores(x: torch.Tensor) -> torch.Tensor:
    std, mean = torch.std_mean(x, dim=1, correction=0, keepdim=True)
    return (x - mean) / std.clamp_min(1e-4)


@settings(max_examples=40, deadline=None)
@given(
    n=st.sampled_from([1, 2, 50, 1000]),
    factors=st.lists(st.sampled_from([-2.0, -0.25, 0.5]), min_size=1, max_size=3),
    n_absolute=st.integers(0, 2),
    bound=st.sampled_from([0.1, 1.4, 10.0]),
    seed=st.integers(0, 10**6),
)
def test_log_weights(n, factors, n_absolute, bound, seed):
    """Of float32 and of float64: by the kernel, where there is one, and by torch."""
    g = torch.Generator().manual_seed(seed)
    terms = [(factor, torch.randn(3, n, generator=g)) for factor in factors]
    wide = [(factor, x.double()) for factor, x in terms]
    omega = sum(f * (x if i < n_absolute else z_scores(x)) for i, (f, x) in enumerate(wide)).clamp(-bound, bound)
    expected = omega - torch.logsumexp(omega, dim=1, keepdim=True) + math.log(n)
    tolerances = ((terms, 2e-5), (wide, 1e-12))
    for some, tolerance in tolerances:
        found = log_weights(some[:n_absolute], some[n_absolute:], bound, 1e-4)
        torch.testing.assert_close(found.double(), expected, rtol=tolerance, atol=tolerance)
        spare = some[min(n_absolute, len(some) - 1)][1]  # of the first relative term, if there is one
        over = log_weights(some[:n_absolute], some[n_absolute:], bound, 1e-4, spare=spare)
        assert torch.equal(over, found)
    assert log_weights([], [(1.0, torch.tensor([[0.0, torch.nan]]))], 1.0, 1e-4).isnan().all()


@settings(max_examples=40, deadline=None)
@given(
    n=st.sampled_from([1, 30, 255, 256, 1000]),
    k=st.sampled_from([1, 20, 33]),
    offsets=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_log_odds_of_the_largest(n, k, offsets, seed):
    g = torch.Generator().manual_seed(seed)
    neg, pos, offset = torch.randn(4, n, generator=g), torch.randn(4, generator=g), torch.randn(4, n, generator=g)
    k, tau = min(k, n), 0.3
    logit = (neg.double() - pos.double()[:, None]) / tau + (offset.double() if offsets else 0)
    expected = torch.logsumexp(logit.topk(k, dim=1).values, dim=1) - math.log(k)
    for kind in (torch.float32, torch.float64):
        found = log_odds_of_largest(neg.to(kind), pos.to(kind), offset.to(kind) if offsets else None, tau, k)
        torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)


def test_places_of_rows_that_are_not_numbers_can_be_gathered():
    place = largest(torch.full((2, 400), torch.nan), 20)
    assert ((place >= 0) & (place < 400)).all()


@pytest.mark.parametrize("kind", ROWS)
@settings(max_examples=10, deadline=None)
@example(n=1, scale=30.0, seed=825)
@given(n=st.sampled_from([1, 2, 7, 64, 1000]), scale=st.sampled_from([1e-3, 1.0, 30.0]), seed=st.integers(0, 10**6))
def test_sum_of_softplus_and_its_gradient(kind, n, scale, seed):
    g = torch.Generator().manual_seed(seed)
    x = (torch.stack([ROWS[kind](n, g), ROWS["normal"](n, g)]) * scale).requires_grad_()
    weight = torch.randn(2, generator=g)
    wide = x.detach().double().requires_grad_()
    expected = torch.logaddexp(wide, torch.zeros((), dtype=torch.float64)).sum(dim=1)
    torch.testing.assert_close(sum_of_softplus(x).double(), expected, rtol=1e-6, atol=1e-34)  # e^x below e^-87 is 0
    torch.testing.assert_close(softplus_and_slope(x)[1].double(), torch.sigmoid(wide), rtol=1e-6, atol=1e-35)
    (grad,) = torch.autograd.grad(sum_of_softplus(x), x, weight)
    torch.testing.assert_close(grad.double(), torch.sigmoid(wide) * weight[:, None], rtol=1e-6, atol=1e-35)


def test_sum_of_softplus_of_no_numbers():
    assert sum_of_softplus(torch.tensor([[0.0, torch.nan, 1.0]])).isnan().all()
    assert sum_of_softplus(torch.tensor([[0.0, torch.inf, 1.0]])).item() == torch.inf


@settings(max_examples=40, deadline=None)
@given(
    n=st.sampled_from([1, 2, 7, 64, 1000]),
    p=st.sampled_from([1.0, 1.007, 1.5, 2.0, 60.0]),
    weight=st.sampled_from([1.0, 50.0]),
    least=st.sampled_from([1e-3, 0.1]),
    seed=st.integers(0, 10**6),
)
def test_power_mean_of_excess_and_its_gradients(n, p, weight, least, seed):
    g = torch.Generator().manual_seed(seed)
    given_ = [torch.rand(4, n, generator=g) * 2 - 1, torch.rand(4, generator=g) - 0.3]
    single = [t.requires_grad_() for t in given_]
    double = [t.detach().double().requires_grad_() for t in given_]
    x = least + weight * (double[0] - double[1][:, None]).relu()
    largest = x.detach().amax(dim=1)
    expected = largest * (x / largest[:, None]).pow(p).mean(dim=1).pow(1 / p)
    found, factor = power_mean_of_excess(*single, weight, least, p), torch.randn(4, generator=g)
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-6)
    (slope,) = torch.autograd.grad(expected.sum(), double[1], retain_graph=True)
    for given_to in (single, double):
        fall = fall_of_power_mean(*given_to, weight, least, p)
        torch.testing.assert_close(fall.double(), -slope, rtol=1e-4, atol=1e-4)
    grads = zip(
        torch.autograd.grad(found, single, factor), torch.autograd.grad(expected, double, factor.double()), strict=True
    )
    for a, b in grads:
        torch.testing.assert_close(a.double(), b, rtol=1e-4, atol=1e-4)


def test_power_mean_of_no_numbers_is_none():
    x = torch.tensor([[0.0, torch.nan, 1.0]])
    assert power_mean_of_excess(x, torch.zeros(1), 2.0, 0.1, 2.0).isnan().all()


@pytest.mark.parametrize("of", [sum_of_softplus, lambda x: power_mean_of_excess(x, x.new_zeros(3), 2.0, 0.1, 1.5)])
def test_gradients_can_be_differentiated_and_are_those_of_float64(of):
    x = torch.randn(3, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradgradcheck(of, x)
    found = []
    for t in (x, x.detach().float().requires_grad_()):
        (once,) = torch.autograd.grad(of(t).sum(), t, create_graph=True)
        found.append((once, *torch.autograd.grad(once.square().sum(), t)))
    for wide, single in zip(*found, strict=True):
        torch.testing.assert_close(single.double(), wide, rtol=1e-4, atol=1e-5)
