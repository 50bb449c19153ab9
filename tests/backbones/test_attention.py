"""Attention of users over their items: a double loop in float64, gradients, some users, torch, threads."""

import numpy as np
import pytest
import torch
from torch import Tensor

from rankbench.backbones._attention import Attention
from rankbench.data.interactions import Interactions
from rankbench.parallel import set_threads
from toy import random_interactions

USERS, ITEMS, D = 17, 13, 5
PAIRS = random_interactions(4, USERS - 1, ITEMS, 6)
TRAIN = Interactions(np.append(PAIRS.indptr, len(PAIRS)), PAIRS.items, ITEMS)  # the last user has no items
SOME = torch.tensor([3, 11, 3, 0, 16])


def vectors(seed: int = 0, scale: float = 1.0) -> list[Tensor]:
    drawn = torch.Generator().manual_seed(seed)
    sizes = (USERS, ITEMS, ITEMS)
    return [(scale * torch.randn(n, D, dtype=torch.float64, generator=drawn)).requires_grad_() for n in sizes]


def naive(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    rows = []
    for user in range(USERS):
        items = TRAIN.row(user).tolist()
        shares = torch.softmax(torch.stack([(query[user] * key[i]).sum() for i in items]), 0) if items else []
        rows.append(sum((a * value[i] for a, i in zip(shares, items, strict=True)), torch.zeros(D).double()))
    return torch.stack(rows)


@pytest.mark.parametrize("by", ["pooled", "pooled_by_torch"])
def test_equals_the_double_loop_and_so_do_its_gradients(by):
    tensors, grad = vectors(), vectors(1)[0].detach()
    found, expected = getattr(Attention(TRAIN), by)(*tensors), naive(*tensors)
    torch.testing.assert_close(found, expected)
    gradients = (torch.autograd.grad(out, tensors, grad) for out in (found, expected))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_passes_gradcheck():
    assert torch.autograd.gradcheck(Attention(TRAIN).pooled, vectors())


def test_some_users_are_as_all_and_the_rows_of_others_are_0():
    attention, tensors, grad = Attention(TRAIN), vectors(), vectors(1)[0].detach()
    wanted = torch.isin(torch.arange(USERS), SOME)[:, None]
    found, expected = attention.pooled(*tensors, SOME), torch.where(wanted, attention.pooled(*tensors), 0)
    assert torch.equal(found, expected)
    gradients = (torch.autograd.grad(out, tensors, grad) for out in (found, expected))
    assert all(torch.equal(one, other) for one, other in zip(*gradients, strict=True))


def test_large_logits_are_finite():
    found = Attention(TRAIN).pooled(*(vec.float() for vec in vectors(scale=1e3)))
    assert found.isfinite().all()


def test_threads_change_no_bit():
    found = []
    for threads in (1, 3):
        set_threads(threads)
        tensors = vectors()
        out = Attention(TRAIN).pooled(*tensors)
        found.append([out, *torch.autograd.grad(out.sum(), tensors)])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
