"""Sums of exponentials as a GPU computes them; without a GPU the kernel runs in Triton's interpreter."""

import pytest
import torch

from rankbench.rowwise import exponentials, log_sum_exp_of_gaps


@pytest.fixture
def by_triton(monkeypatch, triton_device) -> torch.device:
    monkeypatch.setattr(exponentials, "uses_triton", lambda device: True)
    return triton_device


@pytest.mark.parametrize("N", [1, 7, 64, 1500])
@pytest.mark.parametrize("with_offset", [False, True])
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_sums_and_gradients_are_those_of_float64(N, with_offset, scale, by_triton):
    torch.manual_seed(N)
    neg, pos, offset = scale * torch.randn(3, N), scale * torch.randn(3), torch.randn(3, N)
    beta, grad = torch.tensor([0.5, 10.0, 1.0]), torch.randn(3)
    wide = [t.double().requires_grad_() for t in (neg, pos)]
    gap = (wide[0] - wide[1][:, None]) * beta.double()[:, None] + (offset.double() if with_offset else 0)
    expected = torch.logsumexp(gap, dim=1)
    there = [t.to(by_triton).requires_grad_() for t in (neg, pos)]
    found = log_sum_exp_of_gaps(*there, beta.to(by_triton), offset.to(by_triton) if with_offset else None)
    torch.testing.assert_close(found.double().cpu(), expected, rtol=1e-5, atol=1e-4)
    gradients = torch.autograd.grad(found, there, grad.to(by_triton))
    for a, b in zip(gradients, torch.autograd.grad(expected, wide, grad.double()), strict=True):
        torch.testing.assert_close(a.double().cpu(), b, rtol=1e-3, atol=1e-4)


def test_rows_of_nothing_have_no_gradient(by_triton):
    neg = torch.full((2, 5), -torch.inf, device=by_triton, requires_grad=True)
    pos = torch.zeros(2, device=by_triton, requires_grad=True)
    found = log_sum_exp_of_gaps(neg, pos, 1.0)
    assert found.isneginf().all()
    for gradient in torch.autograd.grad(found.sum(), (neg, pos)):
        assert (gradient == 0).all()
    assert log_sum_exp_of_gaps(torch.full((1, 3), torch.nan, device=by_triton), pos[:1].detach(), 1.0).isnan()
