"""Losses with a state or draws of their own: interrupted training goes on to the same numbers, on any threads."""

import pytest
import torch

from rankbench import registry
from rankbench.backbones.mf import MF
from rankbench.parallel import set_threads
from rankbench.spec import TrainSpec
from rankbench.training import checkpoint
from rankbench.training.loop import Training
from rankbench.training.progress import EpochEnd, Step
from toy import random_split

SPEC = TrainSpec(lr=0.05, batch_size=64, epochs=6, patience=0, eval_every=2, negatives=20, dim=8)
LOSSES = [
    "adap-tau:warmup=2",
    "sogclr:gamma=0.3",
    "sogslatk:refresh_every=2,gamma=0.5,k=5",
    "talos:k=5",
    "drrl:margin=0.2,power=2",
    "llpauc:beta=0.1",
    "llpauc:beta=0.1,mode=min-min",
    "song:gamma0=0.5",
    "song:k=5,gamma0=0.5",
    "song:k=5,gamma0=0.5,version=theoretical",
    "guidedrec",
    "advinfonce:every=2,adversary_rate=0.1",
    "advinfonce:every=2,adversary_rate=0.1,adversary=cosine,together=true",
    "bc-loss:warmup=2,popularity_rate=0.1,weight=0.7",
]
"""Losses with a state."""

DRAWING = ["sce:bucket_items=20", "sce:bucket_items=20,mix=true"]
"""Losses that draw random numbers as they go, and store nothing."""

each_loss = pytest.mark.parametrize("text", [*LOSSES, *DRAWING])


def start(text, path=None):
    part = registry.part("loss", text)
    loss = registry.find("loss", part.name)(**dict(part.params))
    return Training(random_split(), loss, MF(), SPEC, 0, torch.device("cpu"), path)


def finish(training):
    for _ in training.run():
        pass
    return training


def assert_same(a, b):
    assert [end.loss for end in a.curve] == [end.loss for end in b.curve]
    for module in ("backbone", "loss"):
        one, other = getattr(a, module).state_dict(), getattr(b, module).state_dict()
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one)


@each_loss
@pytest.mark.parametrize("stop_after", [1, 3, 5])
def test_resumed_equals_uninterrupted(text, stop_after, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS_BETWEEN", 0.0)
    path = tmp_path / "checkpoint.pt"
    whole = finish(start(text))
    ends = 0
    for event in start(text, path).run():  # stopped in the middle of the epoch that follows
        ends += isinstance(event, EpochEnd)
        if ends == stop_after and isinstance(event, Step):
            break
    resumed = finish(start(text, path))
    assert len(resumed.curve) == SPEC.epochs
    assert_same(whole, resumed)


@each_loss
def test_threads_change_no_bit(text):
    set_threads(1)
    one = finish(start(text))
    set_threads(3)
    assert_same(one, finish(start(text)))


@pytest.mark.parametrize("text", LOSSES)
def test_the_state_moves_in_training(text):
    """Without this, the other tests would pass for a loss that never updates its state."""
    training = start(text)
    before = {key: value.clone() for key, value in training.loss.state_dict().items()}
    finish(training)
    after = training.loss.state_dict()
    assert before
    assert any(not torch.equal(before[key], after[key]) for key in before)
    assert all(value.isfinite().all() for key, value in after.items() if value.is_floating_point())
    assert training.curve[-1].loss < training.curve[0].loss
