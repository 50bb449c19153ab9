"""What only a GPU can show: that it draws, trains and ranks as the CPU does, and what it does when something fails."""

import numpy as np
import pytest
import torch

from rankbench import device
from rankbench.backbones.lightgcn import LightGCN
from rankbench.backbones.mf import MF
from rankbench.device import set_deterministic
from rankbench.evaluation.evaluate import evaluate
from rankbench.evaluation.ranking import top_items
from rankbench.evaluation.scorers import InnerProduct, Rows
from rankbench.evaluation.tie_order import TieOrder
from rankbench.losses.advinfonce import AdvInfoNCE
from rankbench.losses.dsl import DSL
from rankbench.losses.full_softmax import FullSoftmax
from rankbench.losses.infonce import InfoNCE
from rankbench.losses.sce import SCE
from rankbench.losses.slatk import SLatK
from rankbench.losses.softmax import Softmax
from rankbench.randomness import key
from rankbench.sampling import sampler_of
from rankbench.scoring import cuda
from rankbench.scoring.unit import unit
from rankbench.spec import TrainSpec
from rankbench.training.capture import CudaGraphs
from rankbench.training.loop import Trained, Training
from rankbench.training.progress import Notice
from toy import random_interactions, random_split

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
CPU, CUDA = torch.device("cpu"), torch.device("cuda")
SPEC = TrainSpec(lr=0.05, batch_size=64, epochs=4, patience=0, eval_every=2, negatives=20, dim=8)


class OneByOne(CudaGraphs):
    """Captures nothing."""

    def capture(self, work):
        raise RuntimeError("not here")


def train(loss, backbone=None, where=CUDA, graphs=None, spec=SPEC) -> tuple[Trained, list[str]]:
    training = Training(random_split(), loss, backbone or MF(), spec, 0, where)
    if graphs is not None:
        training.resident.graphs = graphs
    steps, notices = training.run(), []
    while True:
        try:
            event = next(steps)
        except StopIteration as stop:
            return stop.value, notices
        notices += [event.text] if isinstance(event, Notice) else []


def vectors(trained: Trained) -> list[torch.Tensor]:
    return [v.cpu() for scorer in trained.scorers.values() for v in (scorer.user_vec, scorer.item_vec)]


@pytest.fixture
def in_order():
    set_deterministic(True)
    yield
    set_deterministic(False)


def test_triton_works():
    assert device.why_no_triton() == ""


@pytest.mark.parametrize("sampler", ["uniform", "popularity", "in-batch"])
def test_negatives_are_those_of_the_cpu(sampler):
    train_set = random_interactions(0, n_users=4000, n_items=9000, each=30)
    drawing, row = sampler_of(train_set, sampler, 0.75), torch.arange(1000)
    user, pos = (torch.from_numpy(a[:1000].astype(np.int64)) for a in (train_set.users, train_set.items))
    expected = drawing.draw(key(0, "negatives", 3), row, user, pos, 1000)
    found = drawing.draw(key(0, "negatives", 3), row.to(CUDA), user.to(CUDA), pos.to(CUDA), 1000)
    assert torch.equal(found.cpu(), expected)


LOSSES = {
    "softmax": Softmax,
    "dsl": lambda: DSL(lambda_similarity=0.5),
    "slatk": lambda: SLatK(refresh_every=2),
    "advinfonce": AdvInfoNCE,
    "full-softmax": FullSoftmax,
    "infonce": InfoNCE,
}


@pytest.mark.parametrize("backbone", [MF, LightGCN])
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_training_is_that_of_the_cpu_to_rounding(loss, backbone):
    spec = TrainSpec(**{**SPEC.values(), "batch_size": 7}) if loss is FullSoftmax else SPEC
    found, notices = train(loss(), backbone(), spec=spec)
    expected, _ = train(loss(), backbone(), CPU, spec=spec)
    assert not notices
    for a, b in zip(found.curve, expected.curve, strict=True):
        assert a.loss == pytest.approx(b.loss, rel=1e-3)


@pytest.mark.parametrize("loss", [Softmax, lambda: DSL(lambda_similarity=0.5)])
def test_runs_with_sums_in_order_repeat_to_the_last_bit_captured_or_not(loss, in_order):
    first, again = train(loss())[0], train(loss())[0]
    one_by_one, notices = train(loss(), graphs=OneByOne(CUDA))
    assert "not here" in notices[0]
    for other in (again, one_by_one):
        assert [end.loss for end in first.curve] == [end.loss for end in other.curve]
        assert all(torch.equal(a, b) for a, b in zip(vectors(first), vectors(other), strict=True))


def test_a_capture_that_fails_costs_the_capture_alone():
    """SCE draws directions on the host in every step; what is trained after it is captured again."""
    found, notices = train(SCE())
    expected, _ = train(SCE(), where=CPU)
    assert len(notices) == 1
    assert found.curve[0].loss == pytest.approx(expected.curve[0].loss, rel=1e-3)
    assert not train(Softmax())[1]


def test_lists_are_those_of_the_cpu():
    torch.manual_seed(0)
    mask = random_interactions(0, n_users=3000, n_items=9000, each=30)
    user_vec, item_vec = torch.randn(3000, 64), torch.randn(9000, 64)
    item_vec[5000:] = item_vec[:4000]  # ties
    users = np.arange(3000)
    expected = top_items(user_vec, item_vec, users, mask, 100)
    np.testing.assert_array_equal(top_items(user_vec.to(CUDA), item_vec.to(CUDA), users, mask, 100), expected)


@pytest.mark.parametrize("test", ["iid", "popularity"])
@pytest.mark.parametrize("kind", ["vectors", "rows"])
def test_metrics_are_those_of_the_cpu(kind, test, in_order):
    """In whole numbers, so that rows of scores are those of the CPU to the bit; also with sums in a fixed order."""
    split = random_split(0, n_users=2000, n_items=3000, each=30)
    user_vec, item_vec = torch.randint(-3, 4, (2000, 8)).float(), torch.randint(-3, 4, (3000, 8)).float()

    def scorer(where):
        of_users, of_items = user_vec.to(where), item_vec.to(where)
        if kind == "vectors":
            return InnerProduct(of_users, of_items, TieOrder.seeded(0, 3000))
        return Rows(lambda user: of_users[user.to(where)] @ of_items.t(), 3000, device=where)

    found, expected = (evaluate(scorer(where), split, test) for where in (CUDA, CPU))
    for values, others in ((found.values, expected.values), (found.beyond.values, expected.beyond.values)):
        for metric, value in others.items():
            np.testing.assert_allclose(values[metric], value, rtol=1e-10, atol=1e-5 if metric == "ild" else 1e-12)
    np.testing.assert_array_equal(found.beyond.item_hits, expected.beyond.item_hits)
    assert found.rank == pytest.approx(expected.rank, rel=1e-9, nan_ok=True)


def test_routes_of_scores_are_tried_outside_a_capture_alone(monkeypatch):
    monkeypatch.setattr(cuda, "_faster", {})
    spec = TrainSpec(**{**SPEC.values(), "negatives": 30})  # 4 items a negative
    assert not train(Softmax(), spec=spec)[1]
    assert set(cuda._faster.values()) <= {"gather", "dense"}
    assert (120, 30) in {sizes[1:] for sizes in cuda._faster}


def test_a_run_that_finds_no_memory_does_not_keep_it():
    torch.cuda.empty_cache()
    before = device.free_memory(CUDA)
    with pytest.raises(torch.OutOfMemoryError):
        torch.empty(before, device=CUDA), torch.empty(before, device=CUDA)
    train(Softmax())
    device.release_memory(CUDA)
    assert device.free_memory(CUDA) > before - 2**28


def test_unit_vectors_and_their_gradients():
    vec = torch.randn(1000, 64, device=CUDA, requires_grad=True)
    expected = torch.nn.functional.normalize(vec, dim=1)
    torch.testing.assert_close(unit(vec), expected)
    grad = torch.randn_like(vec)
    (found,) = torch.autograd.grad(unit(vec), vec, grad)
    torch.testing.assert_close(found, torch.autograd.grad(expected, vec, grad)[0])
