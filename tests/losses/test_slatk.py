import math

import numpy as np
import pytest
import torch
from loss_cases import N_USERS, batch, build, gradients, of
from torch.testing import assert_close

from rankbench.data.interactions import Interactions
from rankbench.losses import Epoch, slatk


def bound_to(text, n_users):
    loss = build(text)
    loss.bind(Interactions.from_pairs(np.arange(n_users), np.zeros(n_users, np.int64), n_users, 1), 0)
    return loss


def epoch_of(number, degrees, n_items=40, n_draws=6, seed=0):
    """An epoch over users with the given numbers of positives, whose draws and scores are fixed tables."""
    rng = np.random.default_rng(seed)
    n_users = len(degrees)
    item = [rng.permutation(n_items)[:degree] for degree in degrees]
    train = Interactions.from_pairs(np.repeat(np.arange(n_users), degrees), np.concatenate(item), n_users, n_items)
    drawn = torch.from_numpy(rng.integers(0, n_items, (n_users, n_draws)))
    score = torch.from_numpy(rng.uniform(-1, 1, (n_users, n_items)).astype(np.float32))
    return Epoch(number, train, lambda user: drawn[user], lambda user, ids: score[user[:, None], ids]), drawn, score


def naive_thresholds(epoch, drawn, score, k):
    found = []
    for user in range(epoch.train.n_users):
        ids = [*epoch.train.row(user).tolist(), *drawn[user].tolist()]
        ranked = sorted((score[user, i].item() for i in ids), reverse=True)
        found.append(ranked[min(k, len(ranked)) - 1])
    return torch.tensor(found)


DEGREES = [3, 0, 1, 12, 40, 2, 7, 0, 25, 1]


@pytest.mark.parametrize("k", [1, 5, 8, 20, 100])
@pytest.mark.parametrize("block", [1, 3, 1024])
def test_refresh_finds_the_kth_of_all_positives_and_draws_or_their_minimum(k, block, monkeypatch):
    monkeypatch.setattr(slatk, "BLOCK", block)
    loss = bound_to(f"slatk:k={k},refresh_every=1", len(DEGREES))
    epoch, drawn, score = epoch_of(1, DEGREES)
    loss.refresh(epoch)
    assert torch.equal(loss.threshold, naive_thresholds(epoch, drawn, score, k))


def test_refresh_works_when_nobody_has_a_positive():
    loss = bound_to("slatk:k=2,refresh_every=1", 3)
    epoch, drawn, score = epoch_of(1, [0, 0, 0])
    loss.refresh(epoch)
    assert torch.equal(loss.threshold, naive_thresholds(epoch, drawn, score, 2))


def test_thresholds_are_zero_until_epoch_t_and_refreshed_every_t():
    loss = bound_to("slatk:refresh_every=5,k=3", len(DEGREES))
    refreshed = []
    for number in range(12):
        before = loss.threshold.clone()
        loss.refresh(epoch_of(number, DEGREES, seed=number)[0])
        if not torch.equal(before, loss.threshold):
            refreshed.append(number)
        if number < 5:
            assert not loss.threshold.any()
    assert refreshed == [5, 10]


def test_thresholds_travel_with_the_state_of_the_model():
    loss, other = bound_to("slatk:k=3,refresh_every=1", len(DEGREES)), bound_to("slatk", len(DEGREES))
    loss.refresh(epoch_of(1, DEGREES)[0])
    other.load_state_dict(loss.state_dict())
    assert loss.threshold.any()
    assert torch.equal(other.threshold, loss.threshold)
    assert loss.threshold.dtype == torch.float32
    assert not list(loss.parameters())


@pytest.mark.parametrize("detach", ["false", "true"])
def test_a_weight_without_temperature_leaves_half_the_softmax(detach):
    s = batch(0)
    loss = build(f"slatk:tau=0.2,tau_weight=1e12,detach_weight={detach}")
    plain = build("softmax:tau=0.2")
    assert_close(loss(s), plain(s) / 2)
    for got, want in zip(gradients(loss, s), gradients(plain, s), strict=True):
        assert_close(got, want / 2)


def parts(loss, s):
    """The weight, the softmax loss and its probabilities, straight from the definition."""
    gap = ((s.neg - s.pos[:, None]) / loss.tau).detach()
    weight = torch.sigmoid((s.pos - loss.threshold[s.user]) / loss.tau_weight).detach()
    return weight, torch.logsumexp(gap, dim=1), torch.softmax(gap, dim=1)


def test_gradient_is_the_published_one_and_does_not_sum_to_zero():
    loss, s = build("slatk:tau=0.2,tau_weight=0.5"), batch(1)
    weight, plain, p = parts(loss, s)
    pos, neg = gradients(loss, s)
    assert_close(neg, weight[:, None] * p / 0.2)
    assert_close(pos, -weight / 0.2 + weight * (1 - weight) * plain / 0.5)
    total = pos + neg.sum(dim=1)
    assert_close(total, weight * (1 - weight) * plain / 0.5)
    assert (total.abs() > 1e-3).all()


def test_gradient_with_a_detached_weight_sums_to_zero():
    loss, s = build("slatk:tau=0.2,tau_weight=0.5,detach_weight=true"), batch(1)
    weight, _, p = parts(loss, s)
    pos, neg = gradients(loss, s)
    assert_close(neg, weight[:, None] * p / 0.2)
    assert_close(pos, -weight / 0.2)
    assert_close(pos + neg.sum(dim=1), torch.zeros_like(pos))


def test_a_positive_is_pushed_down_exactly_where_the_softmax_exceeds_the_ratio_of_temperatures():
    loss = build("slatk:tau=0.1,tau_weight=0.5")
    s = of(torch.linspace(-1, 1, 41).double(), torch.zeros(41, 100).double(), user=torch.arange(41) % N_USERS)
    weight, plain, _ = parts(loss, s)
    pushed = (1 - weight) * plain > 0.5 / 0.1
    assert pushed.any()
    assert not pushed.all()
    assert torch.equal(gradients(loss, s)[0] > 0, pushed)


def test_over_all_items_it_bounds_dcg_at_k():
    generator, seen = torch.Generator().manual_seed(0), set()
    for trial in range(60):
        score = torch.rand(30, dtype=torch.float64, generator=generator) * 2 - 1
        positive = torch.randperm(30, generator=generator)[: 1 + trial % 6]
        rank = (score[:, None] >= score[positive]).sum(dim=0)
        hits = rank[rank <= 8].double()
        if not len(hits):
            continue
        dcg = (1 / torch.log2(1 + hits)).sum()
        loss = build("slatk:k=8,tau=0.2,tau_weight=0.5").double()
        loss.threshold.fill_(score.sort(descending=True).values[7])
        s = of(score[positive], score.expand(len(positive), -1), user=torch.zeros(len(positive), dtype=torch.long))
        factor = 0.5 if len(hits) == 1 else 1.0
        seen.add(factor)
        assert -factor * math.log(dcg) <= loss(s).sum()
    assert seen == {0.5, 1.0}
