"""SogCLR and SogSL@K: their running averages, and what they are when these are switched off."""

import math

import pytest
import torch
from loss_cases import N_USERS, batch, build, case, gradients, of
from test_slatk import DEGREES, epoch_of, naive_thresholds
from torch.testing import assert_close

import naive
from rankbench.data.interactions import Interactions
from rankbench.losses.sogclr import SogCLR
from rankbench.losses.sogslatk import SogSLatK
from rankbench.rowwise import log_mean_by_group
from toy import random_interactions

BOTH = ["sogclr:gamma=0.3", "sogslatk:gamma=0.3,tau_weight=0.5", "sogslatk:gamma=0.3,tau_weight=0.5,weight_both=false"]


def in_training(text):
    return build(text).train()


@pytest.mark.parametrize("text", BOTH)
def test_equals_the_naive_loops_at_every_step_of_a_training(text):
    """The naive loops take the state that the step before has left behind."""
    loss = in_training(text).double()
    if text.startswith("sogslatk"):
        loss.top.threshold.copy_(torch.linspace(-0.5, 0.7, N_USERS))
    visited = set()
    for seed in range(6):
        s = batch(seed, 4, 9)
        before = case(s, loss)
        want = naive.LOSS[text.partition(":")[0]](before, loss.values(), before)
        assert_close(loss(s), torch.tensor(want, dtype=torch.float64), rtol=1e-9, atol=1e-9)
        visited |= set(s.user.tolist())
        assert {u for u, x in enumerate(loss.log_average.tolist()) if x > -math.inf} == visited


def test_the_average_starts_with_the_first_step_and_then_follows_by_gamma():
    loss = in_training("sogclr:gamma=0.3,tau=0.5").double()
    g = []
    for seed in range(3):
        s = batch(seed, 1, 9)
        s.user.zero_()
        loss(s)
        g.append((s.neg.detach() / 0.5).exp().mean().item())
    want = 0.7 * (0.7 * g[0] + 0.3 * g[1]) + 0.3 * g[2]
    assert loss.log_average[0].exp().item() == pytest.approx(want)
    assert loss.log_average[1:].isinf().all()


def test_a_user_with_several_rows_is_updated_once_by_their_mean():
    loss = in_training("sogclr:gamma=0.3,tau=0.5").double()
    loss.log_average[2] = math.log(1.7)
    s = batch(0, 3, 9)
    s.user.fill_(2)
    loss(s)
    want = 0.7 * 1.7 + 0.3 * (s.neg.detach() / 0.5).exp().mean().item()
    assert loss.log_average[2].exp().item() == pytest.approx(want)


@pytest.mark.parametrize("text", BOTH)
def test_only_a_training_step_changes_the_average(text):
    loss, s = build(text), batch(0)
    value = loss(s)
    assert loss.log_average.isinf().all()
    loss.train()
    with torch.no_grad():
        assert torch.equal(loss(s), value)
    assert loss.log_average.isinf().all()
    assert torch.equal(loss(s), value)
    assert not loss.log_average[s.user].isinf().any()


@pytest.mark.parametrize("tau", [0.05, 0.2])
def test_without_a_past_the_gradients_are_those_of_softmax(tau):
    loss, s = in_training(f"sogclr:gamma=1,tau={tau}"), batch(1, 5)
    s.user.copy_(torch.arange(5))
    loss.log_average.fill_(3.0)
    for got, want in zip(gradients(loss, s), gradients(build(f"softmax:tau={tau}"), s), strict=True):
        assert_close(got, want)
    assert_close(loss(s), 1 - s.pos / tau)


def test_over_all_negatives_of_a_model_at_rest_the_average_is_exact():
    loss = in_training("sogclr:gamma=0.1,tau=0.2")
    s = batch(2, 1, 30)
    for _ in range(20):
        loss(s)
    exact = torch.logsumexp(s.neg.detach()[0] / 0.2, dim=0) - math.log(30)
    assert_close(loss.log_average[s.user[0]].double(), exact, rtol=1e-6, atol=1e-6)


def test_gradient_is_softmax_with_the_averaged_normaliser():
    loss, s = build("sogclr:gamma=0.4,tau=0.3"), batch(3, 5)
    s.user.copy_(torch.arange(5))
    loss.log_average.copy_(torch.linspace(-1, 2, 5))
    pos, neg = gradients(loss, s)
    e = (s.neg.detach() / 0.3).exp()
    average = 0.6 * loss.log_average.double().exp() + 0.4 * e.mean(dim=1)
    assert_close(neg, e / (7 * 0.3 * average[:, None]))
    assert_close(pos, torch.full_like(pos, -1 / 0.3))


def test_group_means_do_not_overflow():
    x = torch.tensor([900.0, 901.0, -900.0, 3.0])
    got = log_mean_by_group(x, torch.tensor([1, 1, 0, 2]), 3)
    assert_close(got, torch.tensor([-900.0, 901 + math.log((1 + math.exp(-1)) / 2), 3.0]))


@pytest.mark.parametrize("both", ["true", "false"])
def test_a_weight_without_temperature_leaves_sogclr(both):
    s = batch(4)
    loss, plain = build(f"sogslatk:tau_weight=1e12,weight_both={both}"), build("sogclr")
    assert_close(loss(s), plain(s))
    for got, want in zip(gradients(loss, s), gradients(plain, s), strict=True):
        assert_close(got, want)


def test_weights_average_one_and_follow_the_lead_on_the_threshold():
    loss, s = build("sogslatk:tau_weight=0.2"), batch(5, 40)
    loss.top.threshold.copy_(torch.linspace(-0.5, 0.7, N_USERS))
    weight = loss.weight(s)
    lead = (s.pos - loss.top.threshold[s.user]).detach()
    assert_close(weight.mean(), torch.ones(()).double())
    assert_close(weight / weight[0], torch.sigmoid(lead / 0.2) / torch.sigmoid(lead[0] / 0.2))


@pytest.mark.parametrize("both", [True, False])
def test_gradient_is_weighted_on_one_term_or_both(both):
    loss, s = build(f"sogslatk:tau=0.2,tau_weight=0.3,weight_both={str(both).lower()}"), batch(6)
    weight, (pos, neg) = loss.weight(s), gradients(build("sogclr:tau=0.2"), s)
    got_pos, got_neg = gradients(loss, s)
    assert_close(got_pos, weight * pos)
    assert_close(got_neg, weight[:, None] * neg if both else neg)


def test_weights_of_scores_far_below_every_threshold_are_finite():
    loss = build("sogslatk:tau_weight=0.01")
    s = of(torch.tensor([-1e4, -1e4 - 0.01, -2e4]), torch.zeros(3, 4))
    assert_close(loss.weight(s), torch.tensor([math.e, 1, 0]) * (3 / (math.e + 1)), rtol=0.2, atol=1e-6)


def test_thresholds_are_those_of_slatk():
    loss = SogSLatK(k=3, refresh_every=2)
    loss.bind(Interactions.from_pairs(torch.arange(10).numpy(), torch.zeros(10).long().numpy(), 10, 1), 0)
    loss.refresh(epoch_of(1, DEGREES)[0])
    assert not loss.top.threshold.any()
    epoch, drawn, score = epoch_of(2, DEGREES)
    loss.refresh(epoch)
    assert torch.equal(loss.top.threshold, naive_thresholds(epoch, drawn, score, 3))


def test_state_travels_with_the_model():
    train = random_interactions(0, N_USERS, 20, 4)
    for make in (SogCLR, SogSLatK):
        loss, other = make(), make()
        loss.bind(train, 0)
        other.bind(train, 0)
        loss(batch(0))
        other.load_state_dict(loss.state_dict())
        assert torch.equal(other.log_average, loss.log_average)
        assert not list(loss.parameters())
