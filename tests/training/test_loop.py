from copy import deepcopy

import numpy as np
import pytest
import torch

from rankbench.backbones.lightgcn import LightGCN
from rankbench.backbones.mf import MF
from rankbench.evaluation.scorers import InnerProduct
from rankbench.losses import Loss, Scores
from rankbench.losses.advinfonce import AdvInfoNCE
from rankbench.losses.bc_loss import BCLoss
from rankbench.losses.bpr import BPR
from rankbench.losses.bsl import BSL
from rankbench.losses.drrl import DrRL
from rankbench.losses.dsl import DSL
from rankbench.losses.guidedrec import GuidedRec
from rankbench.losses.llpauc import LLPAUC
from rankbench.losses.slatk import SLatK
from rankbench.losses.softmax import Softmax
from rankbench.losses.song import SONG
from rankbench.losses.talos import Talos
from rankbench.parallel import set_threads
from rankbench.randomness import key, permutation
from rankbench.sampling import WeightedNegatives
from rankbench.spec import TrainSpec
from rankbench.training import checkpoint, pieces, step
from rankbench.training.loop import Trained, Training
from rankbench.training.progress import EpochEnd, Step
from toy import random_split

SPEC = TrainSpec(lr=0.05, batch_size=64, epochs=6, patience=0, eval_every=2, negatives=20, dim=8)
CPU = torch.device("cpu")


def finish(training: Training) -> Trained:
    steps = training.run()
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def train(loss: Loss | None = None, spec: TrainSpec = SPEC, seed: int = 0, path=None, backbone=None) -> Trained:
    return finish(Training(random_split(), loss or Softmax(), backbone or MF(), spec, seed, CPU, path))


def vectors(trained: Trained, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    scorer = trained.scorers[name]
    assert isinstance(scorer, InnerProduct)
    return scorer.user_vec, scorer.item_vec


def same(a: Trained, b: Trained) -> bool:
    return [e.loss for e in a.curve] == [e.loss for e in b.curve] and all(
        torch.equal(x, y) for name in a.scorers for x, y in zip(vectors(a, name), vectors(b, name), strict=True)
    )


def test_first_step_equals_plain_torch():
    """One step of the engine against gather, cosine, logsumexp and torch.optim.Adam, written out in float64."""
    split = random_split()
    spec = TrainSpec(**{**SPEC.values(), "weight_decay": 0.01, "batch_size": 10_000, "epochs": 1, "eval_every": 1})
    training = Training(split, Softmax(tau=0.2), MF(), spec, 3, CPU)
    user_table = training.backbone.user.detach().double().clone().requires_grad_()
    item_table = training.backbone.item.detach().double().clone().requires_grad_()
    trained = finish(training)

    order = torch.from_numpy(permutation(key(3, "shuffle", 0), len(split.train)))
    user = torch.from_numpy(split.train.users.astype(np.int64))[order]
    pos = torch.from_numpy(split.train.items.astype(np.int64))[order]
    neg = WeightedNegatives.uniform(split.train).draw(key(3, "negatives", 0), order, user, user, 20).long()
    optimiser = torch.optim.Adam([user_table, item_table], lr=0.05, weight_decay=0.01)
    u, v = torch.nn.functional.normalize(user_table, dim=1), torch.nn.functional.normalize(item_table, dim=1)
    gap = (u[user][:, None] * v[neg]).sum(2) - (u[user] * v[pos]).sum(1)[:, None]
    loss = torch.logsumexp(gap / 0.2, dim=1).mean()
    loss.backward()
    optimiser.step()
    assert trained.curve[0].loss == pytest.approx(loss.item(), rel=1e-6)
    torch.testing.assert_close(training.backbone.user.double(), user_table, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(training.backbone.item.double(), item_table, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("loss", [Softmax, DSL, lambda: SLatK(refresh_every=2), lambda: DSL(lambda_similarity=0.5)])
@pytest.mark.parametrize("backbone", [MF, LightGCN])
def test_threads_and_repetition_change_no_bit(loss, backbone):
    set_threads(1)
    one = train(loss(), backbone=backbone())
    set_threads(3)
    assert same(one, train(loss(), backbone=backbone()))


class LogQ(Softmax):
    """Softmax of scores corrected for how often an item is drawn."""

    def forward(self, s):
        return torch.logsumexp((s.neg - s.pos[:, None]) / self.tau - s.log_q(s.neg_item), dim=1)


def warming_up(loss: BCLoss) -> BCLoss:
    """A loss whose own parameters learn."""
    loss.warm_up = lambda begins: BCLoss.warm_up(loss, True)
    return loss


DIVISIBLE = [Softmax(), DSL(lambda_similarity=0.5), SLatK(), BPR(), BSL(tau1=0.2), LogQ(), warming_up(BCLoss())]
DIVISIBLE += [Talos(), GuidedRec(), LLPAUC(), AdvInfoNCE(), DrRL(), SONG(k=5, version="theoretical")]


@pytest.mark.parametrize("loss", DIVISIBLE)
def test_pieces_have_the_gradients_of_the_whole_batch(loss, monkeypatch):
    torch.manual_seed(0)
    monkeypatch.setattr(pieces, "_PIECE", 7 * 30)  # seven rows a piece, the last one smaller
    train_data = random_split().train
    loss.bind(train_data, 0)
    loss.double()
    sampler = WeightedNegatives.by_popularity(train_data, 1.0)
    tables = [torch.randn(rows, 8, dtype=torch.float64, requires_grad=True) for rows in (60, 120)]
    user, pos = torch.randint(0, 60, (40,)), torch.randint(0, 120, (40,))
    neg = sampler.draw(1, torch.arange(40), user, pos, 30)
    found, before = [], deepcopy(loss.state_dict())
    for divisible in (True, False):
        loss.load_state_dict(before)
        vectors = [torch.nn.functional.normalize(t, dim=1) for t in tables]
        loss.zero_grad()
        monkeypatch.setattr(type(loss), "divisible", divisible)
        value = step.backward(loss, vectors[0][user], vectors[1], user, pos, neg, sampler.log_probability)
        found.append([value, *(None if t.grad is None else t.grad.clone() for t in (*tables, *loss.parameters()))])
        found[-1] += [buffer.clone() for buffer in loss.buffers()]
        for table in tables:
            table.grad = None
    for piecewise, whole in zip(*found, strict=True):
        assert (piecewise is None) == (whole is None)  # the optimiser passes over what has no gradient
        if whole is not None:
            torch.testing.assert_close(piecewise, whole, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("other", [{"sampler": "popularity"}, {"sampler": "in-batch"}, {"precision": "bf16"}])
def test_other_samplers_and_precisions_train_to_the_same_numbers_whatever_the_threads(other):
    spec = TrainSpec(**{**SPEC.values(), **other})
    found = []
    for threads in (1, 2):
        set_threads(threads)
        found.append(train(spec=spec))
    assert same(*found)
    assert not same(found[0], train())


def test_seeds_differ():
    assert train(seed=0).curve[0].loss != train(seed=1).curve[0].loss


def test_training_learns():
    trained = train(spec=TrainSpec(**{**SPEC.values(), "epochs": 20}))
    assert trained.curve[-1].loss < trained.curve[0].loss - 0.5


@pytest.mark.parametrize("stop_after", [1, 2, 3, 5])
def test_resumed_equals_uninterrupted(tmp_path, monkeypatch, stop_after):
    monkeypatch.setattr(checkpoint, "SECONDS_BETWEEN", 0.0)
    path = tmp_path / "checkpoint.pt"
    whole = train(SLatK(refresh_every=2))
    steps = Training(random_split(), SLatK(refresh_every=2), MF(), SPEC, 0, CPU, path).run()
    ends = 0
    for event in steps:  # stopped in the middle of the epoch that follows
        ends += isinstance(event, EpochEnd)
        if ends == stop_after and isinstance(event, Step):
            break
    assert path.exists()
    assert same(whole, train(SLatK(refresh_every=2), path=path))


def test_a_damaged_checkpoint_starts_anew(tmp_path):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(b"not a checkpoint")
    assert same(train(), train(path=path))


def test_each_validation_set_keeps_its_own_best_epoch():
    spec = TrainSpec(**{**SPEC.values(), "epochs": 30, "eval_every": 1, "lr": 0.3})
    trained = train(spec=spec)
    for name, best in trained.best.items():
        values = [end.valid[name] for end in trained.curve]
        assert best.value == max(values)
        assert best.epoch == values.index(max(values)) + 1
    shorter = train(spec=TrainSpec(**{**spec.values(), "epochs": trained.best["iid"].epoch}))
    assert all(torch.equal(a, b) for a, b in zip(vectors(trained, "iid"), vectors(shorter, "iid"), strict=True))


def test_training_stops_when_no_validation_set_improves():
    spec = TrainSpec(**{**SPEC.values(), "epochs": 200, "eval_every": 1, "patience": 3, "lr": 0.3})
    trained = train(spec=spec)
    last_best = max(best.epoch for best in trained.best.values())
    assert len(trained.curve) == last_best + 3


class Exploding(Loss):
    """Becomes NaN in the third epoch."""

    epoch = 0

    def refresh(self, epoch):
        self.epoch = epoch.number

    def forward(self, s: Scores) -> torch.Tensor:
        return (s.neg.mean(dim=1) - s.pos) * (float("nan") if self.epoch == 2 else 1.0)


def test_a_loss_that_is_not_finite_ends_the_run_with_the_last_good_epoch():
    trained = train(Exploding())
    assert "nan in epoch 3" in trained.diverged
    assert len(trained.curve) == 2
    assert trained.best["iid"].epoch == 2
    assert all(v.isfinite().all() for v in vectors(trained, "iid"))


def test_tests_are_never_read_in_training():
    split = random_split()
    hidden = type(split)(split.dataset, split.protocol, split.train, split.valids, tests={})
    a = finish(Training(split, Softmax(), MF(), SPEC, 0, CPU))
    b = finish(Training(hidden, Softmax(), MF(), SPEC, 0, CPU))
    assert same(a, b)


@pytest.mark.gpu
def test_cuda_equals_cpu():
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    cuda = finish(Training(random_split(), DSL(), LightGCN(), SPEC, 0, torch.device("cuda")))
    cpu = train(DSL(), backbone=LightGCN())
    for a, b in zip(cuda.curve, cpu.curve, strict=True):
        assert a.loss == pytest.approx(b.loss, rel=1e-3)
