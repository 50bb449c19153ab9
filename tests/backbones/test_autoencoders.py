"""Mult-DAE and Mult-VAE: naive float64 loops, the divergence, its schedule, noise, users that fold in."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from rankbench import registry
from rankbench.backbones import Batch, RowBackbone
from rankbench.backbones.multdae import MultDAE
from rankbench.backbones.multvae import MultVAE, divergence
from rankbench.data.interactions import Interactions
from rankbench.losses.multinomial import Multinomial
from rankbench.spec import TrainSpec
from rankbench.training import checkpoint
from rankbench.training.loop import Training
from toy import random_interactions, random_split

TRAIN = random_interactions(3, n_users=7, n_items=11, each=4)
USER = torch.arange(7)
KINDS = [lambda: MultDAE(), lambda: MultVAE(hidden=6)]
each_kind = pytest.mark.parametrize("make", KINDS, ids=["multdae", "multvae"])


def bound(backbone: RowBackbone, train: Interactions = TRAIN, dim: int = 5) -> RowBackbone:
    backbone.bind(train, dim, "xavier", torch.Generator().manual_seed(1))
    return backbone.double()


def naive_rows(backbone: RowBackbone) -> list[list[float]]:
    """The scores of every user, layer by layer, unit by unit."""
    p = {name: value.detach().tolist() for name, value in backbone.named_parameters()}

    def dense(x: list[float], weight: list[list[float]], bias: list[float]) -> list[float]:
        return [bias[j] + math.fsum(x[i] * weight[i][j] for i in range(len(x))) for j in range(len(bias))]

    rows = []
    for user in range(TRAIN.n_users):
        own = set(TRAIN.row(user).tolist())
        x = [(i in own) / math.sqrt(max(len(own), 1)) for i in range(TRAIN.n_items)]
        hidden = [math.tanh(v) for v in dense(x, p["into"], p["into_bias"])]
        if "code" in p:
            code = dense(hidden, p["code"], p["code_bias"])
            hidden = [math.tanh(v) for v in dense(code[: len(code) // 2], p["back"], p["back_bias"])]
        out = p["out"]
        rows.append(
            [p["out_bias"][i] + math.fsum(hidden[h] * out[i][h] for h in range(len(hidden))) for i in range(len(out))]
        )
    return rows


@each_kind
def test_equals_the_layers_written_out(make):
    backbone = bound(make())
    with torch.no_grad():
        backbone.out_bias += torch.arange(11) / 10
    assert_close(backbone(USER, TRAIN).tolist(), naive_rows(backbone), rtol=1e-12, atol=1e-12)


@each_kind
@pytest.mark.parametrize("cosine", [False, True])
def test_sampled_scores_are_picked_from_the_rows(make, cosine):
    backbone = make()
    backbone.cosine = cosine
    bound(backbone)
    item = torch.randint(0, 11, (7, 5), generator=torch.Generator().manual_seed(2))
    rows = backbone(USER, TRAIN)
    assert_close(backbone.score(USER, item, TRAIN), rows.gather(1, item))
    assert not cosine or (rows.abs() <= 1 + 1e-12).all()


@each_kind
def test_gradients(make):
    backbone = bound(make())
    names, values = zip(*backbone.named_parameters(), strict=True)

    def rows(*values: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(backbone, dict(zip(names, values, strict=True)), (USER, TRAIN))

    assert torch.autograd.gradcheck(rows, tuple(v.detach().requires_grad_() for v in values))


@each_kind
def test_noise_is_a_function_of_the_key_and_of_training_only(make):
    backbone = bound(make())

    def scores(key: int) -> torch.Tensor:
        return backbone.step_scores(Batch(USER, USER, key), None, TRAIN)[0]

    assert torch.equal(scores(5), scores(5))
    assert not torch.equal(scores(5), scores(6))
    assert torch.equal(backbone(USER, TRAIN), backbone(USER, TRAIN))


def test_dropout_keeps_the_expected_input():
    backbone = bound(MultDAE(dropout=0.3))
    with torch.no_grad():  # so small that tanh is the identity
        backbone.into *= 1e-4
        backbone.into_bias.zero_()
    drawn = [backbone.first(USER, TRAIN, torch.Generator().manual_seed(s)).detach() for s in range(4000)]
    expected = backbone.first(USER, TRAIN, None).detach()
    spread = torch.stack(drawn).std(dim=0) / math.sqrt(4000)
    assert ((torch.stack(drawn).mean(dim=0) - expected).abs() < 5 * spread + 1e-12).all()
    assert (spread > 0).any()


def test_without_noise_in_the_code_and_without_penalty_the_variational_one_is_a_denoising_one():
    """The same layers around a code that is passed on: weights of the identity, nearly linear tanh undone by scale."""
    backbone = bound(MultVAE(hidden=5, beta=0.0, dropout=0.0))
    with torch.no_grad():
        backbone.code_bias[5:] = -200.0  # no variance
        backbone.code[:, 5:] = 0
    score, penalty = backbone.step_scores(Batch(USER, USER, 1), None, TRAIN)
    assert_close(score, backbone(USER, TRAIN), rtol=1e-12, atol=1e-12)
    assert penalty.item() == 0


def test_the_divergence_is_that_of_torch():
    mean, log_variance = torch.randn(2, 6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    normal = torch.distributions.Normal(mean, (log_variance / 2).exp())
    standard = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    expected = torch.distributions.kl_divergence(normal, standard).sum(dim=1)
    assert_close(divergence(mean, log_variance), expected)


def test_the_weight_of_the_divergence_grows_with_the_passes_up_to_its_bound():
    backbone = bound(MultVAE(hidden=4, beta=0.7, anneal_epochs=10))
    seen = []
    for _ in range(21):
        seen.append(backbone.weight())
        penalty = backbone.step_scores(Batch(USER, USER, 1), None, TRAIN)[1]
        mean, log_variance = (backbone.first(USER, TRAIN, torch.Generator().manual_seed(0)) @ backbone.code).chunk(2, 1)
        assert penalty.item() == pytest.approx(seen[-1] * divergence(mean, log_variance).mean().item(), rel=0.05)
    assert [seen[0], seen[5], seen[10], seen[20]] == [0, 0.5, 0.7, 0.7]


def test_a_pass_over_pairs_has_the_divergence_of_a_pass_over_users_and_counts_as_one():
    pairs, item = torch.from_numpy(TRAIN.users.astype(np.int64)), torch.zeros(len(TRAIN), 2, dtype=torch.int64)
    found = []
    for user, items in ((USER, None), (pairs, item)):
        backbone = bound(MultVAE(hidden=4, beta=1.0, anneal_epochs=1e-9, dropout=0.0))
        backbone.passed(1.0)
        found.append(backbone.step_scores(Batch(user, user, 3), items, TRAIN)[1] * len(user))
        assert backbone.passes.item() == pytest.approx(2)
    assert found[0].item() > 0
    assert_close(*found)


@each_kind
def test_users_are_their_items(make):
    """A user folded in gets the scores of a train user with the same items; without items, those of the biases."""
    backbone = bound(make())
    items = TRAIN.row(2)
    folded = Interactions.from_pairs(np.zeros(len(items), int), items.astype(int), 2, 11)
    rows = backbone(torch.tensor([0, 1]), folded)
    assert_close(rows[0], backbone(USER, TRAIN)[2])
    assert rows[1].isfinite().all()


def strong_split():
    """The last 15 users are in no train set; half of what they have is folded in."""
    split, pairs = random_split(), random_interactions(9, 60, 120, 12)
    new, half = pairs.users >= 45, np.arange(len(pairs)) % 2 == 0

    def cut(rows: np.ndarray) -> Interactions:
        return Interactions.from_pairs(pairs.users[rows], pairs.items[rows], 60, 120)

    return replace(split, protocol="strong", train=cut(~new), valids={"iid": cut(new & ~half)},
                   tests={"iid": cut(new & ~half)}, fold_in=cut(new & half))  # fmt: skip


def finish(training: Training):
    events = training.run()
    while True:
        try:
            next(events)
        except StopIteration as stop:
            return stop.value


SPEC = TrainSpec(lr=0.01, batch_size=16, epochs=4, eval_every=2, dim=8, patience=0, init="xavier")


@each_kind
@pytest.mark.parametrize("loss", ["multinomial", "softmax"])
def test_trains_on_splits_of_new_users_and_resumes_to_the_same_numbers(make, loss, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS_BETWEEN", 0.0)

    def training(path=None, epochs: int = 4) -> Training:
        spec = TrainSpec(**{**SPEC.values(), "epochs": epochs})
        made = registry.find("loss", loss)()
        return Training(strong_split(), made, make(), spec, 0, torch.device("cpu"), path)

    whole = finish(training())
    assert whole.curve[-1].loss < whole.curve[0].loss
    finish(training(tmp_path / "c.pt", epochs=2))
    assert finish(training(tmp_path / "c.pt")).curve[-1].loss == whole.curve[-1].loss


@each_kind
def test_what_is_not_in_train_teaches_nothing(make):
    """Other items of the users that are tested change the scores of those users and nothing else."""
    split = strong_split()
    other = replace(split, fold_in=random_interactions(77, 60, 120, 5))

    def losses(split) -> list[float]:
        spec = TrainSpec(**{**SPEC.values(), "epochs": 2})
        return [e.loss for e in finish(Training(split, Multinomial(), make(), spec, 0, torch.device("cpu"))).curve]

    assert losses(split) == losses(other)
