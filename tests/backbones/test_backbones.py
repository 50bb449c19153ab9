"""What every backbone must do: shapes, gradients to all parameters, equivariance, threads, resumption."""

import dataclasses

import pytest
import torch
from backbone_cases import BATCH, N_ITEMS, N_USERS, TRAIN, VARIANTS, made

from rankbench import registry
from rankbench.backbones import Backbone
from rankbench.data.interactions import Interactions
from rankbench.losses.softmax import Softmax
from rankbench.parallel import set_threads
from rankbench.spec import TrainSpec
from rankbench.training import checkpoint
from rankbench.training.loop import Trained, Training
from rankbench.training.progress import EpochEnd, Step
from toy import random_split

SPEC = TrainSpec(lr=0.05, batch_size=64, epochs=3, patience=0, eval_every=1, negatives=9, dim=8)
NOISY = [text for text in VARIANTS if "simgcl" in text or (text.startswith("ngcf") and ",dropout=0," not in text)]


def test_the_variants_cover_every_backbone_on_ids():
    assert {text.partition(":")[0] for text in VARIANTS} >= {
        "mf",
        "lightgcn",
        "lightgcn++",
        "simgcl",
        "xsimgcl",
        "ngcf",
    }


@pytest.mark.parametrize("text", VARIANTS)
def test_vectors_are_finite_and_gradients_reach_every_parameter(text):
    backbone = made(text)
    user_vec, item_vec, penalty = backbone.step(BATCH)
    assert user_vec.shape[0] == N_USERS
    assert item_vec.shape == (N_ITEMS, user_vec.shape[1])
    assert [v.shape for v in backbone()] == [user_vec.shape, item_vec.shape]
    total = user_vec.square().sum() + item_vec.pow(3).sum() + (0 if penalty is None else penalty)
    total.backward()
    for name, parameter in backbone.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


@pytest.mark.parametrize("text", VARIANTS)
def test_renumbering_users_and_items_renumbers_the_vectors(text):
    one = made(text)
    to_user = torch.randperm(N_USERS, generator=torch.Generator().manual_seed(1))
    to_item = torch.randperm(N_ITEMS, generator=torch.Generator().manual_seed(2))
    renumbered = Interactions.from_pairs(to_user.numpy()[TRAIN.users], to_item.numpy()[TRAIN.items], N_USERS, N_ITEMS)
    other = made(text, renumbered)
    state = one.state_dict()
    state["user"], state["item"] = state["user"][to_user.argsort()], state["item"][to_item.argsort()]
    other.load_state_dict(state)
    for found, expected, moved in zip(other(), one(), (to_user, to_item), strict=True):
        torch.testing.assert_close(found[moved], expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("text", sorted({*VARIANTS} - {*NOISY}))
def test_a_step_sees_what_is_evaluated_of_all_items_and_of_its_users(text):
    backbone = made(text)
    seen, evaluated = backbone.step(BATCH), backbone()
    assert torch.equal(seen[0][BATCH.user], evaluated[0][BATCH.user])
    assert torch.equal(seen[1], evaluated[1])


@pytest.mark.parametrize("text", NOISY)
def test_noise_is_a_function_of_the_key_and_absent_in_evaluation(text):
    backbone = made(text)
    first, again = backbone.step(BATCH), backbone.step(BATCH)
    other = backbone.step(dataclasses.replace(BATCH, key=100))
    assert torch.equal(first[0], again[0])
    assert torch.equal(backbone()[0], backbone()[0])
    changed = [a for a, b in zip(first, other, strict=True) if a is not None and not torch.equal(a, b)]
    assert changed


def train(text: str, path=None) -> Training:
    part = registry.part("backbone", text)
    backbone = registry.find("backbone", part.name)(**dict(part.params))
    assert isinstance(backbone, Backbone)
    return Training(random_split(), Softmax(), backbone, SPEC, 3, torch.device("cpu"), path)


def finish(training: Training) -> Trained:
    events = training.run()
    while True:
        try:
            next(events)
        except StopIteration as stop:
            return stop.value


def same(a: Trained, b: Trained) -> bool:
    return [(e.loss, e.valid) for e in a.curve] == [(e.loss, e.valid) for e in b.curve]


@pytest.mark.parametrize("text", VARIANTS)
def test_threads_and_interruptions_change_no_bit_and_the_loss_falls(text, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS_BETWEEN", 0.0)
    set_threads(1)
    whole = finish(train(text))
    set_threads(2)
    ends, path = 0, tmp_path / "checkpoint.pt"
    for event in train(text, path).run():
        ends += isinstance(event, EpochEnd)
        if ends == 1 and isinstance(event, Step):
            break
    assert same(whole, finish(train(text, path)))
    assert whole.curve[-1].loss < whole.curve[0].loss
