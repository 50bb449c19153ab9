"""AdvInfoNCE: its adversary's weights and turns, and what it is without an adversary."""

import math

import pytest
import torch
from loss_cases import batch, build, gradients
from torch.nn.functional import softplus
from torch.testing import assert_close

from rankbench import registry
from rankbench.backbones.mf import MF
from rankbench.losses import Epoch
from rankbench.spec import TrainSpec
from rankbench.training.loop import Training
from rankbench.training.progress import EpochEnd
from toy import random_interactions, random_split

RATE = "adversary_rate=1"


def in_epoch(text, adversarial=True):
    loss = build(text).double()
    loss.adversarial = adversarial
    return loss


def test_weights_average_one():
    for kind in ("dot", "cosine"):
        delta = build(f"advinfonce:adversary={kind}").double().hardness(batch(0)).detach()
        assert_close(delta.exp().mean(dim=1), torch.ones(6).double())
        assert delta.abs().max() > 0.01


@pytest.mark.parametrize("weight", [1.0, 64.0])
def test_an_adversary_without_preference_leaves_infonce(weight):
    loss, s = build(f"advinfonce:negative_weight={weight}"), batch(1)
    loss.user.data.zero_()
    plain = build("softmax")
    assert_close(loss(s), softplus(math.log(weight) + plain(s)))
    if weight == 1:
        assert_close(loss(s), build("softmax:incl=true")(s))


def test_a_large_weight_leaves_softmax():
    loss, s = build("advinfonce:negative_weight=1e12"), batch(2)
    loss.user.data.zero_()
    assert_close(loss(s) - math.log(1e12), build("softmax")(s), rtol=1e-6, atol=1e-6)


def shares(loss, s):
    """p (B, N) and the softmax of g (B, N)."""
    delta = loss.hardness(s).detach()
    logit = math.log(loss.negative_weight) + delta + (s.neg - s.pos[:, None]).detach() / loss.tau
    total = 1 + logit.exp().sum(dim=1, keepdim=True)
    return logit.exp() / total, torch.softmax(delta, dim=1)


def test_gradient_of_the_scores_is_the_published_one():
    loss, s = build("advinfonce:tau=0.2").double(), batch(3)
    p, _ = shares(loss, s)
    pos, neg = gradients(loss, s)
    assert_close(neg, p / 0.2)
    assert_close(pos, -p.sum(dim=1) / 0.2)


@pytest.mark.parametrize("rate", [1, 0.01])
def test_the_adversary_climbs_on_the_published_gradient(rate):
    loss, s = in_epoch(f"advinfonce:adversary_rate={rate}"), batch(4)
    p, pi = shares(loss, s)
    loss(s).sum().backward()
    slope = p - pi * p.sum(dim=1, keepdim=True)
    item = loss.item.detach() * rate
    want = torch.zeros_like(item[: len(loss.user)]).index_add(0, s.user, (slope[:, :, None] * item[s.neg_item]).sum(1))
    assert_close(loss.user.grad, -want)
    assert loss.item.grad.abs().max() > 0


def test_a_step_of_the_adversary_makes_the_loss_harder():
    loss, s = in_epoch(f"advinfonce:{RATE}"), batch(5, 30)
    before = loss(s).mean()
    before.backward()
    with torch.no_grad():
        for table in (loss.user, loss.item):
            table -= table.grad
        assert loss(s).mean() > before + 1e-3


@pytest.mark.parametrize("kind", ["dot", "cosine"])
def test_who_moves_when(kind):
    for adversarial, together, model, adversary in [
        (False, "false", True, False),
        (False, "true", True, False),
        (True, "false", False, True),
        (True, "true", True, True),
    ]:
        loss, s = in_epoch(f"advinfonce:adversary={kind},together={together}", adversarial), batch(6)
        loss(s).sum().backward()
        assert (s.pos.grad is not None) == (s.neg.grad is not None) == model
        assert (loss.user.grad is not None) == (loss.item.grad is not None) == adversary


def test_the_model_rests_while_the_adversary_climbs():
    loss = registry.find("loss", "advinfonce")(every=1, adversary_rate=0.1)
    spec = TrainSpec(lr=0.05, batch_size=64, epochs=4, patience=0, negatives=20, dim=8)
    training = Training(random_split(), loss, MF(), spec, 0, torch.device("cpu"))
    moved = []
    before = [p.detach().clone() for p in (training.backbone.user, loss.user)]
    for event in training.run():
        if isinstance(event, EpochEnd):
            after = [p.detach().clone() for p in (training.backbone.user, loss.user)]
            moved.append([not torch.equal(x, y) for x, y in zip(before, after, strict=True)])
            before = after
    assert moved == [[True, False], [False, True], [True, False], [False, True]]


def turns(text, n=40):
    loss = build(text)
    train = random_interactions(0, 5, 9, 3)
    found = []
    for number in range(n):
        loss.refresh(Epoch(number, train, lambda user: user, lambda user, item: user))
        if loss.adversarial:
            found.append(number)
    return found


def test_the_adversary_has_an_epoch_after_every_five_of_the_model_seven_times():
    """Published: an extra epoch after the model's epoch e, from 0, wherever (e + 3) mod T = 0."""
    model, want = 0, []
    for number in range(100):
        if (want and want[-1] == number - 1) or number == 0 or (model - 1 + 3) % 5:
            model += 1
        elif len(want) < 7:
            want.append(number)
        else:
            break
    assert turns("advinfonce") == want[:7] == [3, 9, 15, 21, 27, 33, 39]
    assert turns("advinfonce:every=1", 8) == [1, 3, 5, 7]
    assert turns("advinfonce:adversarial_epochs=0") == []


def test_together_it_shares_the_epochs_of_the_model():
    want = [number for number in range(40) if (number + 3) % 5 == 0][:3]
    assert turns("advinfonce:together=true,adversarial_epochs=3") == want
    assert turns("advinfonce:together=true,every=1,adversarial_epochs=2") == [0, 1]


def test_the_adversary_starts_alike_and_is_stored_with_the_model():
    one, other = build("advinfonce"), build("advinfonce")
    assert all(torch.equal(x, y) for x, y in zip(one.parameters(), other.parameters(), strict=True))
    assert list(one.state_dict()) == ["user", "item"]
    wide = registry.find("loss", "advinfonce")(adversary_rate=1.0)
    wide.bind(random_interactions(0, 400, 100, 3), 0)
    assert wide.user.std().item() == pytest.approx(math.sqrt(2 / 464), rel=0.02)
    assert wide.item.std().item() == pytest.approx(math.sqrt(2 / 164), rel=0.04)
