"""The scores at rest, the vectors that have them, and the training of what a loss keeps."""

import numpy as np
import pytest
import torch
from gradient_cases import build

from rankbench.gradient import settle as module
from rankbench.gradient.pairs import Pairs
from rankbench.gradient.settle import has_state, settle
from rankbench.gradient.typical import LENGTHS, NEGATIVE, POSITIVE, POSITIVES, SPREAD, USERS, Typical, quantiles


def test_quantiles_are_those_of_the_normal_distribution():
    q = quantiles(1001)
    assert q[500] == 0
    np.testing.assert_allclose(q, -q.flip(0), atol=1e-12)
    assert q.std() == pytest.approx(1, abs=0.01)
    assert q[841] == pytest.approx(1, abs=0.01), "84 % lie below one standard deviation"


@pytest.mark.parametrize("score", ["cosine", "dot"])
@pytest.mark.parametrize("N", [1, 7, 1500])
def test_an_example_has_its_positive_in_the_middle_and_one_negative_that_moves(score, N):
    scale = LENGTHS if score == "dot" else 1
    model = Typical(N, score)
    s = model.example(0.77)
    assert s.neg.shape == (USERS, N)
    assert s.pos[0].item() == pytest.approx(POSITIVE * scale)
    assert s.pos.median() == s.pos[0]
    assert s.neg[0, 0] == 0.77
    assert torch.allclose(s.neg[1:, 0], torch.tensor(NEGATIVE * scale).double())
    assert (s.neg[:, 1:] == s.neg[0, 1:]).all()
    rest = s.neg[0, 1:].detach() / scale
    np.testing.assert_allclose(rest, NEGATIVE + SPREAD * quantiles(N - 1))
    owned = torch.from_numpy(model.train.relevant(np.arange(USERS)))
    assert not owned.gather(1, s.neg_item.long()).any()
    assert owned.gather(1, s.pos_item[:, None]).all()
    assert s.similarity.shape == s.neg.shape
    assert s.similarity[0, 0] == 0
    assert s.log_q(s.neg_item).exp().sum(dim=1)[0] == pytest.approx(N / max(N, 1000))


def test_the_table_holds_positives_above_negatives_and_lists_replace_one_of_them():
    model = Typical(1000)
    owned = torch.from_numpy(model.train.relevant(np.arange(USERS)))
    assert model.table[owned].mean().item() == pytest.approx(POSITIVE, abs=0.01)
    assert model.table[owned].std().item() == pytest.approx(SPREAD, abs=0.02)
    assert model.table[~owned].mean().item() == pytest.approx(NEGATIVE, abs=1e-6)
    assert model.table[~owned].std().item() == pytest.approx(SPREAD, abs=0.001)
    lists = model.lists(0.9)
    assert torch.equal(lists.relevant, owned)
    assert lists.relevant.sum(dim=1).eq(POSITIVES).all()
    assert lists.score[0, model.others[0, 0]] == 0.9
    assert torch.equal(lists.score[1:], model.table[1:])


def test_what_is_drawn_comes_from_the_table():
    model = Typical(50)
    s = model.drawn(torch.Generator().manual_seed(3))
    assert torch.equal(s.neg.detach(), model.table.gather(1, s.neg_item.long()))
    assert torch.equal(s.pos.detach(), model.table.gather(1, s.pos_item[:, None])[:, 0])
    epoch = model.epoch(4, torch.Generator())
    user = torch.tensor([2, 0])
    item = epoch.draw(user)
    assert (item.shape, item.dtype) == ((2, 50), torch.int32)
    assert torch.equal(epoch.score(user, item), model.table[user].gather(1, item.long()))
    assert not torch.equal(epoch.draw(user), item), "they are fresh"


@pytest.mark.parametrize("score", ["cosine", "dot"])
def test_vectors_have_the_cosines_at_rest_and_one_runs_along_the_sphere(score):
    scale = LENGTHS if score == "dot" else 1
    pairs = Pairs(20, score)
    low, high = pairs.example(-0.5 * scale), pairs.example(0.8 * scale)
    with torch.no_grad():
        scores = high.user_vec @ high.item_vec.t()
        np.testing.assert_allclose(scores[0, :2], [POSITIVE * scale, 0.8 * scale])
        np.testing.assert_allclose(scores[0, 2:], scale * (NEGATIVE + SPREAD * quantiles(19)))
        np.testing.assert_allclose(scores.diagonal()[2:], POSITIVE * scale)
        for vectors in (high.user_vec, high.item_vec, low.item_vec):
            np.testing.assert_allclose(vectors.square().sum(dim=1), scale)
        assert torch.equal(low.item_vec[[0, *range(2, 21)]], high.item_vec[[0, *range(2, 21)]])
        plane = torch.stack([high.user_vec[0], low.item_vec[1], high.item_vec[1]])
        assert torch.linalg.svdvals(plane)[2] < 1e-9, "the item stays in one plane with the user"


def test_only_losses_that_keep_something_are_settled():
    model = Typical(50)

    def keeps(text: str) -> bool:
        loss = build(text)
        loss.bind(model.train, 0)
        return has_state(loss)

    stateful = {"slatk", "sogclr", "talos", "drrl", "song", "llpauc", "adap-tau", "advinfonce", "guidedrec", "sogslatk"}
    assert all(keeps(text) for text in stateful)
    assert not any(keeps(text) for text in ("softmax", "bpr", "dsl", "gbce", "infonce", "wrmf"))


def test_thresholds_settle_where_k_items_are_above_them(monkeypatch):
    monkeypatch.setattr(module, "STEPS", 4)
    model = Typical(1000)
    loss = build("talos:k=100,threshold_rate=0.2")
    loss.bind(model.train, 0)
    settle(loss, model)
    assert not loss.training
    threshold = (loss.threshold * loss.threshold_rate).detach()
    above = (model.table > threshold[:, None]).sum(dim=1)
    assert ((above > 70) & (above < 130)).all(), above


def test_settling_ends_in_an_epoch_in_which_the_model_learns(monkeypatch):
    monkeypatch.setattr(module, "EPOCHS", 4)
    monkeypatch.setattr(module, "STEPS", 1)
    loss, model = build("advinfonce"), Typical(3)  # its adversary has the fourth epoch
    loss.bind(model.train, 0)
    assert loss.is_adversarial(3)
    settle(loss, model)
    assert not loss.adversarial


def test_settling_hands_out_every_epoch_once(monkeypatch):
    from rankbench.gradient import settle as module
    from rankbench.losses import Loss

    seen = []

    class Watcher(Loss):
        def refresh(self, epoch):
            assert not torch.is_grad_enabled()
            seen.append((epoch.number, self.training))

        def forward(self, s):
            assert torch.is_grad_enabled()
            seen.append("step")
            return s.pos

    monkeypatch.setattr(module, "EPOCHS", 2)
    monkeypatch.setattr(module, "STEPS", 2)
    settle(Watcher(), Typical(3))
    assert seen == [(0, True), "step", "step", (1, True), "step", "step"]
