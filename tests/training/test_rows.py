"""Backbones whose score is not an inner product: one that is in truth one trains to the numbers of MF."""

import pytest
import torch

from rankbench import registry
from rankbench.backbones import RowBackbone, initial
from rankbench.backbones.mf import MF
from rankbench.data.interactions import Interactions
from rankbench.errors import UserError
from rankbench.evaluation.evaluate import evaluate
from rankbench.evaluation.scorers import Rows
from rankbench.losses.dsl import DSL
from rankbench.spec import TrainSpec
from rankbench.training import checkpoint
from rankbench.training.loop import Trained, Training
from toy import random_split

SPEC = TrainSpec(batch_size=64, negatives=20, epochs=4, eval_every=2, dim=8, lr=0.05, patience=0)


class MFRows(RowBackbone):
    """Matrix factorisation that hides its vectors."""

    def bind(self, train: Interactions, dim: int, init: str, generator: torch.Generator) -> None:
        self.user = initial(train.n_users, dim, init, generator)
        self.item = initial(train.n_items, dim, init, generator)

    def forward(self, user: torch.Tensor, inputs: Interactions) -> torch.Tensor:
        user_vec, item_vec = self.user[user], self.item
        if self.cosine:
            user_vec, item_vec = (torch.nn.functional.normalize(v, dim=1) for v in (user_vec, item_vec))
        return user_vec @ item_vec.T


def finish(training: Training) -> Trained:
    events = training.run()
    while True:
        try:
            next(events)
        except StopIteration as stop:
            return stop.value


def train(loss: str, backbone, path=None) -> Trained:
    made = registry.find("loss", loss)()
    return finish(Training(random_split(), made, backbone, SPEC, 0, torch.device("cpu"), path))


@pytest.mark.parametrize("loss", ["softmax", "bpr", "slatk", "multinomial", "wrmf"])
def test_one_that_is_mf_in_truth_trains_to_its_numbers(loss):
    rows, vectors = train(loss, MFRows()), train(loss, MF())
    for a, b in zip(rows.curve, vectors.curve, strict=True):
        assert a.loss == pytest.approx(b.loss, rel=1e-4)
    assert {name: best.epoch for name, best in rows.best.items()} == {n: b.epoch for n, b in vectors.best.items()}
    split = random_split()
    for name, scorer in rows.scorers.items():
        assert isinstance(scorer, Rows)
        expected = evaluate(vectors.scorers[name], split, "iid")
        assert evaluate(scorer, split, "iid").mean("ndcg", 100) == pytest.approx(expected.mean("ndcg", 100), rel=1e-3)


def test_each_validation_set_keeps_the_parameters_of_its_own_epoch():
    made = Training(random_split(), registry.find("loss", "softmax")(), MFRows(), SPEC, 0, torch.device("cpu"))
    trained = finish(made)
    with torch.no_grad():
        made.backbone.user.zero_()  # what comes after does not reach what was kept
    users = torch.arange(60)
    assert all(scorer.score(users).abs().sum() > 0 for scorer in trained.scorers.values())


@pytest.mark.parametrize("loss", ["infonce", "directau", "mawu", "sce"])
def test_losses_on_vectors_are_refused(loss):
    with pytest.raises(UserError, match=f"{loss} is defined on vectors; the score of the backbone mfrows"):
        train(loss, MFRows())


def test_a_loss_that_asks_for_the_similarity_of_items_is_refused():
    with pytest.raises(UserError, match="dsl, with item similarity, is defined on vectors"):
        finish(Training(random_split(), DSL(lambda_similarity=0.5), MFRows(), SPEC, 0, torch.device("cpu")))


def test_resumed_equals_uninterrupted(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS_BETWEEN", 0)
    path = tmp_path / "checkpoint.pt"
    interrupted = Training(
        random_split(), registry.find("loss", "softmax")(), MFRows(), SPEC, 0, torch.device("cpu"), path
    )
    for event in interrupted.run():
        if getattr(event, "valid", None):
            break
    resumed, whole = train("softmax", MFRows(), path), train("softmax", MFRows())
    assert [end.loss for end in resumed.curve] == [end.loss for end in whole.curve]
    users = torch.arange(60)
    assert torch.equal(resumed.scorers["iid"].score(users), whole.scorers["iid"].score(users))
