from types import ModuleType

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring_cases import by_hand, inputs
from torch import Tensor

from rankbench.parallel import set_threads
from rankbench.scoring import cpu, dense, products, reference, scatter, score, similarity
from rankbench.scoring.rounding import rounded
from rankbench.scoring.unit import unit

DIMS = st.sampled_from([1, 3, 16, 33])  # few, because kernels are compiled for each
SIZES = st.tuples(st.integers(1, 9), st.integers(1, 11), st.integers(1, 17), DIMS, st.integers(0, 10**6))


def all_of(kernel: ModuleType, query: Tensor, item_vec: Tensor, item: Tensor, grad: Tensor) -> tuple[Tensor, ...]:
    """Products and gradients by a kernel."""
    gradients, half = kernel.Gradients(query, item_vec, item), len(query) // 2
    of_queries = [gradients.add(a, b, grad[a:b]) for a, b in ((half, len(query)), (0, half)) if a < b]
    return kernel.forward(query, item_vec, item), torch.cat(of_queries[::-1]), gradients.of_items()


@pytest.mark.parametrize("kernel", [cpu, dense])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-13)])
@settings(max_examples=25, deadline=None)
@given(sizes=SIZES)
def test_kernels_equal_double_loops(kernel, dtype, tolerance, sizes):
    query, item_vec, item, grad = inputs(*sizes, dtype)
    expected = by_hand(query, item_vec, item, grad)
    found = all_of(kernel, query, item_vec, item, grad)
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == dtype
        torch.testing.assert_close(a.double(), b, rtol=tolerance, atol=20 * tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-13)])
@settings(max_examples=25, deadline=None)
@given(
    B=st.integers(1, 20),
    M=st.integers(1, 9),
    items=st.sampled_from([1, 2, 511, 512, 513, 9000]),
    d=DIMS,
    seed=st.integers(),
)
def test_scattered_gradients_equal_double_loops(dtype, tolerance, B, M, items, d, seed):
    query, item_vec, item, grad = inputs(B, M, items, d, abs(seed), dtype)
    found = scatter.item_gradient(query, items, item, grad)
    torch.testing.assert_close(
        found.double(), by_hand(query, item_vec, item, grad)[2], rtol=tolerance, atol=20 * tolerance
    )


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(0, 9), d=st.integers(1, 40), scale=st.sampled_from([1e-15, 1e-3, 1.0, 1e12]), seed=st.integers(0, 99)
)
def test_unit_vectors_are_those_of_torch(n, d, scale, seed):
    generator = torch.Generator().manual_seed(seed)
    vec = (torch.randn(n, d, generator=generator, dtype=torch.float64) * scale).requires_grad_()
    grad = torch.randn(n, d, generator=generator, dtype=torch.float64)
    expected = torch.nn.functional.normalize(vec, dim=1)
    torch.testing.assert_close(unit(vec), expected)
    found = torch.autograd.grad(unit(vec), vec, grad)[0]
    torch.testing.assert_close(found, torch.autograd.grad(expected, vec, grad)[0], rtol=1e-9, atol=1e-9 / scale)


def test_unit_vectors_of_zeros_and_of_any_layout():
    assert (unit(torch.zeros(2, 3)) == 0).all()
    vec = torch.randn(6, 5)
    torch.testing.assert_close(unit(vec.t()), unit(vec.t().contiguous()), rtol=0, atol=0)
    assert unit(torch.full((1, 3), torch.nan)).isnan().all()


@settings(max_examples=20, deadline=None)
@given(sizes=SIZES)
def test_reference_equals_double_loops(sizes):
    query, item_vec, item, grad = inputs(*sizes, torch.float64)
    query.requires_grad_()
    item_vec.requires_grad_()
    out = reference.forward(query, item_vec, item)
    out.backward(grad)
    for a, b in zip(
        (out, query.grad, item_vec.grad), by_hand(query.detach(), item_vec.detach(), item, grad), strict=True
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("kernel", [cpu, dense])
@pytest.mark.parametrize("items", [300, 20_000])
def test_the_number_of_threads_changes_no_bit(kernel, items):
    query, item_vec, item, grad = inputs(257, 100, items, 64, 0, torch.float32)
    found = []
    for threads in (1, 2, 3):
        set_threads(threads)
        found.append(all_of(kernel, query, item_vec, item, grad))
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


@pytest.mark.parametrize("items", [12, 300])  # dense, then cpu
def test_score_has_exact_gradients(items):
    torch.manual_seed(0)
    user_vec = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    item_vec = torch.randn(items, 3, dtype=torch.float64, requires_grad=True)
    user, pos = torch.tensor([0, 3, 0]), torch.tensor([1, 5, 1])  # a user and an item twice
    neg = torch.randint(0, items, (3, 7), dtype=torch.int32)

    def both(u: Tensor, v: Tensor) -> Tensor:
        s_pos, s_neg = score(u[user], v, pos, neg)
        return torch.cat([s_pos[:, None], s_neg], dim=1)

    expected = (user_vec[user][:, None] * item_vec[torch.cat([pos[:, None], neg.long()], dim=1)]).sum(dim=2)
    torch.testing.assert_close(both(user_vec, item_vec), expected)
    assert torch.autograd.gradcheck(both, (user_vec, item_vec))


@pytest.mark.parametrize("items", [12, 300])  # dense, then cpu
def test_bfloat16_products_are_those_of_rounded_vectors(items):
    torch.manual_seed(0)
    query, item_vec = torch.randn(5, 33, requires_grad=True), torch.randn(items, 33, requires_grad=True)
    item, grad = torch.randint(0, items, (5, 7), dtype=torch.int32), torch.randn(5, 7)
    found = products(query, item_vec, item, "bf16")
    expected, *gradients = by_hand(rounded(query.detach(), "bf16"), rounded(item_vec.detach(), "bf16"), item, grad)
    rough = {"rtol": 2e-2, "atol": 8e-2} if items == 12 else {"rtol": 1e-5, "atol": 1e-5}  # dense rounds results, too
    torch.testing.assert_close(found.double(), expected, **rough)
    for a, b in zip(torch.autograd.grad(found, (query, item_vec), grad), gradients, strict=True):
        torch.testing.assert_close(a.double(), b, **rough)
    assert not torch.equal(found, products(query, item_vec, item))


def test_similarity_is_the_cosine_without_gradient():
    item_vec = torch.randn(50, 8, requires_grad=True)
    pos, neg = torch.tensor([3, 4]), torch.randint(0, 50, (2, 30), dtype=torch.int32)
    found = similarity(item_vec, pos, neg)
    expected = torch.cosine_similarity(item_vec[pos][:, None], item_vec[neg.long()], dim=2)
    torch.testing.assert_close(found, expected)
    assert not found.requires_grad


def test_products_accept_rows_of_any_batch_layout():
    query, item_vec, item, _ = inputs(20, 9, 40, 5, 1, torch.float32)
    strided = torch.stack([query, query], dim=2)[:, :, 0]
    torch.testing.assert_close(products(strided, item_vec, item), products(query, item_vec, item))
