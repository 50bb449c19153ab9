"""Talos: its gradient, its thresholds, and what it is without them."""

import numpy as np
import pytest
import torch
from loss_cases import N_USERS, batch, build, case, gradients, of
from torch.testing import assert_close

import naive
from rankbench.data.interactions import Interactions
from rankbench.losses.talos import Talos


def with_thresholds(text, low=-0.5, high=0.7):
    loss = build(text)
    loss.threshold.data.copy_(torch.linspace(low, high, N_USERS) / loss.threshold_rate)
    return loss


def thresholds(loss):
    return (loss.threshold.detach() * loss.threshold_rate).double()


@pytest.mark.parametrize("text", ["talos", "talos:tau=0.3,threshold_rate=0.5"])
def test_equals_the_naive_loops_with_thresholds(text):
    loss = with_thresholds(text)
    for seed in range(5):
        s = batch(seed)
        want = naive.LOSS["talos"](case(s, loss), loss.values(), case(s, loss))
        assert_close(loss(s), torch.tensor(want, dtype=torch.float64), rtol=1e-6, atol=1e-6)


def test_gradient_is_the_published_one():
    loss, s = with_thresholds("talos:tau=0.2"), batch(1)
    beta = thresholds(loss)[s.user]
    q = torch.softmax(-torch.nn.functional.softplus(beta[:, None] - s.neg) / 0.2, dim=1)
    pos, neg = gradients(loss, s)
    assert_close(neg, (q * torch.sigmoid(beta[:, None] - s.neg) / 0.2).detach())
    assert_close(pos, -torch.sigmoid(beta - s.pos.detach()) / 0.2)


@pytest.mark.parametrize("tau", [0.05, 0.2])
def test_far_above_all_scores_the_threshold_leaves_softmax(tau):
    loss, s = with_thresholds(f"talos:tau={tau}", 40, 40), batch(2)
    assert_close(loss(s), build(f"softmax:tau={tau}")(s))
    for got, want in zip(gradients(loss, s), gradients(build(f"softmax:tau={tau}"), s), strict=True):
        assert_close(got, want)


def pinball(x, share):
    return (1 - share) * x.clamp_min(0) + share * (-x).clamp_min(0)


def test_thresholds_descend_on_the_pinball_loss():
    """Against autograd on the loss of the paper, with the row's positive for each of its user's positives."""
    degrees, M, N = [1, 4, 2, 5, 3], 9, 7
    rng = np.random.default_rng(0)
    item = np.concatenate([rng.permutation(M)[:degree] for degree in degrees])
    loss = Talos(k=3, threshold_rate=1.0)
    loss.bind(Interactions.from_pairs(np.repeat(np.arange(5), degrees), item, 5, M), 0)
    loss.threshold.data.copy_(torch.linspace(-0.5, 0.7, 5))
    s = batch(3, 6, N)
    loss(s).mean().backward()
    beta = loss.threshold.detach().double().clone().requires_grad_()
    count = torch.tensor(degrees)[s.user]
    own = beta[s.user]
    pos = count * pinball(s.pos.detach() - own, 3 / M)
    neg = (M - count) / N * pinball(s.neg.detach() - own[:, None], 3 / M).sum(dim=1)
    ((pos + neg) / M).mean().backward()
    assert_close(loss.threshold.grad.double(), beta.grad)


def test_the_thresholds_take_no_part_in_the_value_nor_give_gradient_to_the_scores():
    loss, s = with_thresholds("talos"), batch(4)
    with torch.no_grad():
        assert torch.equal(loss(s), loss(s))
    pos, neg = gradients(loss, s)
    loss.threshold.requires_grad_(False)
    for got, want in zip(gradients(loss, s), (pos, neg), strict=True):
        assert torch.equal(got, want)


def test_thresholds_settle_where_k_items_are_above():
    """One user, all items in sight at every step: its two positives and all others as negatives."""
    score = torch.rand(50, generator=torch.Generator().manual_seed(0)).double() * 2 - 1
    loss = Talos(k=8, threshold_rate=0.1)
    loss.bind(Interactions.from_pairs(np.zeros(2, np.int64), np.arange(2), 1, 50), 0)
    optimiser = torch.optim.Adam(loss.parameters(), lr=0.05)
    s = of(score[:2], score[2:].expand(2, -1), user=torch.zeros(2, dtype=torch.long))
    for _ in range(400):
        optimiser.zero_grad()
        loss(s).mean().backward()
        optimiser.step()
    ranked = score.sort(descending=True).values
    assert ranked[8] - 0.01 < thresholds(loss).item() < ranked[7] + 0.01


def test_only_thresholds_are_stored_with_the_model():
    loss = build("talos")
    assert list(loss.state_dict()) == ["threshold"]
    assert [name for name, _ in loss.named_parameters()] == ["threshold"]
