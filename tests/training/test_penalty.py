"""What a backbone may do in a step: other vectors than those of evaluation, and a penalty on the batch."""

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from rankbench import registry
from rankbench.backbones import Batch
from rankbench.backbones.mf import MF
from rankbench.evaluation.scorers import InnerProduct
from rankbench.losses.bpr import BPR
from rankbench.losses.softmax import Softmax
from rankbench.parallel import set_threads
from rankbench.randomness import bits, key, permutation
from rankbench.sampling import WeightedNegatives
from rankbench.spec import TrainSpec
from rankbench.training import checkpoint
from rankbench.training.loop import Trained, Training
from rankbench.training.progress import EpochEnd, Step
from toy import random_split

SPEC = TrainSpec(lr=0.05, batch_size=64, epochs=4, patience=0, eval_every=2, negatives=20, dim=8)
CPU = torch.device("cpu")


class Penalised(MF):
    """MF whose vectors are shifted in training and whose batch is pulled together."""

    def __init__(self, weight: float = 0.3) -> None:
        super().__init__()
        self.weight = weight
        self.seen: list[Batch] = []

    def step(self, batch: Batch):
        self.seen.append(batch)
        shift = bits(batch.key, 1)[0] / 2**64
        user_vec, item_vec = self.user + shift, self.item * 2
        gap = user_vec[batch.user] - item_vec[batch.pos]
        return user_vec, item_vec, self.weight * gap.square().sum(1).mean()


class Unpenalised(Penalised):
    """The same without the penalty."""

    def step(self, batch: Batch):
        user_vec, item_vec, _ = super().step(batch)
        return user_vec, item_vec, None


def finish(training: Training) -> Trained:
    events = training.run()
    while True:
        try:
            next(events)
        except StopIteration as stop:
            return stop.value


def training(backbone=None, loss=None, spec=SPEC, path=None) -> Training:
    return Training(random_split(), loss or Softmax(), backbone or Penalised(), spec, 3, CPU, path)


def same(a: Trained, b: Trained) -> bool:
    return [e.loss for e in a.curve] == [e.loss for e in b.curve] and all(
        torch.equal(x, y) for name in a.scorers for x, y in zip(vectors(a, name), vectors(b, name), strict=True)
    )


def vectors(trained: Trained, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    scorer = trained.scorers[name]
    assert isinstance(scorer, InnerProduct)
    return scorer.user_vec, scorer.item_vec


@pytest.mark.parametrize("loss", [Softmax(tau=0.2), BPR()])
def test_a_penalised_step_equals_autograd_of_the_sum(loss):
    """One step against the sum of loss and penalty, written out in float64."""
    spec = TrainSpec(**{**SPEC.values(), "batch_size": 10_000, "epochs": 1, "eval_every": 1})
    made = training(loss=loss, spec=spec)
    tables = [t.detach().double().clone().requires_grad_() for t in (made.backbone.user, made.backbone.item)]
    trained = finish(made)

    train = made.split.train
    order = torch.from_numpy(permutation(key(3, "shuffle", 0), len(train)))
    user = torch.from_numpy(train.users.astype(np.int64))[order]
    pos = torch.from_numpy(train.items.astype(np.int64))[order]
    neg = WeightedNegatives.uniform(train).draw(key(3, "negatives", 0), order, user, user, 20).long()
    u, v = tables[0] + bits(key(3, "backbone", 0, 0), 1)[0] / 2**64, tables[1] * 2
    penalty = 0.3 * (u[user] - v[pos]).square().sum(1).mean()
    if loss.score == "cosine":
        u, v = normalize(u, dim=1), normalize(v, dim=1)
    gap = (u[user][:, None] * v[neg]).sum(2) - (u[user] * v[pos]).sum(1)[:, None]
    value = torch.logsumexp(gap / 0.2, 1) if isinstance(loss, Softmax) else torch.nn.functional.softplus(gap).mean(1)
    total = value.mean() + penalty
    total.backward()
    assert trained.curve[0].loss == pytest.approx(total.item(), rel=1e-5)
    for found, expected in zip((made.backbone.user, made.backbone.item), tables, strict=True):
        torch.testing.assert_close(found.grad.double(), expected.grad, rtol=1e-4, atol=1e-6)


def test_the_step_is_taken_once_a_batch_and_each_has_its_own_key():
    made = training()
    finish(made)
    n = -(-len(made.split.train) // SPEC.batch_size)
    assert len(made.backbone.seen) == SPEC.epochs * n
    assert [b.key for b in made.backbone.seen] == [
        key(3, "backbone", e, i) for e in range(SPEC.epochs) for i in range(n)
    ]
    assert len({b.key for b in made.backbone.seen}) == SPEC.epochs * n


@pytest.mark.parametrize("name", ["softmax", "directau", "multinomial", "guidedrec"])
def test_the_pairs_of_a_batch_are_train_pairs_whatever_the_loss_sees(name):
    made = training(loss=registry.find("loss", name)())
    finish(made)
    train = made.split.train
    known = set(zip(train.users.tolist(), train.items.tolist(), strict=True))
    drawn = [pair for b in made.backbone.seen for pair in zip(b.user.tolist(), b.pos.tolist(), strict=True)]
    assert set(drawn) <= known
    assert len(set(drawn)) > len(known) / 4  # lists draw another item of a user each time


@pytest.mark.parametrize("name", ["softmax", "directau", "multinomial"])
def test_a_penalty_of_nought_changes_nothing(name):
    loss = registry.find("loss", name)
    assert same(finish(training(Penalised(0.0), loss())), finish(training(Unpenalised(), loss())))


@pytest.mark.parametrize("name", ["softmax", "multinomial"])
def test_threads_and_interruptions_change_no_bit(name, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS_BETWEEN", 0.0)
    loss = registry.find("loss", name)
    set_threads(1)
    whole = finish(training(loss=loss()))
    set_threads(2)
    assert same(whole, finish(training(loss=loss())))
    ends = 0
    for event in training(loss=loss(), path=tmp_path / "checkpoint.pt").run():
        ends += isinstance(event, EpochEnd)
        if ends == 2 and isinstance(event, Step):
            break
    assert same(whole, finish(training(loss=loss(), path=tmp_path / "checkpoint.pt")))
