"""Noise: its published form, what it is a function of, and the same from numba and from torch."""

import numpy as np
import pytest
import torch

from rankbench.backbones._contrast import info_nce, marked_once
from rankbench.backbones._noise import directions, directions_by_torch, dropped, kept_by_torch, perturbed
from rankbench.parallel import set_threads
from rankbench.randomness import GOLDEN, mix
from rankbench.sampling.hashing import derived

MASK = (1 << 64) - 1


def by_hand(key: int, row: int, d: int) -> np.ndarray:
    """The d uniform numbers of a row, hash by hash."""
    state = mix((key + GOLDEN * (row + 1)) & MASK)
    return np.array([((mix((state + GOLDEN * (k + 1)) & MASK) >> 32) + 0.5) / 2**32 for k in range(d)])


def test_noise_has_its_length_and_the_signs_of_the_vector():
    vec = torch.randn(200, 16, dtype=torch.float64)
    moved = perturbed(vec, 0.3, key=5) - vec
    torch.testing.assert_close(moved.norm(dim=1), torch.full((200,), 0.3, dtype=torch.float64))
    assert torch.equal(moved.sign(), vec.sign())


def test_noise_is_a_normalised_uniform_number_a_dimension():
    vec = torch.rand(7, 5, dtype=torch.float64) + 0.1
    expected = np.stack([by_hand(11, row, 5) for row in range(7)])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose((perturbed(vec, 1.0, key=11) - vec).numpy(), expected, atol=1e-12)


def test_noise_of_any_signs_is_isotropic():
    drawn = directions(3, torch.empty(20_000, 4, dtype=torch.float64), "any")
    torch.testing.assert_close(drawn.norm(dim=1), torch.ones(20_000, dtype=torch.float64))
    assert drawn.mean(dim=0).abs().max() < 0.02
    torch.testing.assert_close(drawn.t() @ drawn / 20_000, torch.eye(4, dtype=torch.float64) / 4, atol=0.01, rtol=0)


def test_noise_hands_the_gradient_on():
    vec = torch.randn(9, 3, dtype=torch.float64, requires_grad=True)
    grad = torch.randn(9, 3, dtype=torch.float64)
    assert torch.equal(torch.autograd.grad(perturbed(vec, 0.5, key=1), vec, grad)[0], grad)


def test_numbers_that_are_nought_stay_so():
    assert not perturbed(torch.zeros(3, 4), 0.5, key=1).any()


def test_keys_rows_and_dimensions_differ():
    like = torch.empty(50, 6)
    one = directions(derived(1, 0), like, "own")
    assert not torch.isclose(one, directions(derived(1, 1), like, "own")).any(dim=0).all()
    assert len(one.flatten().unique()) > 290


@pytest.mark.parametrize("signs", ["own", "any"])
def test_torch_draws_the_same_directions(signs):
    like = torch.empty(300, 8)
    torch.testing.assert_close(directions_by_torch(77, like, signs), directions(77, like, signs), rtol=1e-5, atol=1e-6)


def test_dropout_keeps_the_mean_and_drops_at_its_rate():
    vec = torch.ones(2000, 10)
    out = dropped(vec, 0.3, key=4)
    assert set(out.unique().tolist()) == {0.0, out.max().item()}
    assert out.max().item() == pytest.approx(1 / 0.7)
    assert (out == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert torch.equal(out, kept_by_torch(vec, 0.3, 4))
    assert torch.equal(dropped(vec, 0.0, key=4), vec)


def test_threads_change_no_bit():
    found = []
    for threads in (1, 3):
        set_threads(threads)
        found.append((perturbed(torch.ones(500, 7), 0.1, key=2), dropped(torch.ones(500, 7), 0.5, key=2)))
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize("n", [1, 6, 40])
def test_nodes_that_occur_twice_count_once_with_or_without_a_mask(n):
    torch.manual_seed(0)
    node = torch.randint(0, 12, (n,))
    one, other = (torch.randn(12, 5, dtype=torch.float64, requires_grad=True) for _ in range(2))
    rows = torch.unique(node)
    expected = info_nce(one[rows], other[rows], 0.2)
    rows, counted = marked_once(node)
    found = info_nce(one[rows], other[rows], 0.2, counted)
    torch.testing.assert_close(found, expected)
    gradients = (torch.autograd.grad(value, (one, other)) for value in (found, expected))
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b)
