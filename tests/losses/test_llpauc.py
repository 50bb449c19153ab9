"""LLPAUC: what it comes to at the optimum of its scalars, and which of them climb."""

import math

import numpy as np
import pytest
import torch
from loss_cases import batch, build, case, of
from torch.testing import assert_close

import naive
from rankbench.losses.llpauc import SCALARS

MODES = ["min-max", "min-min"]
RATE = {name: rate for name, (_, _, _, rate) in SCALARS.items()}


def with_scalars(text, **values):
    loss = build(text).double()
    for name, value in values.items():
        loss.get_parameter(name).data.fill_(float(value) / RATE[name])
    return loss


MIXED = {"a": 0.7, "b": 0.2, "gamma": -0.3, "s_pos": 0.6, "s_neg": 0.4, "theta_a": 0.1, "theta_b": 0.9}
OUTSIDE = {"a": 1.4, "b": -0.2, "gamma": -1.3, "s_pos": 4.6, "s_neg": -0.4, "theta_a": -3, "theta_b": 3}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scalars", [MIXED, OUTSIDE])
def test_equals_the_naive_loops_at_other_scalars(mode, scalars):
    loss, s = with_scalars(f"llpauc:mode={mode},alpha=0.4", **scalars), batch(0)
    want = naive.LOSS["llpauc"](case(s, loss), loss.values(), case(s, loss))
    assert_close(loss(s), torch.tensor(want, dtype=torch.float64), rtol=1e-9, atol=1e-9)


def test_of_all_pairs_it_is_the_square_of_the_area():
    """Shares of 1, a sharp [x]+ and all scalars at their optimum."""
    pos, neg = torch.rand(30).double() * 2 - 1, (torch.rand(40).double() * 2 - 1).expand(30, -1)
    f_pos, f_neg = torch.sigmoid(pos), torch.sigmoid(neg)
    a, b = f_pos.mean(), f_neg.mean()
    gamma = b - a
    own = (f_pos - a).square() - 2 * (1 + gamma) * f_pos
    others = (f_neg - b).square() + 2 * (1 + gamma) * f_neg
    optimum = {"a": a, "b": b, "gamma": gamma, "s_pos": (-own).min() - 1e-3, "s_neg": others.min() - 1e-3}
    loss = with_scalars("llpauc:alpha=1,beta=1,kappa=1e5", **optimum, theta_a=0, theta_b=0)
    want = (1 - (f_pos[:, None] - f_neg)).square().mean() - 1
    assert_close(loss(of(pos, neg)).mean(), want, rtol=1e-6, atol=1e-6)


def test_the_threshold_of_the_negatives_leaves_the_mean_of_the_hardest():
    """The least value over s-, and no other, has the hardest share in place of the mean over all."""
    s = batch(1, 1, 50)
    f = torch.sigmoid(s.neg.detach())[0]
    hardness = (f.square() + 2 * f).sort(descending=True).values
    at = {"a": 1, "b": 0, "gamma": 0, "s_pos": 0.5, "theta_a": 0, "theta_b": 0}
    loss, found = with_scalars("llpauc:beta=0.1,kappa=1e5", **at), []
    for s_neg in np.linspace(0.3, 2.5, 1000):
        loss.s_neg.data.fill_(s_neg / 2)
        found.append(loss(s).item())
    rest = with_scalars("llpauc:beta=1,kappa=1e5", **at, s_neg=0)(s).item() - hardness.mean().item()
    assert min(found) - rest == pytest.approx(hardness[:5].mean().item(), abs=1e-3)


def gradient_of_scalars(mode):
    loss = with_scalars(f"llpauc:mode={mode}", **MIXED)
    loss(batch(2)).mean().backward()
    return {name: loss.get_parameter(name).grad.item() for name in SCALARS}


def test_gamma_and_s_pos_climb_in_the_papers_form_only():
    up, down = gradient_of_scalars("min-max"), gradient_of_scalars("min-min")
    for name in SCALARS:
        assert up[name] == pytest.approx(-down[name] if name in ("gamma", "s_pos") else down[name])
        assert up[name] != 0


@pytest.mark.parametrize("name", list(SCALARS))
def test_the_gradient_of_a_scalar_is_its_derivative(name):
    def value(x):
        return with_scalars("llpauc:mode=min-min", **{**MIXED, name: x})(batch(2)).mean().item()

    slope = (value(MIXED[name] + 1e-6) - value(MIXED[name] - 1e-6)) / 2e-6
    assert gradient_of_scalars("min-min")[name] == pytest.approx(slope, rel=1e-5)


def test_the_inner_problem_is_solved_by_steps_up_and_down():
    """With the scores held, Adam finds the optimum that is known in closed form."""
    pos, neg = torch.linspace(-0.5, 1, 20).double(), torch.linspace(-1, 0.5, 30).double().expand(20, -1)
    loss = build("llpauc:alpha=1,beta=1,kappa=200").double().train()
    optimiser = torch.optim.Adam(loss.parameters(), lr=0.01)
    s = of(pos, neg)
    for step in range(800):
        optimiser.param_groups[0]["lr"] = 0.01 / (1 + step / 100)
        optimiser.zero_grad()
        loss(s).mean().backward()
        optimiser.step()
    f_pos, f_neg = torch.sigmoid(pos).mean(), torch.sigmoid(neg[0]).mean()
    assert_close(loss.a.data, f_pos, rtol=0, atol=0.02)
    assert_close(loss.b.data, f_neg, rtol=0, atol=0.02)
    assert_close(loss.gamma.data * 2, f_neg - f_pos, rtol=0, atol=0.02)


@pytest.mark.parametrize("mode", MODES)
def test_scalars_outside_their_bounds_are_put_back_by_a_training_step_only(mode):
    loss, s = with_scalars(f"llpauc:mode={mode}", **OUTSIDE), batch(3)
    value = loss(s)
    assert loss.a.item() == pytest.approx(1.4)
    loss.train()
    assert torch.equal(loss(s), value)
    for name, (_, low, high, rate) in SCALARS.items():
        low = -math.inf if mode == "min-min" and name.startswith("theta") else low
        assert loss.get_parameter(name).item() * rate == pytest.approx(min(max(OUTSIDE[name], low), high))


@pytest.mark.parametrize(("a", "b", "least"), [(0.3, 0.1, -0.3), (0.9, 0.6, -0.4)])
def test_in_the_benchmarks_form_gamma_keeps_scores_apart(a, b, least):
    """At its least, more of a positive and less of a negative still lower the loss."""
    loss = with_scalars("llpauc:mode=min-min", a=a, b=b, gamma=-1).train()
    s = batch(4, scale=8)
    loss(s).sum().backward()
    assert loss.gamma.item() * 2 == pytest.approx(least)
    assert (s.pos.grad <= 0).all()
    assert (s.neg.grad >= 0).all()


def test_everything_it_learns_is_stored_with_the_model():
    loss = build("llpauc")
    assert list(loss.state_dict()) == list(SCALARS) == [name for name, _ in loss.named_parameters()]


def test_a_scalar_that_left_its_bounds_is_put_back_before_its_gradient_is_taken():
    loss = build("llpauc").train()
    loss.theta_a.data.fill_(-0.3)
    loss(batch(0, 6)).sum().backward()
    assert loss.theta_a.item() == 0
    assert loss.theta_a.grad.item() == 6  # a + gamma of each example
