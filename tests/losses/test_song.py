"""SONG and SONG@K: their averages and thresholds, and the smooth NDCG that their gradient is that of."""

import math

import numpy as np
import pytest
import torch
from loss_cases import N_USERS, batch, build, case, gradients, of
from torch.testing import assert_close

import naive
from rankbench.data.interactions import Interactions
from rankbench.errors import UserError
from rankbench.losses.song import SONG

TEXTS = ["song", "song:gamma0=0.6,margin=0.5", "song:k=3,gamma0=0.5", "song:k=2,version=theoretical,threshold_step=0.1"]


@pytest.mark.parametrize("text", TEXTS)
def test_equals_the_naive_loops_at_every_step_of_a_training(text):
    """The naive loops take the state that the step before has left behind; some pairs of the batches are in the train
    set and are met again."""
    loss, met = build(text).train().double(), 0
    for seed in range(12):
        s = batch(seed, 5, 9)
        s.pos_item[:2] = s.user[:2]  # interactions
        _, once = np.unique(s.user.numpy(), return_index=True)  # an interaction is in a batch once
        s = rows(s, torch.from_numpy(once))
        before = case(s, loss)
        met += sum(before.state["average"][u] > 0 for u, i in zip(before.user, before.pos_item, strict=True) if u == i)
        want = naive.LOSS["song"](before, loss.values(), before)
        assert_close(loss(s), torch.tensor(want, dtype=torch.float64), rtol=1e-7, atol=1e-9)
    assert met > 3


def rows(s, which):
    return of(s.pos[which], s.neg[which], user=s.user[which], pos_item=s.pos_item[which])


def test_the_average_of_a_pair_starts_at_zero_and_follows_by_gamma():
    loss = build("song:gamma0=0.3").train().double()
    g = []
    for seed in range(3):
        s = batch(seed, 1, 9)
        s.user.fill_(3)
        s.pos_item.fill_(3)
        loss(s)
        g.append((torch.cat([torch.zeros(1, 1), s.neg - s.pos[:, None]], 1) + 1).clamp_min(0).square().mean().item())
    want = 0.7 * (0.7 * 0.3 * g[0] + 0.3 * g[1]) + 0.3 * g[2]
    assert loss.average[3].item() == pytest.approx(want)
    assert not loss.average[[0, 1, 2, 4]].any()


def test_every_pair_of_a_train_set_has_an_average_of_its_own():
    rng = np.random.default_rng(0)
    train = Interactions.from_pairs(rng.integers(0, 30, 200), rng.integers(0, 50, 200), 30, 50)
    loss = SONG(gamma0=1.0)
    loss.bind(train, 0)
    order = torch.from_numpy(rng.permutation(len(train)))
    s = batch(0, len(train), 6, dtype=torch.float32)
    user, item = torch.from_numpy(train.users.astype(np.int64)), torch.from_numpy(train.items.astype(np.int64))
    s = of(s.pos, s.neg, user=user[order], pos_item=item[order])
    loss(s)
    gap = torch.cat([torch.zeros(len(train), 1), s.neg - s.pos[:, None]], dim=1)
    assert_close(loss.average[order], (gap + 1).clamp_min(0).square().mean(dim=1).detach())


def test_a_pair_outside_the_train_set_keeps_nothing():
    loss, s = build("song").train(), batch(0, 6)
    s.pos_item.copy_((s.user + 1) % 9)
    first = loss(s)
    assert not loss.average.any()
    assert torch.equal(loss(s), first)


@pytest.mark.parametrize("text", TEXTS)
def test_only_a_training_step_changes_the_state(text):
    loss, s = build(text), batch(1)
    s.pos_item.copy_(s.user)
    before = {name: value.clone() for name, value in loss.state_dict().items()}
    value = loss(s)
    loss.train()
    with torch.no_grad():
        assert torch.equal(loss(s), value)
    assert all(torch.equal(value, loss.state_dict()[name]) for name, value in before.items())
    assert torch.equal(loss(s), value)
    changed = {name for name, value in before.items() if not torch.equal(value, loss.state_dict()[name])}
    want = {"average", "threshold"} if loss.k else {"average"}
    assert changed == want | ({"curvature"} if loss.version == "theoretical" else set())


def smooth_ndcg(s, m=1.0):
    gap = torch.cat([torch.zeros(len(s.pos), 1), s.neg - s.pos[:, None]], dim=1)
    return 1 / torch.log2(1 + 9 * (gap + m).clamp_min(0).square().mean(dim=1))


@pytest.mark.parametrize("margin", [1.0, 0.4])
def test_without_a_past_the_gradient_is_that_of_smooth_ndcg(margin):
    s = batch(2)
    pos, neg = torch.autograd.grad(-smooth_ndcg(s, margin).sum(), (s.pos, s.neg))
    got_pos, got_neg = gradients(build(f"song:gamma0=1,margin={margin}"), s)
    assert_close(got_pos, pos)
    assert_close(got_neg, neg)


def test_a_positive_above_a_far_lower_threshold_counts_fully():
    s = batch(3)
    loss, plain = build("song:k=9"), build("song")
    loss.threshold.fill_(-1e3)
    assert_close(loss(s), plain(s))
    for got, want in zip(gradients(loss, s), gradients(plain, s), strict=True):
        assert_close(got, want)


def test_gradient_of_the_theoretical_form_is_that_of_the_whole_objective():
    """psi(s_i - lambda) f(g) / IDCG, where lambda follows the scores as the zero of the smooth count does."""
    s, loss = batch(4, 5, 200), build("song:k=3,version=theoretical,gamma0=1").double()
    s = of(s.pos, s.neg, user=torch.arange(5))
    loss.threshold.copy_(torch.linspace(-0.2, 0.5, N_USERS))
    threshold = loss.threshold[s.user]
    scores = torch.cat([s.pos[:, None], s.neg], dim=1)
    slope = torch.sigmoid((scores - threshold[:, None]) / 0.01)
    slope = (slope * (1 - slope) / 0.01).detach()
    H = 0.9 * (1e-4 + slope.mean(dim=1))  # the running average's first step
    following = threshold + ((scores - scores.detach()) * slope).mean(dim=1) / H
    objective = -torch.sigmoid(2 * (s.pos - following)) * smooth_ndcg(s)
    for got, want in zip(gradients(loss, s), torch.autograd.grad(objective.sum(), (s.pos, s.neg)), strict=True):
        assert_close(got, want)


def test_thresholds_settle_where_k_items_are_above():
    score = torch.rand(50, generator=torch.Generator().manual_seed(0)).double() * 2 - 1
    loss = SONG(k=8, threshold_step=0.02).train()
    loss.bind(Interactions.from_pairs(np.zeros(1, np.int64), np.zeros(1, np.int64), 1, 50), 0)
    s = of(score[:1], score[None, 1:], user=torch.zeros(1, dtype=torch.long))
    for _ in range(2000):
        loss(s)
    ranked = score.sort(descending=True).values
    assert ranked[8] - 0.02 < loss.threshold.item() < ranked[7] + 0.02


def test_users_with_several_rows_take_one_step_by_their_mean():
    loss, s = build("song:k=3,threshold_step=0.5").train().double(), batch(5, 3)
    s.user.fill_(2)
    start = loss.threshold[2].item()
    counts = [torch.sigmoid((torch.cat([s.pos[b : b + 1], s.neg[b]]) - start) / 0.01).mean().item() for b in range(3)]
    loss(s)
    assert loss.threshold[2].item() == pytest.approx(start - 0.5 * (3 / 9 + 1e-4 * start - naive.mean(counts)))


@pytest.mark.parametrize("k", [0, 2, 5])
def test_the_loss_is_over_the_best_dcg_of_the_user(k):
    degrees = [0, 1, 3, 7]
    item = np.concatenate([np.arange(degree) for degree in degrees])
    loss = SONG(k=k)
    loss.bind(Interactions.from_pairs(np.repeat(np.arange(4), degrees), item, 4, 9), 0)
    places = [max(1, min(degree, k or degree)) for degree in degrees]
    want = [math.fsum(1 / math.log2(1 + r) for r in range(1, n + 1)) for n in places]
    assert_close(loss.best, torch.tensor(want))
    s = of(torch.zeros(4), torch.zeros(4, 5), user=torch.arange(4))
    value = loss.eval()(s)
    assert_close(value * loss.best, value[:1].expand(4))


@pytest.mark.parametrize("given", [{"threshold_step": 0.1}, {"version": "theoretical"}])
def test_parameters_of_the_top_k_form_need_k(given):
    with pytest.raises(UserError, match="no effect without k"):
        SONG(**given)
    SONG(k=5, **given)
