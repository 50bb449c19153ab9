"""Graph backbones and SimpleX against dense matrices and naive loops in float64, gradients included."""

import pytest
import torch
from backbone_cases import BATCH, DIM, N_USERS, TRAIN, made, table
from torch import Tensor
from torch.nn.functional import cosine_similarity, leaky_relu, normalize

from rankbench import registry
from rankbench.backbones import Backbone
from rankbench.backbones._contrast import info_nce
from rankbench.backbones._noise import directions, dropped
from rankbench.errors import UserError
from rankbench.sampling.hashing import derived
from toy import adjacency

SEEN = torch.cat([BATCH.user, torch.arange(N_USERS, len(adjacency(TRAIN)))])
"""What a step looks at: the users of the batch and all items."""


def agree(backbone: Backbone, found: tuple[Tensor, ...], expected: Tensor, step: bool = False) -> None:
    """Compare vectors and, with a random gradient of them, the gradients of all parameters; those that a step sees."""
    stacked = torch.cat(found)
    if step:
        stacked, expected = stacked[SEEN], expected[SEEN]
    torch.testing.assert_close(stacked, expected, rtol=1e-6, atol=1e-7)
    weight = torch.randn(stacked.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    compare_gradients(backbone, (stacked * weight).sum(), (expected * weight).sum())


def compare_gradients(backbone: Backbone, found: Tensor, expected: Tensor) -> None:
    parameters = list(backbone.parameters())
    one, other = (torch.autograd.grad(v, parameters) for v in (found, expected))
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_lightgcn_is_the_mean_over_the_layers_of_the_dense_product(layers):
    backbone = made(f"lightgcn:layers={layers}")
    powers = [torch.linalg.matrix_power(adjacency(TRAIN), layer) for layer in range(layers + 1)]
    agree(backbone, backbone(), sum(powers) @ table(backbone) / (layers + 1))


@pytest.mark.parametrize("text", ["lightgcn++", "lightgcn++:alpha=0.5,beta=0.5,gamma=0.3,layers=3"])
def test_lightgcn_plus_plus_is_its_formula(text):
    backbone = made(text)
    matrix, layer, later = adjacency(TRAIN, backbone.alpha, backbone.beta), table(backbone), 0
    for _ in range(backbone.layers):
        layer = matrix @ normalize(layer, dim=1)
        later = later + layer
    agree(backbone, backbone(), backbone.gamma * table(backbone) + (1 - backbone.gamma) / backbone.layers * later)


def test_layer_nought_is_matrix_factorisation():
    backbone, mf = made("lightgcn++:gamma=1"), made("mf")
    assert all(torch.equal(a, b) for a, b in zip(backbone(), mf(), strict=True))
    light = made("lightgcn:layers=2")
    for vec, of_mf in zip(light.graph.polynomial(light.user, light.item, (1, 0, 0)), mf(), strict=True):
        assert torch.equal(vec, of_mf)


@pytest.mark.parametrize("text", ["simgcl", "xsimgcl", "simgcl:layers=1"])
def test_contrastive_backbones_are_evaluated_without_noise_and_layer_nought(text):
    backbone = made(text)
    powers = [torch.linalg.matrix_power(adjacency(TRAIN), layer) for layer in range(1, backbone.layers + 1)]
    agree(backbone, backbone(), sum(powers) @ table(backbone) / backbone.layers)


def noisy(backbone: Backbone, key: int) -> list[Tensor]:
    """The layers of a noisy propagation with the dense matrix."""
    layers = [table(backbone)]
    for number in range(backbone.layers):
        layer = adjacency(TRAIN) @ layers[-1]
        signs = "own" if backbone.form == "paper" else "any"
        noise = directions(derived(key, number), layer.detach(), signs)
        layers.append(layer + backbone.noise * layer.sign().detach() * noise)
    return layers[1:]


def naive_contrast(backbone: Backbone, one: Tensor, other: Tensor) -> Tensor:
    """InfoNCE of the batch's users and positives by a double loop."""
    total = torch.zeros((), dtype=torch.float64)
    for nodes in (BATCH.user.tolist(), (BATCH.pos + N_USERS).tolist()):
        rows = sorted(set(nodes)) if backbone.form == "paper" else nodes
        for a in rows:
            scores = torch.stack([cosine_similarity(one[a], other[b], dim=0) / backbone.tau for b in rows])
            own = cosine_similarity(one[a], other[a], dim=0) / backbone.tau
            total = total - torch.log(own.exp() / scores.exp().sum()) / len(rows)
    return backbone.weight * total


@pytest.mark.parametrize("text", ["simgcl", "simgcl:form=ir-benchmark", "simgcl:noise=0.5,layers=2,tau=0.5"])
def test_simgcl_adds_the_contrast_of_two_noisy_views(text):
    backbone = made(text)
    user_vec, item_vec, penalty = backbone.step(BATCH)
    assert torch.equal(user_vec[BATCH.user], backbone()[0][BATCH.user])
    assert torch.equal(item_vec, backbone()[1])
    views = [sum(noisy(backbone, derived(BATCH.key, which))) / backbone.layers for which in range(2)]
    expected = naive_contrast(backbone, *views)
    torch.testing.assert_close(penalty, expected, rtol=1e-5, atol=1e-6)
    compare_gradients(backbone, penalty, expected)


@pytest.mark.parametrize("text", ["xsimgcl", "xsimgcl:form=ir-benchmark,contrast_layer=2", "xsimgcl:noise=0.5"])
def test_xsimgcl_trains_on_a_noisy_propagation_and_contrasts_it_with_its_own_layer(text):
    backbone = made(text)
    *vectors, penalty = backbone.step(BATCH)
    layers = noisy(backbone, BATCH.key)
    mean = sum(layers) / backbone.layers
    expected = naive_contrast(backbone, mean, layers[backbone.contrast_layer - 1])
    torch.testing.assert_close(penalty, expected, rtol=1e-5, atol=1e-6)
    found, mean = torch.cat(vectors)[SEEN], mean[SEEN]
    torch.testing.assert_close(found, mean, rtol=1e-6, atol=1e-7)
    weight = torch.randn(mean.shape, dtype=torch.float64)
    compare_gradients(backbone, (found * weight).sum() + penalty, (mean * weight).sum() + expected)


def test_xsimgcl_refuses_a_layer_that_is_not_there():
    with pytest.raises(UserError, match="contrast_layer = 4"):
        registry.part("backbone", "xsimgcl:contrast_layer=4")


def test_info_nce_passes_gradcheck_and_is_log_n_for_equal_views():
    one, other = (torch.randn(5, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(lambda a, b: info_nce(a, b, 0.3), (one, other))
    equal = torch.ones(7, 3, dtype=torch.float64)
    assert info_nce(equal, equal, 0.1).item() == pytest.approx(torch.tensor(7.0).log().item())
    assert info_nce(100 * torch.eye(9), torch.eye(9), 0.01).isfinite()


@pytest.mark.parametrize("text", ["ngcf:dropout=0", "ngcf:norm=false,layers=2", "ngcf", "ngcf:node_dropout=0.4"])
def test_ngcf_is_its_formula_node_by_node(text):
    backbone = made(text)
    training = backbone.dropout > 0
    found = backbone.step(BATCH)[:2] if training else backbone()
    agree(backbone, found, naive_ngcf(backbone, training), step=training)


def naive_ngcf(backbone: Backbone, training: bool) -> Tensor:
    """Message by message: what a node keeps of its own, and what each neighbour sends."""
    matrix, layer = adjacency(TRAIN), table(backbone)
    every = [layer]
    for number, (of_sum, of_product) in enumerate(zip(backbone.of_sum, backbone.of_product, strict=True)):
        rows, sends = [], torch.ones(len(layer))
        if training and backbone.node_dropout:
            sends = dropped(sends[:, None], backbone.node_dropout, derived(BATCH.key, backbone.layers + number))[:, 0]
        for node in range(len(layer)):
            message = layer[node] @ of_sum
            for other in matrix[node].nonzero()[:, 0].tolist():
                sent = sends[other] * (layer[other] @ of_sum + (layer[other] * layer[node]) @ of_product)
                message = message + matrix[node, other] * sent
            rows.append(leaky_relu(message, 0.2))
        layer = torch.stack(rows)
        if training:
            layer = dropped(layer, backbone.dropout, derived(BATCH.key, number))
        every.append(normalize(layer, dim=1) if backbone.norm else layer)
    return torch.cat(every, dim=1)


SIMPLEX = ["simplex", "simplex:gate=0", "simplex:pooling=attention,gate=0.2", "simplex:pooling=user-attention"]


@pytest.mark.parametrize("text", SIMPLEX)
def test_simplex_is_its_formula_user_by_user(text):
    backbone = made(text)
    rows = []
    for user in range(N_USERS):
        items = backbone.item[TRAIN.row(user).astype("int64")]
        share = torch.full((len(items),), 1 / len(items), dtype=torch.float64)
        if backbone.pooling != "mean":
            hidden = torch.tanh(items @ backbone.inner.t() + backbone.bias)
            query = backbone.query if backbone.pooling == "attention" else backbone.user[user]
            share = torch.softmax((hidden * query).sum(1), dim=0)
        pooled = (share[:, None] * items).sum(0)
        rows.append(backbone.gate * backbone.user[user] + (1 - backbone.gate) * backbone.projection @ pooled)
    expected = torch.cat([torch.stack(rows), backbone.item])
    if backbone.gate == 0:
        expected = expected + 0 * table(backbone)  # the user table takes no part
    agree(backbone, backbone(), expected)


def test_blocked_nodes_send_nothing_in_a_step_and_all_send_in_evaluation():
    backbone = made("ngcf:node_dropout=0.4,dropout=0,layers=1")
    sent, layer = backbone._sent(table(backbone), BATCH.key, 0), table(backbone)
    silent = (sent == 0).all(dim=1)
    assert 0 < silent.sum() < len(layer)
    torch.testing.assert_close(sent[~silent], layer[~silent] / 0.6)
    assert torch.equal(backbone._sent(layer, None, 0), layer)
    assert all(torch.equal(a, b) for a, b in zip(backbone(), made("ngcf:dropout=0,layers=1")(), strict=True))


def test_simplex_with_its_gate_open_is_matrix_factorisation():
    assert all(torch.equal(a, b) for a, b in zip(made("simplex:gate=1")(), made("mf")(), strict=True))
    assert made("simplex")()[0].shape == (N_USERS, DIM)
