"""The routes of scores on a GPU, against double loops in float64; without a GPU the kernels run in the interpreter."""

import time

import pytest
import torch
from scoring_cases import by_hand, inputs

from rankbench import device
from rankbench.scoring import cuda, plain
from rankbench.scoring.rounding import rounded
from rankbench.scoring.trial import faster
from rankbench.scoring.unit import EPSILON

ROUTES = {"gather": cuda.gathered, "dense": cuda.dense, "plain": plain.products}
every_route = pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
SHAPES = [(3, 1, 1, 1), (2, 5, 7, 3), (4, 33, 9, 16), (1, 70, 50, 65), (3, 9, 4, 64)]  # B, M, I, d
CLOSE = {torch.float32: {"rtol": 1e-5, "atol": 2e-4}, torch.float64: {"rtol": 1e-12, "atol": 1e-12}}


@pytest.fixture(params=[False, True], ids=["any order", "in order"])
def in_order(request, monkeypatch) -> bool:
    """Whether the gradients of items must be added up in a fixed order."""
    monkeypatch.setattr(cuda, "deterministic", lambda: request.param)
    return request.param


@every_route
@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("shape", SHAPES)
def test_routes_equal_double_loops(route, dtype, shape, in_order, triton_device):
    query, item_vec, item, grad = (t.to(triton_device) for t in inputs(*shape, 7, dtype))
    grad[:, ::3] = 0  # as losses with a margin have it
    expected = by_hand(query, item_vec, item, grad)
    query.requires_grad_()
    item_vec.requires_grad_()
    out = route(query, item_vec, item)
    found = (out, *torch.autograd.grad(out, (query, item_vec), grad))
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == dtype
        torch.testing.assert_close(a.double(), b, **CLOSE[dtype])


@every_route
def test_bfloat16_products_are_those_of_rounded_vectors(route, in_order, triton_device):
    query, item_vec, item, grad = (t.to(triton_device) for t in inputs(3, 7, 20, 33, 0, torch.float32))
    expected = by_hand(rounded(query, "bf16"), rounded(item_vec, "bf16"), item, grad)
    query.requires_grad_()
    item_vec.requires_grad_()
    out = route(query, item_vec, item, "bf16")
    found = (out, *torch.autograd.grad(out, (query, item_vec), grad))
    # the dense route rounds its products, too
    rough = {"rtol": 2e-2, "atol": 8e-2} if route is cuda.dense else {"rtol": 1e-5, "atol": 1e-4}
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == torch.float32
        torch.testing.assert_close(a.double(), b, **rough)


@pytest.mark.parametrize("unit_vectors", [False, True])
def test_products_and_cosines_come_from_one_pass(unit_vectors, triton_device):
    query, item_vec, item, _ = (t.to(triton_device) for t in inputs(3, 37, 12, 20, 1, torch.float32))
    item_vec = torch.nn.functional.normalize(item_vec, dim=1) if unit_vectors else item_vec
    pos = torch.tensor([5, 0, 5], device=triton_device)
    query.requires_grad_()
    out, cosine = cuda.gathered_with_cosine(query, item_vec, item, pos)
    torch.testing.assert_close(out, cuda.gathered(query, item_vec, item))
    expected = torch.cosine_similarity(item_vec[pos][:, None], item_vec[item.long()], dim=2)
    torch.testing.assert_close(cosine, expected)
    assert out.requires_grad
    assert not cosine.requires_grad
    (grad,) = torch.autograd.grad(out.sum(), query)
    torch.testing.assert_close(grad, item_vec[item.long()].sum(dim=1))


def test_only_the_gradients_that_are_wanted_are_computed(in_order, triton_device):
    query, item_vec, item, grad = (t.to(triton_device) for t in inputs(2, 9, 5, 4, 3, torch.float64))
    _, of_query, of_item = by_hand(query, item_vec, item, grad)
    for tensor, expected in ((query, of_query), (item_vec, of_item)):
        tensor.requires_grad_()
        (found,) = torch.autograd.grad(cuda.gathered(query, item_vec, item), tensor, grad)
        torch.testing.assert_close(found, expected)
        tensor.requires_grad_(False)


def test_plain_torch_gathers_in_blocks(monkeypatch):
    query, item_vec, item, grad = inputs(7, 9, 5, 4, 3, torch.float64)
    monkeypatch.setattr(plain, "_GATHERED", 2 * 9 * 4)  # two rows a block, the last one alone
    item_vec.requires_grad_()
    out = plain.products(query, item_vec, item)
    found = (out, *torch.autograd.grad(out, item_vec, grad))
    expected = by_hand(query, item_vec.detach(), item, grad)
    torch.testing.assert_close(found, (expected[0], expected[2]))


@pytest.mark.parametrize(("scale", "d"), [(1.0, 1), (1e-15, 5), (1e12, 33), (1e-3, 64)])
def test_unit_vectors_are_those_of_torch(scale, d, triton_device):
    from rankbench.scoring import triton_unit

    torch.manual_seed(0)
    vec = (torch.randn(70, d, dtype=torch.float64) * scale).to(triton_device)
    grad = torch.randn(70, d, dtype=torch.float64).to(triton_device)
    expected = torch.nn.functional.normalize(vec.requires_grad_(), dim=1, eps=EPSILON)
    out, inverse = triton_unit.forward(vec.detach())
    torch.testing.assert_close(out, expected.detach())
    (of_vec,) = torch.autograd.grad(expected, vec, grad)
    torch.testing.assert_close(triton_unit.gradient(out, inverse, grad), of_vec, rtol=1e-9, atol=1e-9 / scale)


def test_unit_vectors_of_zeros_are_zeros(triton_device):
    from rankbench.scoring import triton_unit

    out, _ = triton_unit.forward(torch.zeros(3, 5, device=triton_device))
    assert (out == 0).all()
    out, _ = triton_unit.forward(torch.full((1, 3), torch.nan, device=triton_device))
    assert out.isnan().all()


@pytest.fixture
def untried(monkeypatch) -> dict:
    """What has been found out of routes: nothing yet."""
    found: dict = {}
    monkeypatch.setattr(cuda, "_faster", found)
    monkeypatch.setattr(cuda, "uses_triton", lambda device: True)
    return found


def test_the_route_follows_from_device_sizes_and_order(untried, monkeypatch):
    there = torch.device("cuda")
    assert cuda.route_of(there, 40_988, 1000) == "gather"
    assert cuda.route_of(there, 1200, 1000) == "dense"
    untried[there, 1200, 1000] = "gather"
    assert cuda.route_of(there, 1200, 1000) == "gather"
    assert cuda.route_of(there, 1200, 1000, "bf16") == "dense"
    untried[there, 1200, 1000] = "dense"
    monkeypatch.setattr(cuda, "deterministic", lambda: True)
    assert cuda.route_of(there, 1200, 1000) == "gather"
    monkeypatch.setattr(cuda, "uses_triton", lambda device: False)
    assert cuda.route_of(there, 1200, 1000) == "plain"


def test_both_routes_are_tried_once_where_it_is_open_which_is_faster(untried, monkeypatch, triton_device):
    tried = []

    def faster(ways, device, *sizes):
        tried.append(sizes)
        return "dense"

    monkeypatch.setattr(cuda, "faster", faster)
    few, open_, many = (inputs(2, 3, n_items, 4, 0, torch.float32)[:3] for n_items in (6, 60, 100))
    for given in (few, open_, many, open_):
        query, item_vec, item = (t.to(triton_device) for t in given)
        torch.testing.assert_close(cuda.products(query, item_vec, item), cuda.gathered(query, item_vec, item))
    assert tried == [(2, 3, 60, 4)]
    assert list(untried.values()) == ["dense"]
    untried.clear()
    for name, value in (("deterministic", lambda: True), ("_capturing", lambda device: True)):
        with monkeypatch.context() as patch:
            patch.setattr(cuda, name, value)
            cuda.products(query, item_vec, item)
    cuda.products(query, item_vec, item, "bf16")
    assert not untried


def test_what_takes_less_time_or_finds_memory_is_faster(triton_device):
    def slow(query, item_vec, item):
        time.sleep(0.002)
        return cuda.dense(query, item_vec, item)

    def too_large(query, item_vec, item):
        raise torch.OutOfMemoryError("CUDA out of memory")

    sizes = (triton_device, 2, 3, 40, 5)
    assert faster({"slow": slow, "dense": cuda.dense}, *sizes) == "dense"
    assert faster({"too large": too_large, "slow": slow}, *sizes) == "slow"
    with torch.no_grad():
        assert faster({"gather": cuda.gathered, "dense": cuda.dense}, *sizes) in ("gather", "dense")


def test_triton_is_tried_once_and_why_it_does_not_work_is_told(monkeypatch, triton_device):
    from rankbench import triton_trial

    assert triton_trial.try_triton(triton_device) == ""
    device.why_no_triton.cache_clear()
    monkeypatch.setattr(triton_trial, "try_triton", lambda where: 1 / 0)
    assert device.why_no_triton() == "ZeroDivisionError: division by zero"
    device.why_no_triton.cache_clear()
    monkeypatch.setattr(device, "find_spec", lambda name: None)
    assert device.why_no_triton() == "Triton is not installed"
    device.why_no_triton.cache_clear()
