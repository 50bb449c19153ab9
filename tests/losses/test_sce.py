"""SCE: its buckets, its draws, and what it is when a bucket holds everything."""

import math

import numpy as np
import pytest
import torch
from loss_cases import build
from torch.nn.functional import cross_entropy, normalize
from torch.testing import assert_close

from rankbench import registry
from rankbench.backbones.mf import MF
from rankbench.losses import Epoch, Lists, Vectors
from rankbench.spec import TrainSpec
from rankbench.training.loop import Training
from rankbench.training.progress import EpochEnd
from toy import random_interactions, random_split

N_ITEMS = 11
ALL = "buckets=3,bucket_rows=1000,bucket_items=1000"


def vectors(seed=0, B=12, d=5, spread=1.0):
    """A batch whose users are all different; a small spread draws them together."""
    generator = torch.Generator().manual_seed(seed)
    item = torch.randint(0, N_ITEMS, (B,), generator=generator)

    def drawn(n):
        return torch.randn(n, d, generator=generator, dtype=torch.float64)

    users = normalize(torch.ones(d, dtype=torch.float64) + spread * drawn(B) if spread < 1 else drawn(B), dim=1)
    catalogue = normalize(drawn(N_ITEMS), dim=1)
    return Vectors(
        users.requires_grad_(),
        catalogue[item].clone().requires_grad_(),
        catalogue.requires_grad_(),
        torch.arange(B),
        item,
    )


def full(s, tau):
    """The cross-entropy (B,) over all items."""
    return cross_entropy(s.user_vec @ s.catalogue.t() / tau, s.item, reduction="none")


def tied(s):
    """The batch whose positives are rows of the catalogue, as in a training."""
    return Vectors(s.user_vec, s.catalogue.index_select(0, s.item), s.catalogue, s.user, s.item)


@pytest.mark.parametrize("tau", [0.05, 0.2])
def test_with_everything_in_a_bucket_it_is_cross_entropy(tau):
    loss, s = build(f"sce:tau={tau},{ALL}"), tied(vectors(1))
    assert_close(loss(s), full(s, tau), rtol=1e-12, atol=1e-12)
    leaves = (s.user_vec, s.catalogue)
    for got, want in zip(
        torch.autograd.grad(loss(s).sum(), leaves), torch.autograd.grad(full(s, tau).sum(), leaves), strict=True
    ):
        assert_close(got, want, rtol=1e-9, atol=1e-12)


def test_with_everything_in_a_bucket_it_is_full_softmax():
    train = random_interactions(3, 7, N_ITEMS, 3)
    user, item = (torch.from_numpy(a.astype(np.int64)) for a in (train.users, train.items))
    generator = torch.Generator().manual_seed(2)
    users, items = (normalize(torch.randn(n, 4, generator=generator).double(), dim=1) for n in (7, N_ITEMS))
    lists = build("full-softmax:tau=0.2")
    lists.bind(train, 0)
    owned = torch.from_numpy(train.relevant(np.arange(7)))
    want = lists(Lists(users @ items.t(), owned, torch.arange(7))).mean()
    assert_close(build(f"sce:tau=0.2,{ALL}")(Vectors(users[user], items[item], items, user, item)).mean(), want)


@pytest.mark.parametrize("mix", ["false", "true"])
def test_a_bucket_holds_what_is_largest_in_its_direction(mix):
    loss, s = build(f"sce:buckets=6,bucket_rows=4,bucket_items=3,mix={mix}"), vectors(2)
    direction = loss.directions(s, 6).tolist()
    row, item = (side.tolist() for side in loss.fill(s))
    assert len(row) == len(item) == 6
    for filled, size, table in ((row, 4, s.user_vec.tolist()), (item, 3, s.catalogue.tolist())):
        for along, bucket in zip(direction, filled, strict=True):
            product = [math.fsum(a * b for a, b in zip(along, v, strict=True)) for v in table]
            assert sorted(bucket) == sorted(np.argsort(product)[-size:].tolist())


@pytest.mark.parametrize(
    ("given", "B", "want"),
    [
        ("", 409_600, (882, 882)),
        ("", 6_400, (110, 110)),
        ("", 1_024, (44, 44)),
        ("", 1, (1, 1)),
        ("", 2, (1, 2)),
        ("buckets=10", 1_024, (10, 194)),
        ("bucket_rows=10", 1_024, (194, 10)),
        ("buckets=10,bucket_rows=10", 1_024, (10, 10)),
        ("buckets=10,bucket_rows=10", 4, (10, 4)),
        ("buckets=100", 10, (100, 1)),
        ("bucket_rows=100", 10, (1, 10)),
    ],
)
def test_sizes_of_the_buckets(given, B, want):
    assert build(f"sce:{given}" if given else "sce").sizes(B) == want


def test_at_the_default_sizes_five_rows_of_six_are_in_a_bucket():
    shares = [float((build("sce")(vectors(seed, 1024, 64)) > 0).double().mean()) for seed in range(5)]
    assert 0.82 < np.mean(shares) < 0.88


def naive(loss, s, buckets, changed=None):
    """The mean by loops in buckets that stay, with one number of one table changed."""
    tables = {"user_vec": s.user_vec.tolist(), "item_vec": s.item_vec.tolist(), "catalogue": s.catalogue.tolist()}
    if changed:
        name, row, column, step = changed
        tables[name][row][column] += step
    best = {}
    for rows, items in zip(*buckets, strict=True):
        for a in rows:
            x = tables["user_vec"][a]
            own = math.fsum(p * q for p, q in zip(x, tables["item_vec"][a], strict=True))
            others = [
                math.exp((math.fsum(p * q for p, q in zip(x, tables["catalogue"][k], strict=True)) - own) / loss.tau)
                for k in items
                if k != s.item[a]
            ]
            best[a] = max(best.get(a, 0.0), math.log(1 + math.fsum(others)))
    return math.fsum(best.values()) / len(best)


@pytest.mark.parametrize("given", ["buckets=5,bucket_rows=4,bucket_items=4", "mix=true,bucket_items=3"])
def test_mean_and_gradients_equal_the_naive_loops_and_their_finite_differences(given):
    loss, s = build(f"sce:tau=0.3,{given}"), vectors(4)
    buckets = [side.tolist() for side in loss.fill(s)]
    mean = loss(s).mean()
    assert mean.item() == pytest.approx(naive(loss, s, buckets), rel=1e-12)
    mean.backward()
    for name in ("user_vec", "item_vec", "catalogue"):
        table = getattr(s, name)
        for row in range(len(table)):
            for column in (0, 3):
                up, down = (naive(loss, s, buckets, (name, row, column, step)) for step in (1e-5, -1e-5))
                assert table.grad[row, column].item() == pytest.approx((up - down) / 2e-5, rel=1e-6, abs=1e-8)


def test_rows_in_no_bucket_are_0_and_the_others_make_up_for_them():
    loss, s = build("sce:buckets=2,bucket_rows=3,bucket_items=1000,tau=0.3"), vectors(5)
    kept = sorted(set(loss.fill(s)[0].flatten().tolist()))
    assert 3 <= len(kept) <= 6
    value, want = loss(s), full(s, 0.3)
    assert [a for a in range(12) if value[a] != 0] == kept
    assert_close(value.mean(), want[kept].mean())
    assert_close(value[kept], want[kept] * 12 / len(kept))


def test_a_row_keeps_the_largest_of_its_losses():
    loss, s = build("sce:buckets=9,bucket_rows=12,bucket_items=3,tau=0.3"), tied(vectors(6))
    _, item = loss.fill(s)
    each = []
    for items in item.tolist():
        logit = s.user_vec @ s.catalogue.t() / 0.3
        out = [[k not in items and k != i for k in range(N_ITEMS)] for i in s.item.tolist()]
        each.append(cross_entropy(logit.masked_fill(torch.tensor(out), -torch.inf), s.item, reduction="none"))
    assert_close(loss(s), torch.stack(each).amax(dim=0))
    assert (torch.stack(each).std(dim=0) > 0.01).all()


def test_a_bucket_with_nothing_but_the_positive_has_no_loss_and_no_gradient():
    loss, s = build("sce:buckets=1,bucket_rows=12,bucket_items=1"), vectors(7)
    only = int(loss.fill(s)[1])
    s.item[:] = only
    assert (loss(s) == 0).all()
    for gradient in torch.autograd.grad(loss(s).sum(), (s.user_vec, s.item_vec, s.catalogue)):
        assert (gradient == 0).all()


@pytest.mark.parametrize("B", [1, 2, 3, 40])
def test_few_rows(B):
    s = vectors(8, B)
    value = build("sce")(s)
    assert value.shape == (B,)
    assert value.mean() > 0


def begin(loss, number):
    loss.refresh(Epoch(number, random_interactions(0, 5, 9, 3), lambda user: user, lambda user, item: user))


def test_directions_are_a_function_of_seed_epoch_and_step():
    s = vectors(9)
    drawn = {}
    for seed in (0, 1):
        for number in (0, 1):
            loss = build("sce").train()
            loss.bind(random_interactions(0, 5, 9, 3), seed)
            begin(loss, number)
            for step in range(3):
                drawn[seed, number, step] = loss.directions(s, 4)
                loss(s)
    found = list(drawn.values())
    assert all(not torch.allclose(x, y) for a, x in enumerate(found) for y in found[:a])
    again = build("sce").train()
    again.bind(random_interactions(0, 5, 9, 3), 1)
    begin(again, 0)
    again(s)
    begin(again, 1)
    again(s)
    assert torch.equal(again.directions(s, 4), drawn[1, 1, 1])


def test_only_a_step_of_a_training_is_counted():
    loss, s = build("sce"), vectors(10)
    assert torch.equal(loss(s), loss(s))
    loss.train()
    with torch.no_grad():
        assert torch.equal(loss(s), loss(s))
    first = loss.directions(s, 3)
    value = loss(s)
    assert not torch.allclose(loss.directions(s, 3), first)
    assert torch.equal(loss.eval()(s), loss(s))
    begin(loss, 0)
    assert torch.equal(loss(s), value)


def test_directions_are_gaussian():
    drawn = build("sce").directions(vectors(11, d=64), 2_000)
    assert drawn.shape == (2_000, 64)
    assert drawn.mean().abs() < 0.01
    assert drawn.std().item() == pytest.approx(1, abs=0.01)


def test_mix_takes_directions_where_the_users_are():
    loss, s = build("sce:mix=true"), vectors(12, d=5)
    flat = Vectors(s.user_vec * torch.tensor([1.0, 1, 0, 0, 0]), s.item_vec, s.catalogue, s.user, s.item)
    assert (loss.directions(flat, 20)[:, 2:] == 0).all()
    assert torch.linalg.matrix_rank(loss.directions(flat, 20)) == 2
    assert (build("sce").directions(flat, 20)[:, 2:] != 0).all()


def test_training_learns():
    loss = registry.find("loss", "sce")(bucket_items=30)
    spec = TrainSpec(lr=0.05, batch_size=64, epochs=8, patience=0, dim=8)
    training = Training(random_split(), loss, MF(), spec, 0, torch.device("cpu"))
    ends = [event for event in training.run() if isinstance(event, EpochEnd)]
    assert ends[-1].loss < 0.8 * ends[0].loss
    assert loss.epoch == 7
    assert loss.step == -(-training.batches.size // 64)
