"""AMP-CF: its identities, its naive form, its gradients and entropies."""

import math

import pytest
import torch
from torch.testing import assert_close

from rankbench import registry
from rankbench.backbones import Batch
from rankbench.backbones.ampcf import AMPCF, entropy
from rankbench.backbones.mf import MF
from rankbench.spec import TrainSpec
from rankbench.training.loop import Training
from toy import random_interactions, random_split

TRAIN = random_interactions(3, n_users=6, n_items=9, each=4)
USER = torch.arange(6)
ITEM = torch.randint(0, 9, (6, 4), generator=torch.Generator().manual_seed(5))


def bound(cosine: bool = False, **values) -> AMPCF:
    backbone = AMPCF(**values)
    backbone.cosine = cosine
    backbone.bind(TRAIN, 5, "normal", torch.Generator().manual_seed(1))
    return backbone.double()


def naive(backbone: AMPCF, user: int, item: int) -> float:
    P, T = backbone.personas, backbone.attention
    persona, target = backbone.persona[user * P : (user + 1) * P].tolist(), backbone.item[item].tolist()
    affinity = [math.fsum(a * b for a, b in zip(u, target, strict=True)) for u in persona]
    if backbone.cosine:
        affinity = [r / math.hypot(*u) / math.hypot(*target) for r, u in zip(affinity, persona, strict=True)]
    weight = [math.exp(r / T) for r in affinity]
    return math.fsum(w * r for w, r in zip(weight, affinity, strict=True)) / math.fsum(weight)


@pytest.mark.parametrize("cosine", [False, True])
@pytest.mark.parametrize("attention", [1.0, 0.2])
def test_equals_the_sum_over_the_personas(cosine, attention):
    backbone = bound(cosine, personas=3, attention=attention)
    rows = backbone(USER, TRAIN)
    assert_close(rows.tolist(), [[naive(backbone, u, i) for i in range(9)] for u in range(6)], rtol=1e-12, atol=1e-12)
    assert_close(backbone.score(USER, ITEM, TRAIN), rows.gather(1, ITEM), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cosine", [False, True])
def test_one_persona_is_matrix_factorisation(cosine):
    backbone, mf = bound(cosine, personas=1), MF()
    mf.bind(TRAIN, 5, "normal", torch.Generator().manual_seed(1))
    user, item = (v.double() for v in mf())
    if cosine:
        user, item = (torch.nn.functional.normalize(v, dim=1) for v in (user, item))
    assert_close(backbone(USER, TRAIN), user @ item.t(), rtol=1e-12, atol=1e-12)


def test_the_score_lies_between_mean_and_maximum_and_is_log_sum_exp_less_the_entropy():
    backbone = bound(personas=4, attention=1.0)
    affinity, score = backbone.affinities(USER), backbone(USER, TRAIN)
    attention = backbone.attend(affinity)
    assert_close(attention.sum(dim=0), torch.ones(6, 9, dtype=torch.float64))
    assert (affinity.mean(dim=0) <= score + 1e-12).all()
    assert (score <= affinity.amax(dim=0) + 1e-12).all()
    assert_close(score, affinity.logsumexp(dim=0) - entropy(attention), rtol=1e-12, atol=1e-12)
    assert (entropy(attention) >= 0).all()
    assert (entropy(attention) <= math.log(4) + 1e-12).all()


def test_the_order_of_personas_means_nothing():
    backbone = bound(personas=3)
    before = backbone(USER, TRAIN)
    with torch.no_grad():
        backbone.persona.copy_(backbone.persona.view(6, 3, 5)[:, [2, 0, 1]].reshape(18, 5))
    assert_close(backbone(USER, TRAIN), before)


@pytest.mark.parametrize("whole", [False, True])
def test_gradients_of_scores_and_entropies(whole):
    backbone = bound(personas=2, positive_entropy=0.5, negative_entropy=0.3)

    def loss(persona: torch.Tensor, item: torch.Tensor) -> torch.Tensor:
        values = {"persona": persona, "item": item}
        score, penalty = torch.func.functional_call(
            _Step(backbone), {f"of.{k}": v for k, v in values.items()}, (whole,)
        )
        return score.square().sum() + penalty

    assert torch.autograd.gradcheck(loss, tuple(p.detach().requires_grad_() for p in backbone.parameters()))


class _Step(torch.nn.Module):
    def __init__(self, of: AMPCF) -> None:
        super().__init__()
        self.of = of

    def forward(self, whole: bool) -> tuple[torch.Tensor, torch.Tensor]:
        return self.of.step_scores(Batch(USER, USER, 0), None if whole else ITEM, TRAIN)


def test_the_penalty_is_of_the_positives_and_of_the_negatives():
    backbone = bound(personas=3, positive_entropy=0.5, negative_entropy=0.25)
    each = entropy(backbone.attend(backbone.affinities(USER)))
    sampled = each.gather(1, ITEM)
    expected = 0.5 * sampled[:, 0].mean() - 0.25 * sampled[:, 1:].mean()
    assert_close(backbone.step_scores(Batch(USER, USER, 0), ITEM, TRAIN)[1], expected)
    own = torch.from_numpy(TRAIN.relevant(USER.numpy()))
    expected = 0.5 * each[own].mean() - 0.25 * each[~own].mean()
    assert_close(backbone.step_scores(Batch(USER, USER, 0), None, TRAIN)[1], expected)
    assert bound(personas=3).step_scores(Batch(USER, USER, 0), ITEM, TRAIN)[1] is None


@pytest.mark.parametrize("loss", ["softmax", "bpr", "multinomial"])
def test_losses_of_both_kinds_train_it(loss):
    spec = TrainSpec(batch_size=64, negatives=20, epochs=4, eval_every=2, dim=8, lr=0.05, patience=0)
    events = Training(random_split(), registry.find("loss", loss)(), AMPCF(), spec, 0, torch.device("cpu")).run()
    losses = [event.loss for event in events if hasattr(event, "loss")]
    assert losses[-1] < losses[0]
