"""BCE, MSE and gBCE: identities, published gradients, extremes."""

import math

import numpy as np
import pytest
import torch
from loss_cases import batch, build, gradients, of
from torch.testing import assert_close

from rankbench.data.interactions import Interactions


def test_bce_without_scores_costs_log_two_a_term():
    s = of(torch.zeros(2), torch.zeros(2, 5))
    for reduction, terms in {"sum": 6, "mean": 2, "mean-all": 1, "balanced": 10}.items():
        assert_close(build(f"bce:reduction={reduction}")(s), torch.full((2,), terms * math.log(2)))


def test_bce_has_two_objectives_in_two_scales():
    s = batch(0, N=7)
    made = {name: build(f"bce:reduction={name},negative_weight=0.3")(s) for name in ("sum", "mean", "mean-all")}
    assert_close(made["mean-all"] * 8, made["sum"])
    assert_close(build("bce:reduction=balanced,negative_weight=0.3")(s), made["mean"] * 7)
    assert (made["mean"] - made["sum"]).abs().min() > 0.1


def test_bce_gradient_is_the_published_one():
    s = batch(1)
    pos, neg = gradients(build("bce:positive_weight=2,negative_weight=0.3"), s)
    assert_close(pos, -2 * torch.sigmoid(-s.pos).detach())
    assert_close(neg, 0.3 * torch.sigmoid(s.neg).detach())


@pytest.mark.parametrize("text", ["bce", "gbce:t=0"])
def test_a_very_wrong_score_keeps_its_whole_gradient(text):
    pos, neg = gradients(build(text), of(torch.tensor([-500.0]), torch.tensor([[500.0]])))
    scale = 1 if text == "bce" else 2
    assert (pos.item(), neg.item()) == (-1 / scale, 1 / scale)


@pytest.mark.parametrize("N", [1, 5, 8, 40])
def test_gbce_without_calibration_is_bce(N):
    s = batch(2, N=N)
    assert_close(build("gbce:t=0")(s), build("bce:reduction=mean-all")(s))


def with_catalogue(text, n_items):
    loss = build(text)
    loss.bind(Interactions.from_pairs(np.zeros(1, np.int64), np.zeros(1, np.int64), 1, n_items), 0)
    return loss


@pytest.mark.parametrize(
    ("t", "n_items", "beta"), [(0.75, 5, 1), (1, 41, 0.1), (0.75, 41, 0.325), (0.9, 3, 1), (1, 1, 1)]
)
def test_gbce_weighs_the_positive_by_the_share_of_items_sampled(t, n_items, beta):
    """With N = 4: alpha is 1, .1, .1 and, more sampled than there are, 1."""
    s = batch(3, N=4)
    pos, neg = gradients(with_catalogue(f"gbce:t={t}", n_items), s)
    assert_close(pos, -beta * torch.sigmoid(-s.pos).detach() / 5)
    assert_close(neg, torch.sigmoid(s.neg).detach() / 5)


def test_gbce_fully_calibrated_is_at_rest_where_the_score_is_the_items_true_share():
    """An item that is the positive of a tenth of the lists and else a negative as often as uniform draws make it."""
    n_others, N, share = 400, 4, 0.1
    logit = torch.tensor([math.log(share / (1 - share))], dtype=torch.float64)
    loss = with_catalogue("gbce:t=1", n_others + 1)
    pos, neg = gradients(loss, of(logit, logit.expand(1, N)))
    assert share * pos.item() + (1 - share) * N / n_others * neg[0, 0].item() == pytest.approx(0, abs=1e-15)
    pos, neg = gradients(build("bce:reduction=mean-all"), of(logit, logit.expand(1, N)))
    assert share * pos.item() + (1 - share) * N / n_others * neg[0, 0].item() < -0.01


def test_mse_is_nothing_at_its_targets_and_its_gradient_the_published_one():
    loss = build("mse:positive_weight=2,negative_weight=0.1")
    assert loss(of(torch.ones(2), torch.zeros(2, 3))).tolist() == [0, 0]
    s = batch(4, N=5)
    pos, neg = gradients(loss, s)
    assert_close(pos, -4 * (1 - s.pos).detach())
    assert_close(neg, 0.2 * s.neg.detach() / 5)


def test_mse_over_every_item_is_the_squared_error_of_the_whole_matrix():
    """Each item once as a negative: the sum over positives and all items, WRMF's objective, up to their number."""
    generator = torch.Generator().manual_seed(0)
    score = torch.rand(12, dtype=torch.float64, generator=generator) * 2 - 1
    positive, others = [2, 7, 11], [0, 1, 3, 4, 5, 6, 8, 9, 10]
    got = build("mse:negative_weight=3")(of(score[positive], score[others].expand(3, -1))).sum()
    c_0 = 3 * len(positive) / len(others)
    assert_close(got, sum((1 - score[i]) ** 2 for i in positive) + c_0 * sum(score[j] ** 2 for j in others))
