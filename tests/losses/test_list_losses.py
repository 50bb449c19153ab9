"""The losses on lists: naive loops, contract and identities."""

import math

import numpy as np
import pytest
import torch
from loss_cases import build
from torch.testing import assert_close

from rankbench.data.interactions import Interactions
from rankbench.losses import Lists
from rankbench.losses.full_softmax import FullSoftmax
from rankbench.losses.lambdaloss import tables
from toy import random_interactions

N_USERS, N_ITEMS = 9, 12
TRAIN = random_interactions(1, n_users=N_USERS, n_items=N_ITEMS, each=4)
VARIANTS = [
    "full-softmax", "full-softmax:tau=0.3,mask=true", "multinomial", "wrmf", "logistic",
    "wrmf:positive_weight=2,unobserved_weight=0.3",
    "lambdaloss", "lambdaloss:weight=lambdarank", "lambdaloss:weight=ndcg2++", "lambdaloss:weight=at-k,k=3",
    "lambdaloss:weight=one",
]  # fmt: skip
each_variant = pytest.mark.parametrize("text", VARIANTS)


def loss_of(text: str):
    loss = build(text)
    loss.bind(TRAIN, 0)
    return loss


def lists(seed: int = 0, scale: float = 1.0, dtype: torch.dtype = torch.float64) -> Lists:
    generator = torch.Generator().manual_seed(seed)
    user = torch.from_numpy(np.flatnonzero(TRAIN.user_counts))
    score = (torch.rand(len(user), N_ITEMS, generator=generator, dtype=torch.float64) * 2 - 1) * scale
    return Lists(score.to(dtype).requires_grad_(), torch.from_numpy(TRAIN.relevant(user.numpy())), user)


def discount(rank: int) -> float:
    return math.log2(1 + rank)


def mu(weight: str, k: int, a: int, b: int) -> float:
    """The weight of a pair at ranks a and b, as its paper writes it."""
    far = abs(a - b)
    eta = 1 / discount(far) - 1 / discount(far + 1) if far else 0.0
    change = abs(1 / discount(a) - 1 / discount(b))
    beyond = eta / (1 - 1 / discount(max(a, b))) if max(a, b) > k else eta
    return {"lambdarank": change, "ndcg2": eta, "ndcg2++": 10 * eta + change, "at-k": beyond, "one": 1.0}[weight]


def naive(text: str, score: list[float], relevant: list[bool], at: list[float]) -> float:
    """The loss of one user in loops; ranks are those of `at`."""
    p = build(text).values()
    own, others = [i for i in range(N_ITEMS) if relevant[i]], [i for i in range(N_ITEMS) if not relevant[i]]
    name = text.partition(":")[0]
    if name == "wrmf":
        observed = p["positive_weight"] * math.fsum((1 - score[i]) ** 2 for i in own)
        return observed + p["unobserved_weight"] * math.fsum(score[k] ** 2 for k in others)
    if name == "logistic":
        probability = [1 / (1 + math.exp(-x)) for x in score]
        return -math.fsum(math.log(p if own else 1 - p) for p, own in zip(probability, relevant, strict=True))
    if name in ("multinomial", "full-softmax"):
        tau = p.get("tau", 1.0)
        total = 0.0
        for i in own:
            among = [i, *others] if p.get("mask") else range(N_ITEMS)
            total -= math.log(math.exp(score[i] / tau) / math.fsum(math.exp(score[k] / tau) for k in among))
        return total / (len(TRAIN) / (TRAIN.user_counts > 0).sum()) if name == "full-softmax" else total
    rank = [1 + sum(at[x] > at[i] or (at[x] == at[i] and x < i) for x in range(N_ITEMS)) for i in range(N_ITEMS)]
    pairs = [(i, k) for i in own for k in others]
    return math.fsum(
        mu(p["weight"], p["k"], rank[i], rank[k]) * math.log(1 + math.exp(score[k] - score[i])) for i, k in pairs
    ) / len(own)


@each_variant
def test_equals_the_naive_loops_and_their_differences(text):
    loss, s = loss_of(text), lists(3)
    value = loss(s)
    rows = list(zip(s.score.tolist(), s.relevant.tolist(), strict=True))
    assert_close(value.tolist(), [naive(text, row, own, row) for row, own in rows], rtol=1e-6, atol=1e-6)
    (grad,) = torch.autograd.grad(value.sum(), s.score)
    for b, (row, own) in enumerate(rows):
        for i in range(N_ITEMS):
            up, down = ([x + e * (j == i) for j, x in enumerate(row)] for e in (1e-5, -1e-5))
            slope = (naive(text, up, own, row) - naive(text, down, own, row)) / 2e-5
            assert float(grad[b, i]) == pytest.approx(slope, rel=1e-5, abs=1e-6)


@each_variant
def test_falls_when_a_relevant_item_rises_and_rises_when_another_does(text):
    s = lists(4)
    with torch.no_grad():
        s.score.mul_(0.4)  # where the squared error still falls
    (grad,) = torch.autograd.grad(loss_of(text)(s).sum(), s.score)
    if text not in ("full-softmax", "multinomial"):  # there a strong positive may be pushed down for the weak ones
        assert (grad[s.relevant] <= 0).all()
    if not text.startswith("wrmf"):
        assert (grad[~s.relevant] >= 0).all()


@each_variant
def test_users_do_not_look_at_one_another(text):
    loss, s = loss_of(text), lists(5)
    half = Lists(s.score[3:], s.relevant[3:], s.user[3:])
    assert loss.divisible
    assert_close(loss(half), loss(s)[3:], rtol=1e-12, atol=1e-12)


@each_variant
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_float32_is_finite_and_near_float64(text, scale):
    loss, single, double = loss_of(text), lists(6, scale, torch.float32), lists(6, scale)
    value = loss(single)
    (grad,) = torch.autograd.grad(value.sum(), single.score)
    assert value.dtype == torch.float32
    assert grad.isfinite().all()
    assert_close(value.double(), loss(double), rtol=1e-4, atol=1e-4)


@each_variant
def test_equal_scores_and_users_with_one_item(text):
    loss = loss_of(text)
    relevant = torch.zeros(1, N_ITEMS, dtype=torch.bool)
    relevant[0, 5] = True
    score = torch.zeros(1, N_ITEMS, requires_grad=True)
    value = loss(Lists(score, relevant, torch.tensor([0])))
    assert value.isfinite().all()
    assert torch.autograd.grad(value.sum(), score)[0].isfinite().all()


def test_multinomial_is_the_number_of_positives_times_the_mean_cross_entropy():
    s = lists(7)
    s.score = s.score.detach() * 3
    log_p = torch.log_softmax(s.score, dim=1)
    mean = (-log_p).masked_fill(~s.relevant, 0).sum(dim=1) / s.relevant.sum(dim=1)
    assert_close(loss_of("multinomial")(s), s.relevant.sum(dim=1) * mean)


def test_items_compete_in_the_multinomial_likelihood_and_do_not_in_the_logistic_one():
    for text, competes in (("multinomial", True), ("logistic", False)):
        s = lists(7)
        (grad,) = torch.autograd.grad(loss_of(text)(s).sum(), s.score)
        assert (grad.sum(dim=1).abs() < 1e-12).all() == competes


@pytest.mark.parametrize("mask", [False, True])
def test_full_softmax_on_a_device_counts_no_positives(mask):
    loss = FullSoftmax(mask=mask)
    loss.mean_positives = 2.0
    logit = torch.randn(6, 30, dtype=torch.float64, requires_grad=True)
    relevant = torch.rand(6, 30) < 0.2
    relevant[0] = False
    relevant[1] = True
    expected = loss(Lists(logit * loss.tau, relevant, torch.arange(6)))
    found = loss._summed(logit, relevant) / 2
    torch.testing.assert_close(found, expected)
    rows = slice(2, None) if mask else slice(None)  # nothing is left of the denominator where all is relevant
    grads = [torch.autograd.grad(value[rows].sum(), logit)[0] for value in (found, expected)]
    torch.testing.assert_close(*grads)


def test_full_softmax_is_softmax_with_all_other_items_as_negatives():
    train = Interactions.from_pairs(np.zeros(1, int), np.array([4]), 1, N_ITEMS)
    full = build("full-softmax:tau=0.2")
    full.bind(train, 0)
    score = torch.rand(1, N_ITEMS, dtype=torch.float64)
    relevant = torch.from_numpy(train.relevant(np.array([0])))
    from loss_cases import of

    sampled = build("softmax:tau=0.2,incl=true")(of(score[0, 4:5], score[:, torch.arange(N_ITEMS) != 4]))
    assert_close(full(Lists(score, relevant, torch.tensor([0]))), sampled)


def test_the_weights_of_lambdaloss_telescope():
    _, eta = tables(500, torch.device("cpu"))
    for m in (1, 2, 20, 100):
        assert eta[m:].double().sum().item() == pytest.approx(1 / math.log2(1 + m) - 1 / math.log2(502), abs=1e-5)


def test_beyond_the_catalogue_at_k_is_lambdaloss_and_weight_one_is_bpr():
    s = lists(8)
    assert_close(loss_of("lambdaloss:weight=at-k,k=12")(s), loss_of("lambdaloss")(s))
    assert not torch.allclose(loss_of("lambdaloss:weight=at-k,k=3")(s), loss_of("lambdaloss")(s))


def test_exchanging_two_scores_keeps_their_weight():
    every = torch.arange(1, 13)
    for text in VARIANTS[6:]:
        weight = loss_of(text).pair_weight(every[:, None], every)
        assert_close(weight, weight.t())
