"""BC loss: its margins, their branch and whose turn it is, and what it is without a margin."""

import math

import numpy as np
import pytest
import torch
from loss_cases import batch, build, gradients, moved
from torch.testing import assert_close

from rankbench import registry
from rankbench.backbones.mf import MF
from rankbench.data.interactions import Interactions
from rankbench.losses import Epoch
from rankbench.spec import TrainSpec
from rankbench.training.loop import Training
from rankbench.training.progress import EpochEnd
from toy import random_interactions, random_split

MARGINS = ["bc-loss:margin=sigmoid", "bc-loss:margin=angle"]
each_margin = pytest.mark.parametrize("text", MARGINS)

USERS, ITEMS = [0, 0, 0, 1, 1, 2, 3, 3, 3], [0, 1, 2, 0, 1, 0, 0, 5, 6]
TRAIN = Interactions.from_pairs(np.array(USERS), np.array(ITEMS), 5, 9)
USER_CLASS = [3, 2, 1, 3, 0]  # users have 3, 2, 1, 3 and 0 interactions
ITEM_CLASS = [3, 2, 1, 0, 0, 1, 1, 0, 0]  # items have 4, 2, 1, 0, 0, 1, 1, 0 and 0: the four counts that occur


def bound(text, warming_up=False):
    """The loss bound to TRAIN, with vectors that are not small."""
    loss = build(text)
    loss.bind(TRAIN, 0)
    loss.double()
    generator = torch.Generator().manual_seed(1)
    for table in (loss.user_popularity, loss.item_popularity):
        table.data = torch.randn(table.shape, generator=generator, dtype=torch.float64) / loss.popularity_rate / 6
    loss.warm_up(warming_up)
    return loss


def values(loss):
    """The vectors of the branch, user and item, as lists."""
    return [(t.detach() * loss.popularity_rate).tolist() for t in (loss.user_popularity, loss.item_popularity)]


def with_product(text, x):
    """The loss with the inner product x of all vectors of the branch."""
    loss = build(text).double()
    for table, value in ((loss.user_popularity, x), (loss.item_popularity, 1.0)):
        table.data.zero_()
        table.data[:, 0] = value / loss.popularity_rate
    return loss


def test_users_and_items_as_popular_share_a_vector():
    loss = bound("bc-loss")
    assert loss.user_class.tolist() == USER_CLASS
    assert loss.item_class.tolist() == ITEM_CLASS
    assert loss.user_popularity.shape == loss.item_popularity.shape == (4, 64)


@pytest.mark.parametrize("tau", [0.07, 0.15, 0.4])
def test_without_margin_and_weight_it_is_softmax_with_the_positive(tau):
    loss, s = with_product(f"bc-loss:weight=0,tau1={tau}", 800.0), batch(1)
    want = build(f"softmax:incl=true,tau={tau}")
    assert_close(loss(s), want(s), rtol=1e-12, atol=1e-12)
    for got, expected in zip(gradients(loss, s), gradients(want, s), strict=True):
        assert_close(got, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "product", "margin"),
    [
        ("bc-loss", 0.0, 0.5),
        ("bc-loss", -800.0, 1.0),
        ("bc-loss", math.log(3), 0.25),
        ("bc-loss:margin=angle", -2.0, math.pi),
        ("bc-loss:margin=angle", 2.0, 0.0),
        ("bc-loss:margin=angle", 0.0, math.pi / 2),
    ],
)
def test_margin_of_an_inner_product(text, product, margin):
    assert_close(with_product(text, product).margins(batch(0)), torch.full((6,), margin).double(), rtol=0, atol=1e-3)


@each_margin
def test_margins_equal_the_naive_loops(text):
    loss, s = bound(text), batch(2)
    users, items = values(loss)
    want = []
    for u, i in zip(s.user.tolist(), s.pos_item.tolist(), strict=True):
        x, y = users[USER_CLASS[u]], items[ITEM_CLASS[i]]
        product = math.fsum(a * b for a, b in zip(x, y, strict=True))
        cosine = product / math.hypot(*x) / math.hypot(*y)
        want.append(math.acos(cosine) if "angle" in text else 1 - 1 / (1 + math.exp(-product)))
    assert_close(loss.margins(s).tolist(), want)
    assert max(want) - min(want) > 0.1


@each_margin
def test_gradient_is_the_published_one_and_stops_at_the_opposite(text):
    loss, s = bound(f"{text},tau1=0.2,weight=0.3"), batch(3, 60)
    angle, margin = torch.acos(s.pos.detach()), loss.margins(s)
    c = torch.cos((angle + margin).clamp_max(math.pi))
    logit = (s.neg.detach() - c[:, None]) / 0.2
    P = logit.exp().sum(dim=1) / (1 + logit.exp().sum(dim=1))
    pos, neg = gradients(loss, s)
    beyond = angle + margin > math.pi
    assert 0 < beyond.sum() < 50
    want = -0.7 * P / 0.2 * torch.sin(angle + margin) / torch.sin(angle)
    assert_close(pos, want.masked_fill(beyond, 0), rtol=1e-9, atol=1e-12)
    assert (pos[~beyond] < 0).all()
    assert_close(neg, 0.7 * (P / 0.2)[:, None] * torch.softmax(logit, dim=1), rtol=1e-9, atol=1e-12)


def test_a_wider_margin_is_harder_up_to_the_opposite():
    s = batch(4, 40)
    easy, hard = (with_product("bc-loss", x)(s) for x in (1.0, 0.0))
    assert (hard >= easy).all()
    assert (hard > easy).sum() > 30
    opposite = with_product("bc-loss:margin=angle", -2.0)(s)
    assert_close(
        opposite, build("bc-loss:weight=0.5")(moved(s, torch.full_like(s.pos, -1), s.neg)), rtol=1e-6, atol=1e-6
    )


@each_margin
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_is_finite_at_the_ends_of_the_cosine(text, dtype):
    loss, s = build(text), batch(5, 4, dtype=dtype)
    s = moved(s, torch.tensor([1.0, -1.0, 1.0000001, -1.0000001], dtype=dtype), s.neg)
    assert loss(s).isfinite().all()
    pos, neg = gradients(loss, s)
    assert pos.isfinite().all()
    assert neg.isfinite().all()


def test_weight_scales_the_gradient_and_nothing_else():
    s = batch(6)
    one, other = (bound(f"bc-loss:weight={w}")(s) for w in (0.0, 0.75))
    assert_close(one / 4, other)


def naive_branch(loss, s):
    """The values of the branch's own loss by loops."""
    users, items = values(loss)

    def strength(u, i):
        x, y = users[USER_CLASS[u]], items[ITEM_CLASS[i]]
        return math.exp(
            math.fsum(a * b for a, b in zip(x, y, strict=True)) / math.hypot(*x) / math.hypot(*y) / loss.tau2
        )

    found = []
    for u, i, row in zip(s.user.tolist(), s.pos_item.tolist(), s.neg_item.tolist(), strict=True):
        own, others = strength(u, i), math.fsum(strength(u, j) for j in row)
        found.append(-loss.weight * math.log(own / (own + others)))
    return found


def test_warm_up_equals_the_naive_loops_and_leaves_the_model_alone():
    loss, s = bound("bc-loss:tau2=0.3,weight=0.4", warming_up=True), batch(7)
    assert_close(loss(s).tolist(), naive_branch(loss, s))
    loss(s).sum().backward()
    assert s.pos.grad is None
    assert s.neg.grad is None


def test_gradient_of_the_warm_up_equals_finite_differences_of_the_naive_loops():
    loss, s = bound("bc-loss:tau2=0.3,weight=0.4,popularity_rate=1", warming_up=True), batch(8)
    loss(s).sum().backward()
    for table in (loss.user_popularity, loss.item_popularity):
        for place in [(1, 0), (3, 7), (3, 63)]:
            slope = []
            for step in (1e-5, -1e-5):
                table.data[place] += step
                slope.append(math.fsum(naive_branch(loss, s)) / 2e-5 * math.copysign(1, step))
                table.data[place] -= step
            assert table.grad[place].item() == pytest.approx(sum(slope), rel=1e-6, abs=1e-7)


def test_the_branch_learns_first_and_then_the_model_alone():
    loss = build("bc-loss:warmup=2")
    train = random_interactions(0, 5, 9, 3)
    phases = []
    for number in range(4):
        loss.refresh(Epoch(number, train, lambda user: user, lambda user, item: user))
        phases.append((loss.warming_up, *(p.requires_grad for p in loss.parameters())))
    assert phases == [(True, True, True)] * 2 + [(False, False, False)] * 2


@pytest.mark.parametrize(("warmup", "want"), [(0, [False] * 3), (2, [True, True, False])])
def test_in_a_training_one_of_the_two_moves(warmup, want):
    loss = registry.find("loss", "bc-loss")(warmup=warmup)
    spec = TrainSpec(lr=0.05, batch_size=64, epochs=3, patience=0, negatives=20, dim=8, weight_decay=1e-4)
    training = Training(random_split(), loss, MF(), spec, 0, torch.device("cpu"))
    tables = [training.backbone.user, training.backbone.item, loss.user_popularity, loss.item_popularity]
    before, turns = [t.detach().clone() for t in tables], []
    for event in training.run():
        if isinstance(event, EpochEnd):
            changed = [not torch.equal(x, y) for x, y in zip(before, tables, strict=True)]
            assert changed[0] == changed[1] != changed[2] == changed[3]
            turns.append(changed[2])
            before = [t.detach().clone() for t in tables]
    assert turns == want


def test_the_branch_moves_at_its_own_rate():
    loss = registry.find("loss", "bc-loss")(popularity_rate=0.02)
    spec = TrainSpec(lr=0.1, batch_size=10_000, epochs=1, patience=0, negatives=20, dim=8)
    training = Training(random_split(), loss, MF(), spec, 0, torch.device("cpu"))
    before = loss.item_popularity.detach() * 0.02
    for _ in training.run():
        pass
    moved_by = (loss.item_popularity.detach() * 0.02 - before).abs()
    assert moved_by.max().item() == pytest.approx(0.02 * 0.1, rel=1e-3)


def test_the_branch_starts_alike_and_is_stored_with_the_model():
    one, other = build("bc-loss"), build("bc-loss")
    assert all(torch.equal(x, y) for x, y in zip(one.parameters(), other.parameters(), strict=True))
    assert sorted(one.state_dict()) == ["item_popularity", "user_popularity"]
    other.bind(TRAIN, 0)
    one.bind(TRAIN, 1)
    assert not any(torch.equal(x, y) for x, y in zip(one.parameters(), other.parameters(), strict=True))
    wide = registry.find("loss", "bc-loss")(popularity_rate=0.01)
    user = np.repeat(np.arange(200), np.arange(200))  # 200 numbers of interactions
    wide.bind(Interactions.from_pairs(user, np.concatenate([np.arange(n) for n in range(200)]), 200, 200), 3)
    for table in wide.parameters():
        assert table.shape == (200, 64)
        assert (table * 0.01).std().item() == pytest.approx(math.sqrt(2 / 264), rel=0.03)
    assert not torch.equal(wide.user_popularity, wide.item_popularity)
