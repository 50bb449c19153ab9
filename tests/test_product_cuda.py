"""Products with a graph as a GPU computes them; without a GPU the kernels run in Triton's interpreter."""

import numpy as np
import pytest
import torch

DEGREES = [0, 1, 7, 0, 3, 20, 4]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("piece", [1, 4, 256])
@pytest.mark.parametrize(("scale", "c"), [(1.0, 0.0), (0.5, 0.0), (0.25, 2.0)])
@pytest.mark.parametrize("d", [1, 5, 64])
def test_products_are_those_of_a_dense_matrix(dtype, piece, scale, c, d, triton_device):
    from rankbench.triton_product import Pieces, multiply

    rng = np.random.default_rng(0)
    indptr = np.concatenate([[0], np.cumsum(DEGREES)])
    neighbour = rng.integers(0, 9, indptr[-1]).astype(np.int32)
    weight = rng.random(indptr[-1]).astype(np.float32)
    dense = np.zeros((len(DEGREES), 9))
    np.add.at(dense, (np.repeat(np.arange(len(DEGREES)), DEGREES), neighbour), weight.astype(np.float64))
    vec, own = torch.from_numpy(rng.standard_normal((9, d))), torch.from_numpy(rng.standard_normal((len(DEGREES), d)))
    graph = Pieces.of(indptr, torch.from_numpy(neighbour), torch.from_numpy(weight), triton_device, piece)
    there = vec.to(triton_device, dtype), scale, own.to(triton_device, dtype), c
    found = multiply(graph, *there)
    assert found.dtype == dtype
    expected = scale * (torch.from_numpy(dense) @ vec) + c * own
    torch.testing.assert_close(found.double().cpu(), expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(found, multiply(graph, *there)), "sums are added up in a fixed order"


def test_a_graph_without_edges(triton_device):
    from rankbench.triton_product import Pieces, multiply

    none = torch.empty(0, dtype=torch.int32), torch.empty(0)
    graph = Pieces.of(np.zeros(4, np.int64), *none, triton_device)
    assert torch.equal(multiply(graph, torch.ones(5, 2, device=triton_device)).cpu(), torch.zeros(3, 2))
