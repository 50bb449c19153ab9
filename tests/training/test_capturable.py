"""Which losses and backbones need the host in a step, so that a GPU cannot capture it: found out on the CPU."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from rankbench.backbones import _contrast, _noise, _noisy_graph, ngcf
from rankbench.losses import infonce
from rankbench.losses.full_softmax import FullSoftmax
from rankbench.registry import find, names
from rankbench.rows_on import rows_on
from rankbench.sampling import WeightedNegatives
from rankbench.spec import TrainSpec
from rankbench.training import lists
from rankbench.training.capture import CaptureError, host_state
from rankbench.training.loop import Training
from rankbench.training.resident import Resident
from toy import random_split

WAITS = {
    "_local_scalar_dense": "reads a number",
    "nonzero": "counts what a mask selects",
    "masked_select": "counts what a mask selects",
    "_unique2": "counts different values",
    "unique_dim": "counts different values",
    "unique_consecutive": "counts different values",
    "bincount": "looks for the largest number",
    "repeat_interleave": "counts repetitions",
    "lift_fresh": "copies a number from the host",
}
"""Operations that wait for the device, or copy to it, and why."""


class Watch(TorchDispatchMode):
    """Notes what waits for the device; a mask as an index does, too."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if name in WAITS:
            self.found.add(WAITS[name])
        if name in ("index", "index_put", "index_put_", "_index_put_impl_"):
            masks = [i for i in args[1] if i is not None and i.dtype == torch.bool]
            if masks and not (name != "index" and args[2].numel() == 1):
                self.found.add(WAITS["nonzero"])
        return func(*args, **(kwargs or {}))


class Once:
    """Runs steps, captures none."""

    def run(self, work) -> None:
        work()


def perturbed_by_torch(vec, epsilon, key, signs="own"):
    """What `perturbed` does on a device."""
    return vec + torch.sign(vec) * _noise.directions_by_torch(key, vec, signs) * epsilon


@pytest.fixture
def as_on_a_device(monkeypatch):
    """Let the CPU take the ways of a device: draws by torch, no pieces, relevant items from rows that lie there."""
    monkeypatch.setattr(
        WeightedNegatives, "draw", lambda self, key, row, user, pos, N: self.draw_by_torch(key, row, user, N)
    )
    monkeypatch.setattr(_contrast, "once", _contrast.marked_once)
    monkeypatch.setattr(_noisy_graph, "perturbed", perturbed_by_torch)
    monkeypatch.setattr(ngcf, "dropped", lambda vec, rate, key: vec * _noise.kept_by_torch(vec, rate, key))
    summed = FullSoftmax._summed
    monkeypatch.setattr(FullSoftmax, "forward", lambda self, s: summed(self, s.score / self.tau, s.relevant))
    for module in (lists, infonce):
        monkeypatch.setattr(module, "relevant", lambda train, user: rows_on(user.device, train).relevant(user))


def needs(monkeypatch, loss_name: str, backbone_name: str) -> set[str]:
    """What a step needs of the host."""
    loss, backbone = find("loss", loss_name)(), find("backbone", backbone_name)()
    monkeypatch.setattr(type(loss), "divisible", False)
    spec = TrainSpec(batch_size=16, negatives=20, dim=8)
    training = Training(random_split(), loss, backbone, spec, 0, torch.device("cpu"))
    resident = Resident(training, Once())
    resident._begin(0)
    resident._take(16, 7)
    before, watch = host_state([loss, backbone]), Watch()
    to_host = torch.Tensor.cpu
    monkeypatch.setattr(torch.Tensor, "cpu", lambda self: watch.found.add("copies to the host") or to_host(self))
    try:
        with watch:
            resident._take(16, resident._key_there(16))
    except CaptureError as error:
        watch.found.add(str(error))
    monkeypatch.setattr(torch.Tensor, "cpu", to_host)
    changed = host_state([loss, backbone]).items() - before.items()
    return watch.found | {f"changes {name}" for (_, name), _ in changed}


LOSSES_THAT_NEED_THE_HOST = {
    "lambdaloss": {"counts what a mask selects"},
    "song": {"counts what a mask selects"},
    "sce": {"changes step"},
}


@pytest.mark.parametrize("loss", names("loss"))
def test_losses_that_a_gpu_can_capture(loss, as_on_a_device, monkeypatch):
    assert needs(monkeypatch, loss, "mf") == LOSSES_THAT_NEED_THE_HOST.get(loss, set())


@pytest.mark.parametrize("backbone", ["mf", "lightgcn", "lightgcn++", "simplex", "simgcl", "xsimgcl", "ngcf"])
def test_backbones_that_a_gpu_can_capture(backbone, as_on_a_device, monkeypatch):
    assert not needs(monkeypatch, "softmax", backbone)


@pytest.mark.parametrize("backbone", ["lightgcn", "lightgcn++", "simplex"])
def test_a_loss_on_lists_draws_no_positives_that_nobody_looks_at(backbone, as_on_a_device, monkeypatch):
    assert not needs(monkeypatch, "multinomial", backbone)


def test_what_waits_is_noticed():
    x, mask = torch.ones(3), torch.tensor([True, False, True])
    for waits in (x.sum().item, lambda: x[mask], mask.nonzero, lambda: x.new_tensor(2.0), x.unique):
        with Watch() as watch:
            waits()
        assert watch.found
    with Watch() as watch:
        x[mask] = 0
        x[torch.tensor([0, 1])] = 2.0
    assert not watch.found - {WAITS["lift_fresh"]}
