"""DSL: what its weights and temperatures promise, and what it is when they are switched off."""

import math

import pytest
import torch
from dsl_cases import BOTH, KAPPA, VARIANTS, competition, parts
from loss_cases import batch, build, gradients, of, rows
from torch.testing import assert_close


@pytest.mark.parametrize("incl", ["false", "true"])
@pytest.mark.parametrize("weight", ["softmax", "dro"])
@pytest.mark.parametrize("tau", [0.05, 0.2])
def test_with_both_scales_off_it_is_softmax(incl, weight, tau):
    s = batch(0)
    loss, plain = build(f"dsl:gamma=0,tau={tau},incl={incl},weight={weight}"), build(f"softmax:tau={tau},incl={incl}")
    assert_close(loss(s), plain(s), rtol=1e-12, atol=1e-12)
    for got, want in zip(gradients(loss, s), gradients(plain, s), strict=True):
        assert_close(got, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("text", VARIANTS)
def test_weights_average_one_and_sharpness_averages_that_of_tau(text):
    loss = build(text)
    for seed in range(5):
        log_kappa, sharpness, _ = parts(loss, batch(seed, 40, 9))
        assert_close(log_kappa.exp().mean(dim=1), torch.ones(40).double())
        assert_close(sharpness.mean(), torch.tensor(1 / loss.tau).double())


@pytest.mark.parametrize("text", VARIANTS)
def test_weights_and_temperatures_stay_in_their_bounds(text):
    loss = build(text.replace("gamma=0.5", "gamma=50").replace("hardness=0.5", "hardness=50"))
    log_kappa, sharpness, _ = parts(loss, batch(0, 40, 9))
    assert (log_kappa.abs() <= 2 * math.log(loss.clip_kappa) + 1e-12).all()
    assert ((sharpness * loss.tau).log().abs() <= 2 * math.log(loss.clip_temperature) + 1e-12).all()


@pytest.mark.parametrize("text", VARIANTS)
def test_gradient_is_that_of_a_weighted_softmax(text):
    loss, s = build(text), batch(1, 40, 9)
    _, sharpness, p = parts(loss, s)
    pos, neg = gradients(loss, s)
    assert_close(neg, p * sharpness[:, None])
    assert_close(pos, -sharpness)
    assert_close(-pos.mean(), torch.tensor(1 / loss.tau).double())


@pytest.mark.parametrize("text", VARIANTS)
def test_gradient_of_the_dro_form_pulls_every_positive_alike(text):
    loss, s = build(f"{text},weight=dro"), batch(1, 40, 9)
    _, _, p = parts(loss, s)
    pos, neg = gradients(loss, s)
    assert_close(neg, p / loss.tau)
    assert_close(pos, torch.full_like(pos, -1 / loss.tau))


@pytest.mark.parametrize("text", VARIANTS)
def test_counting_the_positive_damps_the_gradient_by_its_probability(text):
    excl, incl, s = build(text), build(f"{text},incl=true"), batch(1, 40, 9)
    others = torch.sigmoid(excl(s)).detach()
    for got, plain in zip(gradients(incl, s), gradients(excl, s), strict=True):
        assert_close(got, plain * (others if got.ndim == 1 else others[:, None]))


@pytest.mark.parametrize("text", VARIANTS)
def test_a_constant_added_to_the_scores_of_an_example_changes_nothing(text):
    s, loss = batch(2), build(text)
    shift = torch.linspace(-2, 2, 6).double()
    moved = of(s.pos + shift, s.neg + shift[:, None], similarity=s.similarity)
    assert_close(loss(moved), loss(s))


@pytest.mark.parametrize("text", VARIANTS)
def test_scaling_scores_and_temperature_alike_changes_nothing(text):
    s, loss = batch(3, 20, 9), build(f"{text},tau=0.1" if "tau=" not in text else text)
    scaled = of(s.pos * 8, s.neg * 8, similarity=s.similarity)
    before, want = parts(loss, s), loss(s)
    odds = competition(loss, s)
    loss.tau *= 8
    after = parts(loss, scaled)
    assert_close(after[0], before[0])
    assert_close(after[1] * 8, before[1])
    assert_close(loss(scaled), want)
    if loss.competition == "log-odds":
        assert_close(competition(loss, scaled), odds)


def test_a_constant_similarity_has_no_effect():
    s = batch(4)
    s = of(s.pos, s.neg, similarity=torch.full_like(s.neg, 0.4))
    assert_close(build("dsl:lambda_similarity=5,slate=3")(s), build("dsl:slate=3")(s))


def test_negatives_that_are_all_equal_cost_their_gap_and_log_n():
    loss, s = build(BOTH.replace("similarity=0.7", "similarity=0")), batch(5)
    s = of(s.pos, s.neg[:, :1].expand_as(s.neg))
    _, sharpness, _ = parts(loss, s)
    assert_close(loss(s), (s.neg[:, 0] - s.pos) * sharpness + math.log(7))


def test_one_example_keeps_the_base_temperature():
    loss, s = build("dsl:gamma=3,slate=3,tau=0.2"), batch(6)
    for b in range(6):
        one = rows(s, slice(b, b + 1))
        assert_close(parts(loss, one)[1], torch.tensor([5.0]).double())
        assert_close(loss(one), build("softmax:tau=0.2")(one))


def test_weights_move_the_loss_no_further_than_the_largest_and_smallest():
    s = batch(7, 40, 9)
    loss, plain = build(f"dsl:gamma=0,{KAPPA}"), build("softmax")(s)
    log_kappa, _, _ = parts(loss, s)
    assert (loss(s) >= plain + log_kappa.amin(dim=1)).all()
    assert (loss(s) <= plain + log_kappa.amax(dim=1)).all()


@pytest.mark.parametrize("hardness", ["zscore", "violation"])
def test_hardness_alone_never_lowers_the_loss(hardness):
    s = batch(8, 40, 9)
    loss = build(f"dsl:gamma=0,lambda_hardness=0.8,hardness={hardness}")
    assert (loss(s) > build("softmax")(s)).all()


@pytest.mark.parametrize("text", VARIANTS)
def test_scaling_all_weights_leaves_the_gradient(text, monkeypatch):
    loss, s = build(text), batch(9)
    want = gradients(loss, s)
    log_kappa = parts(loss, s)[0] + math.log(7.5)
    monkeypatch.setattr(loss, "log_kappa", lambda s: log_kappa)
    for got, expected in zip(gradients(loss, s), want, strict=True):
        assert_close(got, expected)


def test_unclipped_hardness_alone_is_another_temperature():
    s, tau = batch(10, 20, 30), 0.2
    loss = build(f"dsl:gamma=0,lambda_hardness=0.4,clip_kappa=1e30,tau={tau}")
    sharper = 1 / tau + 0.4 / s.neg.std(dim=1, correction=0)
    assert_close(parts(loss, s)[2], torch.softmax(s.neg * sharper[:, None], dim=1).detach())


@pytest.mark.parametrize("measure", ["log-odds", "radius"])
@pytest.mark.parametrize("gamma", [0.5, -0.5])
def test_temperature_follows_competition_in_the_direction_of_gamma(measure, gamma):
    loss, s = build(f"dsl:slate=3,gamma={gamma},competition={measure}"), batch(11, 40, 9)
    order = competition(loss, s).argsort()
    steps = (1 / parts(loss, s)[1])[order].diff()
    assert (steps * gamma >= -1e-12).all()
    assert (steps.abs() > 1e-6).any()


def test_the_slate_is_the_strongest_competitors():
    s, tau = batch(12, 5, 9), 0.15
    gap = (s.neg - s.pos[:, None]).detach()
    strongest = gap.sort(dim=1, descending=True).values[:, :4] / tau
    assert_close(build("dsl:slate=4").log_odds(s, None), torch.logsumexp(strongest, dim=1) - math.log(4))
    assert_close(build("dsl:slate=50").log_odds(s, None), torch.logsumexp(gap / tau, dim=1) - math.log(9))


def test_nothing_but_the_scores_carries_gradient():
    s = batch(13)
    alike = torch.rand(6, 7).double().requires_grad_()
    weighed = of(s.pos, s.neg)
    weighed.measure_similarity = lambda: alike
    build(BOTH)(weighed).sum().backward()
    assert alike.grad is None


def test_is_marked_as_a_reading_not_as_the_paper():
    owner = type(build("dsl"))
    assert owner.provenance == "reading"
    assert "our reading" in owner.paper
    assert "our reading" in (owner.__doc__ or "").splitlines()[0]
