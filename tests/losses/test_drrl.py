"""DrRL: its margins, its gradient, and the losses that it contains."""

import pytest
import torch
from family_adaptive import margins
from loss_cases import N_USERS, batch, build, case, gradients, of
from torch.testing import assert_close

import naive

TEXTS = ["drrl:margin=-0.2", "drrl:power=3,weight=2,margin=0.2,margin_step=0.05", "drrl:power=1,margin=0"]


@pytest.mark.parametrize("text", TEXTS)
def test_equals_the_naive_loops_at_every_step_of_a_training(text):
    loss = build(text).train().double()
    for seed in range(6):
        s = batch(seed, 4, 9)
        before = case(s, loss)
        want = naive.LOSS["drrl"](before, loss.values(), before)
        assert_close(loss(s), torch.tensor(want, dtype=torch.float64), rtol=1e-9, atol=1e-9)
        assert_close(loss.user_margin.tolist(), margins(before, loss.values()), rtol=1e-9, atol=1e-9)


def summed(loss, s, margin):
    """The expression that margins descend on, with gradients to them and none to the scores."""
    own = margin[s.user]
    x = loss.epsilon + loss.weight * (s.neg.detach() - own[:, None]).clamp_min(0)
    return (x.pow(loss.power).mean(dim=1).pow(1 / loss.power) + own).sum()


def moved(loss, s):
    """The margins after the step that a batch makes them take."""
    margin = loss.user_margin.clone()
    margin[s.user] = loss.settled(s).to(margin)
    return margin


@pytest.mark.parametrize("text", TEXTS)
def test_margins_take_a_step_down_the_sum_of_their_rows(text):
    loss, s = build(text).double(), batch(1, 20, 9)
    loss.user_margin.copy_(torch.linspace(-0.5, 0.5, N_USERS))
    margin = loss.user_margin.clone().requires_grad_()
    summed(loss, s, margin).backward()
    assert_close(moved(loss, s), (margin - loss.margin_step * margin.grad).detach())


def test_margins_settle_at_the_minimum():
    loss, s = build("drrl:power=2,weight=2,margin=0,margin_step=0.02").train().double(), batch(2, 5, 40)
    s.user.copy_(torch.arange(5))
    for _ in range(2000):
        loss(s)
    at = loss.user_margin.clone()
    for step in (-0.01, 0.01):
        for u in range(5):
            other = at.clone()
            other[u] += step
            assert summed(loss, s, at) < summed(loss, s, other)


@pytest.mark.parametrize("text", TEXTS)
def test_only_a_training_step_moves_the_margins(text):
    loss, s = build(text), batch(3)
    before = loss.user_margin.clone()
    value = loss(s)
    loss.train()
    with torch.no_grad():
        assert torch.equal(loss(s), value)
    assert torch.equal(loss.user_margin, before)
    assert torch.equal(loss(s), value)
    assert not torch.equal(loss.user_margin, before)


@pytest.mark.parametrize("m", [-0.4, 0.2])
def test_of_first_order_with_fixed_margins_it_is_ccl_and_a_constant(m):
    loss, s = build(f"drrl:power=1,weight=5,margin={m},margin_step=0,epsilon=0.25").double(), batch(4)
    ccl = (1 - s.pos).clamp_min(0) + 5 * (s.neg - loss.user_margin[0]).clamp_min(0).mean(dim=1)
    assert_close(loss(s), ccl + loss.user_margin[0] + 0.25)


def test_of_second_order_it_is_the_root_mean_square():
    loss, s = build("drrl:power=2,weight=1,margin=-3,margin_step=0,epsilon=1e-9"), batch(5)
    want = (1 - s.pos) + (s.neg + 3).square().mean(dim=1).sqrt() - 3
    assert_close(loss(s), want)


@pytest.mark.parametrize("text", TEXTS)
def test_gradient_is_the_stated_one(text):
    loss, s = build(f"{text},margin_step=0" if "step" not in text else text), batch(6)
    margin = moved(loss, s)[s.user].double()
    lead = (s.neg - margin[:, None]).detach()
    x = loss.epsilon + loss.weight * lead.clamp_min(0)
    A = x.pow(loss.power).mean(dim=1, keepdim=True)
    pos, neg = gradients(loss, s)
    assert_close(neg, loss.weight * A ** (1 / loss.power - 1) * x ** (loss.power - 1) * (lead > 0) / 7)
    assert_close(pos, -torch.ones_like(pos))


def test_a_high_order_neither_overflows_nor_vanishes():
    s = of(torch.zeros(2), torch.tensor([[50.0, 1.0, 0.9], [0.2, 0.1, 0.05]]))
    loss = build("drrl:power=60,weight=50,margin=0,margin_step=0,epsilon=0.001")
    assert_close(loss(s), 1 + torch.tensor([2500.001, 10.001]) * 3 ** (-1 / 60))
    assert all(g.isfinite().all() for g in gradients(loss, s))
    assert (gradients(loss, s)[1].sum(dim=1) > 1).all()


def test_a_positive_that_rounding_takes_above_one_is_done():
    s = of(torch.tensor([1.5, 0.5]), torch.full((2, 3), -1.0))
    loss = build("drrl:margin=0.2,margin_step=0,epsilon=0.1")
    assert_close(loss(s), torch.tensor([0.3, 0.8]))
    assert gradients(loss, s)[0].tolist() == [0, -1]
