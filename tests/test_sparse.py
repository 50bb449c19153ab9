"""The graph against its dense matrix in float64: products, polynomials, gradients, any weights, any threads."""

import numpy as np
import pytest
import torch
from torch import Tensor

from rankbench import sparse_side
from rankbench.data.interactions import Interactions
from rankbench.parallel import set_threads
from rankbench.sparse import Graph
from toy import adjacency, random_interactions

POWERS = [(0.5, 0.5), (1.0, 0.0), (0.6, -0.1)]
U, ITEMS, D = 17, 13, 5


@pytest.fixture
def train() -> Interactions:
    return random_interactions(1, U, ITEMS, 6)  # rows of more and of fewer than four items


def vectors(seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(U + ITEMS, D, dtype=dtype, generator=torch.Generator().manual_seed(seed)).requires_grad_()


@pytest.mark.parametrize("powers", POWERS)
def test_product_and_its_gradient_are_those_of_the_dense_matrix(train, powers):
    graph, matrix, vec, grad = Graph(train, *powers), adjacency(train, *powers), vectors(), vectors(1).detach()
    torch.testing.assert_close(graph.product(vec), matrix @ vec, rtol=1e-6, atol=1e-6)
    (found,) = torch.autograd.grad(graph.product(vec), vec, grad)
    torch.testing.assert_close(found, matrix.T @ grad, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("powers", POWERS)
@pytest.mark.parametrize("coefficients", [(0.5, 0.5), (0, 1 / 3, 1 / 3, 1 / 3), (1, 0, -2), (0.25, 0.25, 0.25, 0.25)])
def test_polynomials_and_their_gradients_are_those_of_the_dense_matrix(train, powers, coefficients):
    matrix, vec, grad = adjacency(train, *powers), vectors(), vectors(1).detach()
    whole = sum(c * torch.linalg.matrix_power(matrix, layer) for layer, c in enumerate(coefficients))
    found = torch.cat(Graph(train, *powers).polynomial(vec[:U], vec[U:], coefficients))
    torch.testing.assert_close(found, whole @ vec, rtol=1e-6, atol=1e-6)
    (gradient,) = torch.autograd.grad(found, vec, grad)
    torch.testing.assert_close(gradient, whole.T @ grad, rtol=1e-6, atol=1e-6)


def test_aggregation_is_the_mean_of_each_users_items(train):
    item_vec = vectors()[U:].detach().requires_grad_()
    found = Graph(train, 1, 0).aggregate(item_vec)
    expected = torch.stack([item_vec[train.row(u).astype(np.int64)].mean(0) for u in range(U)])
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
    grad = torch.randn(U, D, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(found, item_vec, grad)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, item_vec, grad)[0], rtol=1e-6, atol=1e-6)


SOME_USERS, SOME_ITEMS = torch.tensor([3, 11, 3, 0]), torch.tensor([12, 5, 5])


def only(vec: Tensor, rows: Tensor) -> Tensor:
    """The same vectors, all rows 0 but some."""
    return torch.where(torch.isin(torch.arange(len(vec)), rows.cpu())[:, None].to(vec.device), vec, 0)


@pytest.mark.parametrize("powers", POWERS)
@pytest.mark.parametrize("coefficients", [(0.5, 0.5), (0, 1 / 3, 1 / 3, 1 / 3), (0.25, 0.25, 0.25)])
def test_a_polynomial_for_some_users_is_the_whole_one_with_other_rows_0_to_the_bit(train, powers, coefficients):
    graph, vec, grad = Graph(train, *powers), vectors(), vectors(1).detach()
    user, item = graph.polynomial(vec[:U], vec[U:], coefficients)
    expected = only(user, SOME_USERS), item
    found = graph.polynomial(vec[:U], vec[U:], coefficients, SOME_USERS)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    one, other = (torch.autograd.grad(parts, vec, [grad[:U], grad[U:]])[0] for parts in (found, expected))
    assert torch.equal(one, other)


@pytest.mark.parametrize("powers", POWERS)
@pytest.mark.parametrize("users", [None, SOME_USERS])
@pytest.mark.parametrize("items", [None, SOME_ITEMS])
def test_a_product_for_some_nodes_is_the_whole_one_with_other_rows_0_to_the_bit(train, powers, users, items):
    graph, vec, grad = Graph(train, *powers), vectors(), vectors(1).detach()
    wanted = [torch.arange(U) if users is None else users, U + (torch.arange(ITEMS) if items is None else items)]
    expected, found = only(graph.product(vec), torch.cat(wanted)), graph.product(vec, users, items)
    assert torch.equal(found, expected)
    assert torch.equal(*(torch.autograd.grad(out, vec, grad)[0] for out in (found, expected)))


def test_an_aggregation_for_some_users_is_the_whole_one_with_other_rows_0_to_the_bit(train):
    graph, item_vec = Graph(train, 1, 0), vectors()[U:].detach().requires_grad_()
    expected, found = only(graph.aggregate(item_vec), SOME_USERS), graph.aggregate(item_vec, SOME_USERS)
    assert torch.equal(found, expected)
    grad = torch.randn(U, D, dtype=torch.float64)
    assert torch.equal(*(torch.autograd.grad(out, item_vec, grad)[0] for out in (found, expected)))


def test_nodes_without_neighbours_get_nothing():
    lonely = Interactions.from_pairs(np.array([0]), np.array([1]), 3, 4)
    out = Graph(lonely).product(torch.ones(7, 2))
    assert torch.equal(out.nonzero()[:, 0].unique(), torch.tensor([0, 4]))
    assert not Graph(lonely, 1, 0).aggregate(torch.ones(4, 2))[1:].any()


def test_other_devices_multiply_with_the_same_weights(train):
    graph, matrix = Graph(train, 0.6, -0.1), adjacency(train, 0.6, -0.1)
    cpu = torch.device("cpu")
    torch.testing.assert_close(graph.to_users._sparse(cpu).to_dense().double(), matrix[:U, U:], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(graph.to_items._sparse(cpu).to_dense().double(), matrix[U:, :U], rtol=1e-6, atol=1e-6)


def test_triton_multiplies_polynomials_and_their_gradients(train, monkeypatch, triton_device):
    if triton_device.type == "cpu":
        monkeypatch.setattr(sparse_side, "uses_triton", lambda device: True)
    graph, matrix = Graph(train, 0.6, -0.1), adjacency(train, 0.6, -0.1)
    vec = torch.randn(U + ITEMS, D, device=triton_device, requires_grad=True)
    found = torch.cat(graph.polynomial(vec[:U], vec[U:], (0.5, 0.25, 0.125)))
    square = matrix @ matrix
    expected = 0.5 * torch.eye(U + ITEMS, dtype=torch.float64) + 0.25 * matrix + 0.125 * square
    close = {"rtol": 1e-5, "atol": 1e-5}
    torch.testing.assert_close(found.double().cpu(), expected @ vec.detach().double().cpu(), **close)
    grad = torch.randn(U + ITEMS, D)
    (gradient,) = torch.autograd.grad(found, vec, grad.to(triton_device))
    torch.testing.assert_close(gradient.double().cpu(), expected.T @ grad.double(), **close)
    some = torch.cat(graph.polynomial(vec[:U], vec[U:], (0.5, 0.25, 0.125), SOME_USERS.to(triton_device)))
    rows = torch.cat([SOME_USERS, torch.arange(U, U + ITEMS)])
    assert torch.equal(some, only(found, rows.to(triton_device)))
    (gradient,) = torch.autograd.grad(some, vec, grad.to(triton_device))
    torch.testing.assert_close(gradient.double().cpu(), expected.T @ only(grad, rows).double(), **close)


def test_threads_change_no_bit():
    train = random_interactions(0, 300, 200, 9)
    vec = torch.randn(500, 33)
    found = []
    for threads in (1, 3):
        set_threads(threads)
        found.append(torch.cat(Graph(train).polynomial(vec[:300], vec[300:], [0.25] * 4)))
    assert torch.equal(*found)
