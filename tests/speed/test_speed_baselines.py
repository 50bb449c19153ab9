"""What is compared computes the same: losses, gradients, propagation, lists and negatives of engine and baselines."""

import numpy as np
import pytest
import torch

from rankbench.evaluation.evaluate import evaluate
from rankbench.evaluation.scorers import InnerProduct
from rankbench.speed.clock import Laps
from rankbench.speed.draws import plain_draw, published_draw
from rankbench.speed.engine import Chosen, EngineStep
from rankbench.speed.sizes import Shape, Size
from rankbench.speed.step import baselines_of
from rankbench.speed.synthetic import synthetic_split
from rankbench.speed.torch_graph import plain_product, propagation, published_product
from rankbench.speed.torch_ranking import PUBLISHED_KS, matrix_product, plain_evaluation, published_evaluation

SPLIT = synthetic_split(Size("tiny", 80, 150, 1200))
SHAPE = Shape(batch_size=48, negatives=20, dim=9)
LOSSES = ["softmax", "dsl:lambda_similarity=-0.25", "bpr"]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("backbone", ["mf", "lightgcn:layers=2"])
@pytest.mark.parametrize("name", ["published", "plain"])
def test_a_step_has_the_loss_and_the_gradients_of_the_engine(loss, backbone, name):
    chosen = Chosen("loss", loss), Chosen("backbone", backbone)
    engine, same = (EngineStep(SPLIT, *chosen, SHAPE) for _ in range(2))
    before = [p.detach().clone() for p in engine.training.backbone.parameters()]
    baseline = baselines_of(engine, chosen[0], SHAPE, threads=2)[name].step
    row, user, pos = engine.batch()
    value = baseline.step(user, pos, engine.draw(row, user, pos).long(), Laps())
    assert float(value) == pytest.approx(float(same.stages(Laps())), rel=1e-5)
    ours = [*same.training.backbone.parameters()]
    for theirs, mine, start in zip((baseline.user, baseline.item), ours, before, strict=True):
        assert theirs.grad.abs().max() > 0
        torch.testing.assert_close(theirs.grad, mine.grad, rtol=1e-4, atol=2e-6)
        assert (theirs - start).abs().max() > 0  # Adam has moved both
        clear = mine.grad.abs() > 1e-4  # where rounding cannot turn Adam's first step round
        torch.testing.assert_close(theirs[clear], mine[clear], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("product", [published_product, plain_product])
def test_propagation_is_that_of_lightgcn(product):
    backbone = Chosen("backbone", "lightgcn:layers=2").backbone()
    backbone.bind(SPLIT.train, 7, "normal", torch.Generator().manual_seed(0))
    tables = [p.detach().clone().requires_grad_() for p in backbone.parameters()]
    ours, theirs = backbone(), propagation(product(SPLIT.train), 2)(*tables)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(other, mine, rtol=1e-5, atol=1e-6)
    grads = [torch.randn(v.shape, generator=torch.Generator().manual_seed(i)) for i, v in enumerate(ours)]
    torch.autograd.backward(ours, grads)
    torch.autograd.backward(theirs, grads)
    for mine, other in zip(backbone.parameters(), tables, strict=True):
        torch.testing.assert_close(other.grad, mine.grad, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("evaluation", [published_evaluation, plain_evaluation])
def test_evaluations_measure_what_the_engine_measures(evaluation):
    generator = torch.Generator().manual_seed(3)
    user_vec, item_vec = (torch.randn(n, 8, generator=generator) for n in (SPLIT.n_users, SPLIT.n_items))
    relevant = SPLIT.tests["iid"]
    users = np.flatnonzero(relevant.user_counts)
    means = evaluation(user_vec, item_vec, users, SPLIT.mask_of_test("iid"), relevant)
    found = evaluate(InnerProduct(user_vec, item_vec), SPLIT, "iid")
    assert {K for _, K in means} >= set(PUBLISHED_KS)
    for (metric, K), value in means.items():
        assert value == pytest.approx(found.mean(metric, K), rel=1e-9), (metric, K)


def test_the_matrix_product_multiplies_every_user_and_item(monkeypatch):
    done = []
    original = torch.mm

    def counted(left, right, out):
        done.append(len(left) * right.shape[1])
        return original(left, right, out=out)

    monkeypatch.setattr(torch, "mm", counted)
    matrix_product(torch.randn(200, 4), torch.randn(3000, 4), np.arange(150))
    assert sum(done) == 150 * 3000


def test_negatives_of_the_baselines_are_negatives():
    train = SPLIT.train
    owned = [set(train.row(u).tolist()) for u in range(train.n_users)]
    user = np.repeat(np.arange(train.n_users), 2)
    pairs = torch.from_numpy(train.users.astype(np.int64) * train.n_items + train.items)
    drawn = plain_draw(pairs, train.n_items, torch.from_numpy(user), 50)
    assert drawn.shape == (len(user), 50)
    for rows in (drawn.tolist(), published_draw(owned, train.n_items, user.tolist(), 50)):
        for u, row in zip(user, rows, strict=True):
            assert len(row) == 50
            assert not owned[u] & set(row)
            assert min(row) >= 0
            assert max(row) < train.n_items
