"""Adap-tau: its temperatures against loops, and what it is when users are alike."""

import math

import numpy as np
import pytest
import torch
from loss_cases import batch, build, case, gradients
from torch.testing import assert_close

import naive
from rankbench.data.interactions import Interactions
from rankbench.errors import UserError
from rankbench.losses import Epoch, adap_tau
from rankbench.losses.adap_tau import AdapTau, lambert_w
from toy import random_interactions

DEGREES = [3, 0, 1, 6, 9, 2, 7, 0, 5, 1, 4]
M = 30


def a_train(degrees=DEGREES, n_items=M, seed=0):
    rng = np.random.default_rng(seed)
    item = np.concatenate([rng.permutation(n_items)[:degree] for degree in degrees])
    return Interactions.from_pairs(np.repeat(np.arange(len(degrees)), degrees), item, len(degrees), n_items)


def an_epoch(number, train, seed=0, n_draws=8, low=-1.0):
    """Every user's positives score higher by one than its draws, on average."""
    rng = np.random.default_rng(seed)
    drawn = torch.from_numpy(rng.integers(0, train.n_items, (train.n_users, n_draws)).astype(np.int32))
    table = rng.uniform(low, 0, (train.n_users, train.n_items))
    table[train.users, train.items] += 1
    score = torch.from_numpy(table.astype(np.float32))
    epoch = Epoch(number, train, lambda user: drawn[user], lambda user, item: score[user[:, None], item.long()])
    return epoch, drawn.tolist(), score.double().tolist()


def solve(x):
    """w of w e^w = x by bisection."""
    low, high = -1.0, max(1.0, math.log1p(max(x, 0)) + 1)
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if middle * math.exp(middle) < x else (low, middle)
    return low


def naive_sharpness(train, drawn, score, p, warm):
    """1/tau_0 and 1/tau_u straight from the definition."""
    rows = [train.row(u).tolist() for u in range(train.n_users)]
    fifth = np.quantile([len(r) for r in rows], 0.2)
    chosen = [u for u, r in enumerate(rows) if len(r) > fifth] or [u for u, r in enumerate(rows) if r]
    pairs = [(u, i) for u in chosen for i in rows[u]]
    near = naive.mean([score[u][i] for u, i in pairs])
    everywhere = []
    for u in chosen:
        others = naive.mean([score[u][j] for j in drawn[u]])
        own = math.fsum(score[u][i] for i in rows[u])
        everywhere.append((own + (train.n_items - len(rows[u])) * others) / train.n_items)
    spread = 0.7 if warm else max(near - naive.mean(everywhere), 0.1)
    common = math.log(len(chosen) * train.n_items / (2 * len(pairs))) / spread
    losses = {}
    for u, items in enumerate(rows):
        if items:
            log_sum = math.log(math.fsum(math.exp(score[u][j]) for j in drawn[u]))
            losses[u] = log_sum - naive.mean([score[u][i] for i in items])
    middle = np.quantile(list(losses.values()), p["quantile"]) if p["quantile"] else naive.mean(list(losses.values()))
    sharpness = []
    for u in range(train.n_users):
        x = max((losses.get(u, middle) - middle) / p["beta"], -1 / math.e)
        sharpness.append(common * math.exp(-solve(x)))
    return common, sharpness


@pytest.mark.parametrize("params", [{}, {"beta": 0.25, "quantile": 0.9}, {"beta": 0.02}])
@pytest.mark.parametrize(("number", "low"), [(1, -1.0), (10, -1.0), (11, -0.01), (10, -40.0)])
@pytest.mark.parametrize("block", [2, 1024])
def test_temperatures_are_those_of_the_definition(params, number, low, block, monkeypatch):
    monkeypatch.setattr(adap_tau, "BLOCK", block)
    loss, train = AdapTau(**params), a_train()
    loss.bind(train, 0)
    epoch, drawn, score = an_epoch(number, train, low=low)
    loss.refresh(epoch)
    common, sharpness = naive_sharpness(train, drawn, score, loss.values(), warm=number < 10)
    assert_close(loss.common.double(), torch.tensor(common).double(), rtol=1e-5, atol=0)
    assert_close(loss.sharpness.double(), torch.tensor(sharpness).double(), rtol=1e-4, atol=1e-6)


def test_a_model_that_has_learnt_nothing_gets_the_least_spread():
    loss, train = AdapTau(warmup=0), a_train()
    loss.bind(train, 0)
    constant = torch.full((train.n_users, train.n_items), 0.3)
    drawn = torch.zeros((train.n_users, 4), dtype=torch.int32)
    loss.refresh(Epoch(3, train, lambda u: drawn[u], lambda u, i: constant[u[:, None], i.long()]))
    assert_close(loss.common, torch.tensor(adap_tau.log_odds(train) / 0.1).float())
    assert_close(loss.sharpness, loss.common.expand(train.n_users), rtol=1e-5, atol=0)  # all users are alike


def test_the_first_epoch_has_one_temperature_and_later_ones_do_not():
    loss, train = AdapTau(), a_train()
    loss.bind(train, 0)
    want = adap_tau.log_odds(train) / 0.7
    loss.refresh(an_epoch(0, train)[0])
    assert_close(loss.sharpness, torch.full((train.n_users,), want))
    loss.refresh(an_epoch(1, train)[0])
    assert_close(loss.common, torch.tensor(want))
    assert loss.sharpness.std() > 0.1
    assert_close(loss.sharpness[1], loss.common)  # a user without positives


def test_harder_users_have_a_higher_temperature():
    loss, train = AdapTau(), a_train()
    loss.bind(train, 0)
    loss.refresh(an_epoch(1, train)[0])
    pos, _, log_sum = adap_tau.observe(an_epoch(1, train)[0], torch.device("cpu"))
    known = train.user_counts > 0
    order = (log_sum[known] - pos[known] / train.user_counts[known]).argsort()
    assert (loss.sharpness[torch.from_numpy(known)][torch.from_numpy(order)].diff() <= 0).all()


def test_users_who_all_have_as_many_positives_all_count():
    train = a_train([4] * 6)
    assert adap_tau.busy(train).all()
    assert adap_tau.log_odds(train) == pytest.approx(math.log(6 * M / (2 * 24)))
    assert adap_tau.busy(a_train()).tolist() == [degree > 1 for degree in DEGREES]


def moved_apart(text):
    """A loss whose users have temperatures of their own."""
    loss = build(text)
    loss.sharpness.copy_(torch.linspace(2, 20, len(loss.sharpness)))
    return loss


@pytest.mark.parametrize("positive", ["common", "user"])
def test_equals_the_naive_loops_with_temperatures_of_the_users(positive):
    loss, s = moved_apart(f"adap-tau:positive={positive}"), batch(1)
    want = naive.LOSS["adap-tau"](case(s, loss), loss.values(), case(s, loss))
    assert_close(loss(s), torch.tensor(want, dtype=torch.float64), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("positive", ["common", "user"])
def test_gradient_is_the_published_one(positive):
    loss, s = moved_apart(f"adap-tau:positive={positive}"), batch(2)
    pos, neg = gradients(loss, s)
    sharpness = loss.sharpness[s.user].double()
    assert_close(neg, torch.softmax(s.neg.detach() * sharpness[:, None], dim=1) * sharpness[:, None])
    assert_close(pos, -(sharpness if positive == "user" else loss.common.double().expand(6)))


@pytest.mark.parametrize("positive", ["common", "user"])
def test_with_equal_users_it_is_softmax_at_the_common_temperature(positive):
    loss, s = build(f"adap-tau:positive={positive}"), batch(3)
    plain = build("softmax")
    plain.tau = 1 / loss.common.item()
    assert_close(loss(s), plain(s))


def test_lambert_w_solves_its_equation_from_the_branch_point_to_large_values():
    near = -math.exp(-1) + 10.0 ** np.arange(-16, 0)
    x = np.concatenate([[-math.exp(-1)], near, np.linspace(-0.36, 5, 1000), 10.0 ** np.arange(0, 12)])
    w = lambert_w(x)
    assert w[0] == pytest.approx(-1, abs=1e-7)
    np.testing.assert_allclose(w * np.exp(w), x, rtol=1e-13, atol=1e-15)
    assert (w >= -1).all()


def test_data_that_are_too_dense_are_refused():
    with pytest.raises(UserError, match="57% of all pairs"):
        AdapTau().bind(a_train([17] * 5), 0)
    AdapTau().bind(random_interactions(0, 10, 40, 8), 0)
