"""The epochs of a CUDA device, run on the CPU: a fake graph repeats in Python what it has captured."""

import pytest
import torch

from rankbench.backbones.lightgcn import LightGCN
from rankbench.backbones.mf import MF
from rankbench.backbones.ngcf import NGCF
from rankbench.backbones.simgcl import SimGCL
from rankbench.backbones.xsimgcl import XSimGCL
from rankbench.losses import Loss, Scores
from rankbench.losses.bc_loss import BCLoss
from rankbench.losses.dsl import DSL
from rankbench.losses.full_softmax import FullSoftmax
from rankbench.losses.infonce import InfoNCE
from rankbench.losses.llpauc import LLPAUC
from rankbench.losses.sce import SCE
from rankbench.losses.slatk import SLatK
from rankbench.losses.softmax import Softmax
from rankbench.losses.sogclr import SogCLR
from rankbench.randomness import bits
from rankbench.spec import TrainSpec
from rankbench.training import checkpoint
from rankbench.training.capture import CaptureError, HostNumber, captured, host_state
from rankbench.training.loop import Trained, Training
from rankbench.training.progress import EpochEnd, Notice, Step
from rankbench.training.resident import Resident
from toy import random_split

SPEC = TrainSpec(lr=0.05, batch_size=64, epochs=4, patience=0, eval_every=2, negatives=20, dim=8)
CPU = torch.device("cpu")


class FakeGraphs:
    """Captures a work by running it in Python, puts all tensors back as if nothing had run, and replays it later."""

    def __init__(self) -> None:
        self.resident: Resident | None = None
        self.launched = self.captures = self.replays = 0

    def run(self, work) -> None:
        self.launched += 1
        work()

    def capture(self, work):
        self.captures += 1
        training = self.resident.training
        tensors = [self.resident.place, self.resident.total, *training.loss.buffers(), *training.loss.parameters()]
        tensors += [*training.backbone.parameters()]
        tensors += [t for state in training.optimiser.state.values() for t in state.values()]
        before = [t.detach().clone() for t in tensors]
        work()
        for tensor, value in zip(tensors, before, strict=True):
            tensor.data.copy_(value)

        def replay() -> None:
            self.replays += 1
            work_again()

        def work_again() -> None:
            state = host_state([training.loss, training.backbone])
            work()
            assert host_state([training.loss, training.backbone]) == state, "a graph would not repeat this"

        return replay


class NoGraphs(FakeGraphs):
    """Captures nothing, as where a step waits for the device."""

    def capture(self, work):
        self.captures += 1
        raise RuntimeError("operation not permitted when stream is capturing\nCompile with TORCH_USE_CUDA_DSA")


def training_of(loss, backbone=None, path=None, graphs=None, spec=SPEC) -> Training:
    training = Training(random_split(), loss, backbone or MF(), spec, 0, CPU, path)
    if graphs is not None:
        training.resident = graphs.resident = Resident(training, graphs)
    return training


def finish(training: Training, events: list | None = None) -> Trained:
    steps = training.run()
    while True:
        try:
            event = next(steps)
        except StopIteration as stop:
            return stop.value
        if events is not None:
            events.append(event)


def same(a: Trained, b: Trained) -> bool:
    def vectors(trained: Trained) -> list[torch.Tensor]:
        return [v for scorer in trained.scorers.values() for v in (scorer.user_vec, scorer.item_vec)]

    return [e.loss for e in a.curve] == [e.loss for e in b.curve] and all(
        torch.equal(x, y) for x, y in zip(vectors(a), vectors(b), strict=True)
    )


LOSSES = {
    "softmax": Softmax,
    "dsl": lambda: DSL(lambda_similarity=0.5),
    "slatk": lambda: SLatK(refresh_every=2),
    "llpauc": LLPAUC,
    "sogclr": SogCLR,
    "full-softmax": FullSoftmax,
    "infonce": InfoNCE,
}


@pytest.mark.parametrize("graphs", [FakeGraphs, NoGraphs])
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_numbers_are_those_of_the_plain_loop(loss, graphs):
    spec = TrainSpec(**{**SPEC.values(), "batch_size": 7}) if loss is FullSoftmax else SPEC  # few users, few batches
    on_device, events = graphs(), []
    found = finish(training_of(loss(), graphs=on_device, spec=spec), events)
    assert same(found, finish(training_of(loss(), spec=spec)))
    notices = [event.text for event in events if isinstance(event, Notice)]
    assert on_device.captures == 1
    if graphs is NoGraphs:
        assert notices == [
            "Steps are launched one by one, which is slower: they cannot be captured, "
            "operation not permitted when stream is capturing."
        ]
    else:
        steps, epochs = -(-training_of(loss(), spec=spec).batches.size // spec.batch_size), spec.epochs
        assert not notices
        assert on_device.launched == 3 + epochs  # to warm up, and the last batch of each epoch
        assert on_device.replays == epochs * (steps - 1) - 3


@pytest.mark.parametrize("graphs", [FakeGraphs, NoGraphs])
def test_a_step_is_captured_anew_when_the_state_on_the_host_has_changed(graphs):
    """bc-loss trains a branch of its own first, and then freezes it."""
    on_device = graphs()
    found = finish(training_of(BCLoss(warmup=2), graphs=on_device))
    assert same(found, finish(training_of(BCLoss(warmup=2))))
    assert on_device.captures == (2 if graphs is FakeGraphs else 1)


def test_a_step_that_changes_the_host_is_not_captured():
    on_device, events = FakeGraphs(), []
    found = finish(training_of(SCE(), graphs=on_device), events)
    assert same(found, finish(training_of(SCE())))
    assert [event.text for event in events if isinstance(event, Notice)] == [
        "Steps are launched one by one, which is slower: they cannot be captured, each step changes step on the host."
    ]
    assert not on_device.replays


class Noisy(MF):
    """Adds noise to its vectors, drawn from the step's key on the host."""

    def step(self, batch):
        noise = torch.from_numpy(bits(batch.key, len(self.item)) % 100 / 1e4).float()[:, None]
        return self.user, self.item + noise, None


class Penalised(MF):
    """Has a penalty on its batch, of which no host knows."""

    def step(self, batch):
        return self.user, self.item, 1e-3 * self.user[batch.user].square().mean()


@pytest.mark.parametrize("backbone", [LightGCN, XSimGCL, SimGCL, lambda: NGCF(dropout=0.5), Noisy, Penalised])
def test_backbones_train_to_the_same_numbers(backbone):
    on_device, events = FakeGraphs(), []
    found = finish(training_of(Softmax(), backbone(), graphs=on_device), events)
    assert same(found, finish(training_of(Softmax(), backbone())))
    notices = [event.text for event in events if isinstance(event, Notice)]
    assert [text.rpartition(", ")[2] for text in notices] == (
        ["it draws random numbers on the host."] if backbone is Noisy else []
    )


@pytest.mark.parametrize("sampler", ["popularity", "in-batch"])
def test_other_samplers(sampler):
    spec = TrainSpec(**{**SPEC.values(), "sampler": sampler})
    found = finish(training_of(Softmax(), graphs=FakeGraphs(), spec=spec))
    assert same(found, finish(training_of(Softmax(), spec=spec)))


@pytest.mark.parametrize("stop_after", [1, 2])
def test_resumed_equals_uninterrupted(tmp_path, monkeypatch, stop_after):
    monkeypatch.setattr(checkpoint, "SECONDS_BETWEEN", 0.0)
    path = tmp_path / "checkpoint.pt"
    ends = 0
    for event in training_of(Softmax(), path=path, graphs=FakeGraphs()).run():
        ends += isinstance(event, EpochEnd)
        if ends == stop_after and isinstance(event, Step):
            break
    assert path.exists()
    assert same(finish(training_of(Softmax())), finish(training_of(Softmax(), path=path, graphs=FakeGraphs())))


def test_steps_are_told_of_now_and_then():
    spec = TrainSpec(**{**SPEC.values(), "batch_size": 1, "epochs": 1})
    events: list = []
    size = training_of(Softmax(), spec=spec).batches.size
    finish(training_of(Softmax(), graphs=FakeGraphs(), spec=spec), events)
    told = [event.done for event in events if isinstance(event, Step)]
    assert told == sorted(told)
    assert told[-1] == size
    assert 32 < len(told) < 200


class Breaking(Loss):
    """Raises an error of its own from its fifth step on."""

    steps = 0

    def forward(self, s: Scores) -> torch.Tensor:
        self.steps += 1
        if self.steps > 4:
            raise ValueError("broken")
        return s.neg.mean(dim=1) - s.pos


def test_an_error_of_a_loss_is_its_own():
    with pytest.raises(ValueError, match="broken"):
        finish(training_of(Breaking(), graphs=FakeGraphs()))


def test_numbers_on_the_host_are_refused_while_a_step_is_captured():
    for use in (lambda x: bits(x, 3), lambda x: x >> 1, lambda x: f"{x}", lambda x: torch.Generator().manual_seed(x)):
        with pytest.raises((RuntimeError, TypeError)):
            use(HostNumber())


def test_the_state_on_the_host_is_put_back():
    loss = SCE()
    loss.bind(random_split().train, 0)

    class Graphs(FakeGraphs):
        def capture(self, work):
            loss.step += 1
            return work

    with pytest.raises(CaptureError, match="each step changes step"):
        captured(Graphs(), lambda: None, [loss])
    assert loss.step == 0


class Remembering(Loss):
    """Keeps what it has seen in lists and tables."""

    def bind(self, train, seed):
        self.seen, self.by_name = [], {"steps": [0]}

    def forward(self, s: Scores) -> torch.Tensor:
        self.by_name["steps"][0] += 1
        self.seen.append(len(s.user))
        return s.neg.mean(dim=1) - s.pos * self.by_name["steps"][0]


def test_lists_and_tables_on_the_host_are_seen_and_put_back():
    on_device, events = FakeGraphs(), []
    training = training_of(Remembering(), graphs=on_device)
    found = finish(training, events)
    assert same(found, finish(training_of(Remembering())))
    assert "each step changes by_name, seen on the host" in next(e.text for e in events if isinstance(e, Notice))
    assert not on_device.replays
    steps = SPEC.epochs * -(-training.batches.size // SPEC.batch_size)
    assert training.loss.by_name["steps"] == [steps] == [len(training.loss.seen)]


def test_a_checkpoint_of_the_cpu_can_be_captured_on_a_device(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS_BETWEEN", 0.0)
    path = tmp_path / "checkpoint.pt"
    finish(training_of(Softmax(), path=path))
    training = training_of(Softmax())
    for group in training.optimiser.param_groups:
        assert not group["capturable"]
        group["capturable"] = True
    checkpoint.Checkpoint(path, training).resume()
    assert training.curve
    assert all(group["capturable"] for group in training.optimiser.param_groups)


def test_a_checkpoint_of_a_device_is_written_behind_the_training(tmp_path, monkeypatch):
    """Written by a thread, from a copy: what the next epoch changes is not in it."""
    path = tmp_path / "checkpoint.pt"
    training = training_of(Softmax())
    with checkpoint.Checkpoint(path, training) as saved:
        training.device = torch.device("cuda")
        saved.save()
        expected = training.backbone.user.detach().clone()
        training.backbone.user.data.zero_()
    assert torch.equal(torch.load(path, weights_only=True)["backbone"]["user"], expected)
    other = training_of(Softmax())
    checkpoint.Checkpoint(path, other).resume()
    assert torch.equal(other.backbone.user, expected)


def test_a_full_disk_is_told_of_when_the_training_ends(tmp_path, monkeypatch):
    def full(*given):
        raise RuntimeError("No space left on device")

    monkeypatch.setattr(torch, "save", full)
    training = training_of(Softmax())
    saved = checkpoint.Checkpoint(tmp_path / "checkpoint.pt", training)
    training.device = torch.device("cuda")
    saved.save()
    with pytest.raises(OSError, match=r"checkpoint\.partial cannot be written: No space"):
        saved.__exit__()
