"""GuidedRec: who learns from which term, and that the network learns to predict DCG."""

import math

import pytest
import torch
from loss_cases import batch, build, gradients, of
from torch.testing import assert_close

from rankbench import registry
from rankbench.backbones.mf import MF
from rankbench.spec import TrainSpec
from rankbench.training.loop import Training
from toy import random_split


def test_without_guidance_the_scores_learn_from_the_pointwise_loss_alone():
    """The network's error sends no gradient to the model."""
    loss, s = build("guidedrec:guidance=0"), batch(0)
    pos, neg = gradients(loss, s)
    assert_close(pos, -7 * torch.sigmoid(-s.pos.detach()))
    assert_close(neg, torch.sigmoid(s.neg.detach()))


def test_the_model_climbs_on_the_prediction():
    s = batch(1)
    guided, plain = build("guidedrec:guidance=2").double(), build("guidedrec:guidance=0")
    want = torch.autograd.grad(-2 * guided.surrogate(guided.listed(s)).sum(), (s.pos, s.neg))
    for got, rest, extra in zip(gradients(guided, s), gradients(plain, s), want, strict=True):
        assert_close(got - rest, extra)
        assert extra.abs().max() > 1e-4


def test_the_network_learns_from_its_error_alone():
    loss, s = build("guidedrec:guidance=3").double(), batch(2)
    loss(s).sum().backward()
    got = [p.grad.clone() for p in loss.parameters()]
    loss.zero_grad()
    (loss.surrogate(loss.listed(s)) - loss.dcg(s)).square().sum().backward()
    for one, p in zip(got, loss.parameters(), strict=True):
        assert_close(one, p.grad)
        assert one.abs().max() > 0


@pytest.mark.parametrize(("pos", "rank"), [(0.9, 1), (0.35, 2), (0.05, 4), (-0.5, 5)])
def test_dcg_is_that_of_the_rank_in_the_list(pos, rank):
    neg = torch.tensor([[0.1, 0.2, 0.0, 0.5, 0.95, 0.99]])
    loss = build("guidedrec:list_size=5")
    assert_close(loss.dcg(of(torch.tensor([pos]), neg)), torch.tensor([1 / math.log2(1 + rank)]))


def test_the_list_is_the_positive_and_the_first_negatives_or_zeros():
    s = of(torch.tensor([0.3]), torch.tensor([[0.1, -0.2, 0.7]]))
    sigma = torch.sigmoid(torch.tensor([0.3, 0.1, -0.2, 0.7])).tolist()
    labels = [1.0, 0.0, 0.0, 0.0, 0.0]
    short = build("guidedrec:list_size=3").listed(s)[0].T
    assert_close(short, torch.tensor([sigma[:3], labels[:3]]))
    assert_close(build("guidedrec:list_size=5").listed(s)[0].T, torch.tensor([[*sigma, 0.0], labels]))


def test_the_network_learns_to_predict_dcg():
    loss = build("guidedrec").double()
    optimiser = torch.optim.Adam(loss.parameters(), lr=0.01)
    errors = []
    for seed in range(200):
        s = batch(seed, 128, 9)
        error = (loss.surrogate(loss.listed(s)) - loss.dcg(s)).square().mean()
        errors.append(error.item())
        optimiser.zero_grad()
        loss(s).mean().backward()
        optimiser.step()
    constant = loss.dcg(batch(999, 4096, 9)).var().item()
    assert errors[0] > constant
    assert sum(errors[-20:]) / 20 < constant / 3


def test_the_recipe_draws_as_many_negatives_as_the_list_has():
    owner = registry.find("loss", "guidedrec")
    assert owner.recipe["negatives"] == owner.params["list_size"].default - 1


def test_network_and_model_move_together_in_a_training():
    loss = build("guidedrec")
    spec = TrainSpec(lr=0.05, batch_size=64, epochs=1, patience=0, negatives=9, dim=8)
    training = Training(random_split(), loss, MF(), spec, 0, torch.device("cpu"))
    before = [p.detach().clone() for p in (*loss.parameters(), training.backbone.user, training.backbone.item)]
    for _ in training.run():
        pass
    after = [*loss.parameters(), training.backbone.user, training.backbone.item]
    assert all(not torch.equal(x, y) for x, y in zip(before, after, strict=True))


def test_the_network_starts_alike_within_its_bounds():
    one, other = build("guidedrec"), build("guidedrec")
    for (name, x), (_, y) in zip(one.named_parameters(), other.named_parameters(), strict=True):
        assert torch.equal(x, y)
        if name.endswith("weight"):
            assert 0.5 / math.sqrt(x.shape[1]) < x.abs().max() <= 1 / math.sqrt(x.shape[1])
    assert set(one.state_dict()) == {name for name, _ in one.named_parameters()}
