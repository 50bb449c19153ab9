"""The step of a CUDA device, its kernels in Triton included, against plain torch in float64."""

import pytest
import torch

from rankbench import scoring
from rankbench.losses.bpr import BPR
from rankbench.losses.dsl import DSL
from rankbench.losses.softmax import Softmax
from rankbench.sampling import WeightedNegatives
from rankbench.scoring import cuda
from rankbench.training import step
from toy import random_split


@pytest.fixture
def by_triton(monkeypatch, triton_device) -> torch.device:
    """Let scores come from the kernels wherever they run."""
    monkeypatch.setattr(scoring, "products", cuda.gathered)
    monkeypatch.setattr(scoring, "uses_triton", lambda device: True)
    monkeypatch.setattr(step, "has_one_pass", lambda *sizes: True)
    return triton_device


@pytest.mark.parametrize("in_order", [False, True])
@pytest.mark.parametrize("loss", [Softmax(), BPR(), DSL(lambda_similarity=0.5)], ids=lambda loss: type(loss).__name__)
def test_a_step_by_triton_is_that_of_float64(loss, in_order, by_triton, monkeypatch):
    torch.manual_seed(0)
    monkeypatch.setattr(cuda, "deterministic", lambda: in_order)
    monkeypatch.setattr(type(loss), "divisible", False)
    train = random_split().train
    loss.bind(train, 0)
    sampler = WeightedNegatives.uniform(train)
    tables = [torch.randn(rows, 8) for rows in (60, 120)]
    row, user, pos = torch.arange(6), torch.randint(0, 60, (6,)), torch.randint(0, 120, (6,))
    batch = (user, pos, sampler.draw(1, row, user, pos, 30))
    with monkeypatch.context() as patch:
        patch.setattr(scoring, "products", products_in_float64)
        patch.setattr(scoring, "uses_triton", lambda device: False)
        patch.setattr(step, "has_one_pass", lambda *sizes: False)
        expected = taken(loss, [t.double() for t in tables], batch, sampler)
    there = [t.to(by_triton) for t in batch]
    for _ in range(2):  # from the second step on, similarities come from the pass that the scores come from
        found = taken(loss, [t.to(by_triton) for t in tables], there, sampler)
        for a, b in zip(found, expected, strict=True):
            assert a.dtype == torch.float32
            torch.testing.assert_close(a.double().cpu(), b, rtol=1e-4, atol=1e-5)


def products_in_float64(query, item_vec, item, precision="fp32"):
    return torch.einsum("bd,bmd->bm", query, item_vec[item.long()])


def taken(loss, tables, batch, sampler) -> list[torch.Tensor]:
    """The loss of a step and the gradients of both tables."""
    tables = [t.clone().requires_grad_() for t in tables]
    vectors = [torch.nn.functional.normalize(t, dim=1) for t in tables]
    value = step.backward(loss, vectors[0][batch[0]], vectors[1], *batch, sampler.log_probability)
    return [value, *(t.grad for t in tables)]


def test_similarities_are_remembered_to_be_wanted(by_triton, monkeypatch):
    passes = []
    one_pass = scoring.score_with_similarity
    monkeypatch.setattr(step, "score_with_similarity", lambda *given: passes.append(1) or one_pass(*given))
    batch = (torch.zeros(2, dtype=torch.int64), torch.zeros(2, dtype=torch.int64), torch.ones(2, 3, dtype=torch.int32))
    batch = [t.to(by_triton) for t in batch]
    tables = [torch.randn(n, 4, device=by_triton) for n in (3, 5)]
    sampler = WeightedNegatives.uniform(random_split().train)
    monkeypatch.setattr(DSL, "divisible", False)
    for loss, expected in ((DSL(lambda_similarity=0.5), 2), (Softmax(), 0)):
        passes.clear()
        monkeypatch.setattr(type(loss), "divisible", False)
        for _ in range(3):
            taken(loss, tables, batch, sampler)
        assert len(passes) == expected
