"""The losses on vectors: naive loops, contract and identities."""

import math

import numpy as np
import pytest
import torch
from loss_cases import build
from torch.nn.functional import normalize
from torch.testing import assert_close

from rankbench.losses import Vectors
from rankbench.losses.directau import uniformity
from toy import random_interactions

TRAIN = random_interactions(2, n_users=7, n_items=11, each=3)
VARIANTS = [
    "infonce", "infonce:tau=0.3,logq=true", "infonce:mask=false", "directau", "directau:gamma=5", "mawu",
    "mawu:gamma_user=0.3,gamma_item=2", "sce", "sce:buckets=4,bucket_rows=8,bucket_items=5,tau=0.3",
    "sce:buckets=3,bucket_items=4,mix=true",
]  # fmt: skip
each_variant = pytest.mark.parametrize("text", VARIANTS)


def loss_of(text: str):
    torch.manual_seed(0)
    loss = build(text)
    loss.bind(TRAIN, 0)
    if text.startswith("mawu"):
        loss.user_margin.data.uniform_(-0.3, 1.3)
        loss.item_margin.data.uniform_(-0.3, 1.3)
    return loss


def vectors(seed: int = 0, B: int = 8, d: int = 5, dtype: torch.dtype = torch.float64) -> Vectors:
    generator = torch.Generator().manual_seed(seed)
    row = torch.randint(0, len(TRAIN), (B,), generator=generator).numpy()
    user, item = (torch.from_numpy(a[row].astype(np.int64)) for a in (TRAIN.users, TRAIN.items))
    table = normalize(torch.randn(18, d, generator=generator, dtype=torch.float64), dim=1).to(dtype)
    x, y = table[user].requires_grad_(), table[7 + item].requires_grad_()
    return Vectors(x, y, table[7:].requires_grad_(), user, item)


def cosine(a: list[float], b: list[float]) -> float:
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


def apart(z: list[list[float]]) -> float:
    """log mean over pairs of exp(-2 |z_a - z_b|^2)."""
    pairs = [(a, b) for a in range(len(z)) for b in range(a)]
    squares = [math.fsum((x - y) ** 2 for x, y in zip(z[a], z[b], strict=True)) for a, b in pairs]
    return math.log(math.fsum(math.exp(-2 * s) for s in squares) / len(pairs))


def scaled_largest(loss, s: Vectors) -> list[float]:
    """SCE in the buckets that the loss has filled."""
    x, y, catalogue, item = s.user_vec.tolist(), s.item_vec.tolist(), s.catalogue.tolist(), s.item.tolist()
    best: dict[int, float] = {}
    for rows, items in zip(*(side.tolist() for side in loss.fill(s)), strict=True):
        for a in rows:
            own = math.exp(cosine(x[a], y[a]) / loss.tau)
            others = math.fsum(math.exp(cosine(x[a], catalogue[k]) / loss.tau) for k in items if k != item[a])
            best[a] = max(best.get(a, 0.0), -math.log(own / (own + others)))
    return [best.get(a, 0.0) * len(x) / len(best) for a in range(len(x))]


def naive(text: str, loss, s: Vectors) -> list[float]:
    if text.startswith("sce"):
        return scaled_largest(loss, s)
    p, B = loss.values(), len(s.user)
    x, y, user, item = s.user_vec.tolist(), s.item_vec.tolist(), s.user.tolist(), s.item.tolist()
    values = []
    for a in range(B):
        if text.startswith("infonce"):
            total = 0.0
            for b in range(B):
                hit = b != a and (item[b] == item[a] or item[b] in TRAIN.row(user[a]))
                if p["mask"] and hit:
                    continue
                q = TRAIN.item_counts[item[b]] / len(TRAIN) if p["logq"] else 1.0
                total += math.exp(cosine(x[a], y[b]) / p["tau"]) / q
            own = TRAIN.item_counts[item[a]] / len(TRAIN) if p["logq"] else 1.0
            values.append(-math.log(math.exp(cosine(x[a], y[a]) / p["tau"]) / own / total))
        elif text.startswith("directau"):
            square = math.fsum((u - v) ** 2 for u, v in zip(x[a], y[a], strict=True))
            values.append(square + p["gamma"] * (apart(x) + apart(y)) / 2)
        else:
            m = sum(min(max(t, 0), 1) for t in (loss.user_margin[user[a]].item(), loss.item_margin[item[a]].item()))
            angle = min(math.acos(cosine(x[a], y[a])) + 1 - 1 / (1 + math.exp(-m)), math.pi)
            values.append(-math.cos(angle) + p["gamma_user"] * apart(x) + p["gamma_item"] * apart(y))
    return values


@each_variant
def test_equals_the_naive_loops(text):
    for seed in range(3):
        loss, s = loss_of(text), vectors(seed)
        assert_close(loss(s).tolist(), naive(text, loss, s), rtol=1e-6, atol=1e-6)


@each_variant
def test_gradcheck(text):
    loss, s = loss_of(text).double(), vectors(1)

    def value(x, y):
        return loss(Vectors(x, y, s.catalogue, s.user, s.item))

    assert torch.autograd.gradcheck(value, (s.user_vec, s.item_vec))


@each_variant
def test_falls_when_a_pair_is_aligned(text):
    """A step against the gradient of its alignment raises the cosine of each pair."""
    s = vectors(2)
    grads = torch.autograd.grad(loss_of(text)(s).sum(), (s.user_vec, s.item_vec))
    x, y = (normalize(v.detach() - 1e-4 * g, dim=1) for v, g in zip((s.user_vec, s.item_vec), grads, strict=True))
    assert (x * y).sum(dim=1).mean() > (s.user_vec * s.item_vec).sum(dim=1).mean()


@each_variant
@pytest.mark.parametrize("B", [1, 2, 40])
def test_float32_is_finite_and_near_float64(text, B):
    loss, single, double = loss_of(text), vectors(3, B, dtype=torch.float32), vectors(3, B)
    if text.startswith("sce"):  # rounding decides which of a user's rows are the last in a bucket
        filled = loss.fill(single)
        loss.fill = lambda s: filled
    value = loss(single)
    assert value.shape == (B,)
    grads = torch.autograd.grad(value.sum(), (single.user_vec, single.item_vec), allow_unused=True)
    assert all(g.isfinite().all() for g in grads)
    assert_close(value.double(), loss(double), rtol=1e-4, atol=1e-4)


@each_variant
def test_vectors_that_are_all_equal(text):
    x = normalize(torch.ones(4, 3), dim=1).requires_grad_()
    user, item = (torch.from_numpy(a[:4].astype(np.int64)) for a in (TRAIN.users, TRAIN.items))
    value = loss_of(text)(Vectors(x, x, x, user, item))
    assert value.isfinite().all()
    assert torch.autograd.grad(value.sum(), x)[0].isfinite().all()


def test_alignment_is_two_minus_twice_the_cosine():
    s = vectors(4)
    expected = 2 - 2 * (s.user_vec * s.item_vec).sum(dim=1)
    assert_close(loss_of("directau:gamma=0")(s), expected)


def test_uniformity_of_opposite_vectors():
    assert uniformity(torch.tensor([[1.0, 0.0], [-1.0, 0.0]])).item() == pytest.approx(-8)


def test_infonce_without_hits_is_cross_entropy_of_a_square():
    s = vectors(5)
    logit = s.user_vec @ s.item_vec.t() / 0.15
    expected = torch.nn.functional.cross_entropy(logit, torch.arange(8), reduction="none")
    assert_close(loss_of("infonce:mask=false")(s), expected)


def test_without_margins_mawu_is_the_negative_cosine():
    loss, s = loss_of("mawu:gamma_user=0,gamma_item=0"), vectors(6)
    loss.user_margin.data.fill_(1)
    loss.item_margin.data.fill_(1)
    cosine_ = (s.user_vec * s.item_vec).sum(dim=1)
    least = 1 - torch.sigmoid(torch.tensor(2.0)).item()
    assert_close(loss(s), -torch.cos((torch.acos(cosine_) + least).clamp_max(math.pi)), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("cosine", [1.0, -1.0])
def test_mawu_at_angles_of_nought_and_pi(cosine):
    loss, s = loss_of("mawu:gamma_user=0,gamma_item=0"), vectors(6)
    user_vec = s.user_vec.detach().clone().requires_grad_()
    item_vec = (cosine * s.user_vec).detach().clone().requires_grad_()
    value = loss(Vectors(user_vec, item_vec, s.catalogue, s.user, s.item))
    assert all(g.isfinite().all() for g in torch.autograd.grad(value.mean(), (user_vec, item_vec)))
    margin = 1 - torch.sigmoid(loss.user_margin[s.user].clamp(0, 1) + loss.item_margin[s.item].clamp(0, 1))
    want = -torch.cos(margin) if cosine > 0 else torch.ones_like(margin)  # beyond pi the angle stays pi
    assert_close(value, want.double(), rtol=0, atol=3e-3)
