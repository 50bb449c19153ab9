"""Losses on lists and on vectors: the same gradients in pieces, the same bits on any threads, exact resumption."""

import pytest
import torch

from rankbench import registry
from rankbench.backbones.mf import MF
from rankbench.evaluation.scorers import InnerProduct
from rankbench.parallel import set_threads
from rankbench.spec import TrainSpec
from rankbench.training import checkpoint, lists
from rankbench.training.loop import Trained, Training
from toy import random_split

SPEC = TrainSpec(batch_size=16, negatives=5, epochs=4, eval_every=2, dim=8, lr=0.05)
ON_LISTS = ["full-softmax", "multinomial", "wrmf", "logistic", "lambdaloss"]
ON_VECTORS = ["infonce", "directau", "mawu"]


def training(name: str, path=None) -> Training:
    return Training(random_split(), registry.find("loss", name)(), MF(), SPEC, 3, torch.device("cpu"), path)


def finish(made: Training) -> Trained:
    events = made.run()
    while True:
        try:
            next(events)
        except StopIteration as stop:
            return stop.value


def vectors(trained: Trained, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    scorer = trained.scorers[name]
    assert isinstance(scorer, InnerProduct)
    return scorer.user_vec, scorer.item_vec


def same(a: Trained, b: Trained) -> bool:
    return [e.loss for e in a.curve] == [e.loss for e in b.curve] and all(
        torch.equal(x, y) for name in a.scorers for x, y in zip(vectors(a, name), vectors(b, name), strict=True)
    )


@pytest.mark.parametrize("name", ON_LISTS)
def test_pieces_of_users_have_the_gradients_of_the_whole_batch(name, monkeypatch):
    torch.manual_seed(0)
    train = random_split().train
    loss = registry.find("loss", name)()
    loss.bind(train, 0)
    monkeypatch.setattr(lists, "_PIECE", 7 * train.n_items)  # seven users a piece, the last one smaller
    tables = [torch.randn(n, 6, dtype=torch.float64, requires_grad=True) for n in (train.n_users, train.n_items)]
    user = torch.randperm(train.n_users)[:30]
    user = user[torch.from_numpy(train.user_counts)[user] > 0]
    found = []
    for divisible in (True, False):
        monkeypatch.setattr(type(loss), "divisible", divisible)
        value = lists.backward_of_lists(loss, tables[0][user], tables[1], user, train)
        found.append([value, *(t.grad.clone() for t in tables)])
        for table in tables:
            table.grad = None
    for piecewise, whole in zip(*found, strict=True):
        torch.testing.assert_close(piecewise, whole, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ON_LISTS + ON_VECTORS)
def test_threads_change_no_bit_and_the_loss_falls(name):
    found = []
    for threads in (1, 2):
        set_threads(threads)
        found.append(finish(training(name)))
    assert same(*found)
    assert found[0].curve[-1].loss < found[0].curve[0].loss


@pytest.mark.parametrize("name", ["lambdaloss", "mawu"])
def test_resumed_equals_uninterrupted(name, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS_BETWEEN", 0)
    expected = finish(training(name))
    interrupted = training(name, tmp_path / "checkpoint.pt")
    for event in interrupted.run():
        if getattr(event, "epoch", 0) == 3:
            break
    assert same(finish(training(name, tmp_path / "checkpoint.pt")), expected)


def test_an_epoch_of_lists_passes_over_the_users_with_train_items():
    made = training("multinomial")
    assert made.batches.size == int((made.split.train.user_counts > 0).sum())
    assert training("directau").batches.size == len(made.split.train)
