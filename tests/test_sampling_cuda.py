"""Draws as a GPU makes them are the integers of the CPU; without a GPU the kernels run in Triton's interpreter."""

import numpy as np
import pytest
import torch

from rankbench.data.interactions import FalseNegatives, Interactions
from rankbench.randomness import key, permutation
from rankbench.sampling import InBatchNegatives, NoisyNegatives, WeightedNegatives, hashing, weighted
from toy import random_interactions

TRAIN = random_interactions(0, n_users=40, n_items=90, each=15)
SAMPLERS = {
    "uniform": WeightedNegatives.uniform(TRAIN),
    "popularity": WeightedNegatives.by_popularity(TRAIN, 0.75),
}
every_sampler = pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
ROW = torch.arange(17) * 10**11  # hashes of large rows, too
KEYS = [0, 7, key(3, "negatives", 2), (1 << 64) - 1]


@pytest.fixture
def by_triton(monkeypatch) -> None:
    for module in (hashing, weighted):
        monkeypatch.setattr(module, "uses_triton", lambda device: True)


@every_sampler
@pytest.mark.parametrize("n", [1, 3, 300])
@pytest.mark.parametrize("drawn_with", KEYS)
def test_triton_draws_the_same_integers(sampler, n, drawn_with, triton_device):
    user = ROW % 40
    expected = sampler.draw(drawn_with, ROW, user, user, n)
    found = sampler.draw_by_triton(drawn_with, ROW.to(triton_device), user.to(triton_device), n)
    assert torch.equal(found.cpu(), expected)
    bits = hashing.bits_on(triton_device, drawn_with)
    assert torch.equal(found, sampler.draw_by_triton(bits, ROW.to(triton_device), user.to(triton_device), n))


@pytest.mark.parametrize("items", [[], [0], [8, 9], list(range(9)), [0, 2, 4, 6, 8]])
def test_users_of_any_activity(items, triton_device):
    train = Interactions.from_pairs(np.zeros(len(items), int), np.array(items, int), 1, 10)
    sampler, one = WeightedNegatives.uniform(train), torch.zeros(1, dtype=torch.int64)
    expected = sampler.draw(1, one, one, one, 50)
    found = sampler.draw_by_triton(1, one.to(triton_device), one.to(triton_device), 50)
    assert torch.equal(found.cpu(), expected)


@pytest.mark.parametrize("drawn_with", KEYS)
def test_triton_hashes_as_the_cpu_does(drawn_with, triton_device, by_triton):
    expected = [
        [(hash_of(drawn_with, row, draw) >> 32, hash_of(drawn_with, row, draw) % 2**32) for draw in range(5)]
        for row in ROW.tolist()
    ]
    high, low = hashing.high_and_low_bits(drawn_with, ROW.to(triton_device), 5)
    assert torch.stack([high, low], dim=2).cpu().tolist() == [[list(pair) for pair in row] for row in expected]


def hash_of(drawn_with: int, row: int, draw: int) -> int:
    golden, whole = 0x9E3779B97F4A7C15, (1 << 64) - 1
    state = hashing.mix((drawn_with + golden * (row + 1)) & whole)
    return hashing.mix((state + golden * (draw + 1)) & whole)


@pytest.mark.parametrize("drawn_with", KEYS)
def test_other_samplers_draw_the_same_integers_with_a_key_on_the_device(drawn_with, triton_device, by_triton):
    row, user, pos = torch.arange(60), torch.arange(60) % 40, torch.from_numpy(TRAIN.items[:60].astype(np.int64))
    there = [t.to(triton_device) for t in (row, user, pos)]
    bits = hashing.bits_on(triton_device, drawn_with)
    of_batch = InBatchNegatives.outside(TRAIN)
    pairs = FalseNegatives(random_interactions(5, n_users=40, n_items=90, each=1), 0.3)
    noisy = NoisyNegatives(SAMPLERS["uniform"], pairs)
    with pytest.MonkeyPatch.context() as patch:  # what the CPU draws by numba
        patch.setattr(weighted, "uses_triton", lambda device: False)
        expected = [s.draw(drawn_with, row, user, pos, 40) for s in (of_batch, noisy)]
    assert torch.equal(of_batch.draw_by_torch(bits, *there, 40).cpu(), expected[0])
    drawn = SAMPLERS["uniform"].draw_by_triton(bits, *there[:2], 40)
    assert torch.equal(noisy.replace_by_torch(drawn, bits, *there[:2]).cpu(), expected[1])


def test_a_batch_without_a_negative_draws_by_popularity(triton_device, by_triton):
    row, user, pos = torch.tensor([4]), torch.tensor([2]), torch.from_numpy(TRAIN.row(2)[:1].astype(np.int64))
    there = [t.to(triton_device) for t in (row, user, pos)]
    expected = WeightedNegatives.by_popularity(TRAIN, 1.0).draw_by_torch(5, row, user, 20)
    assert torch.equal(InBatchNegatives.outside(TRAIN).draw_by_torch(5, *there, 20).cpu(), expected)


@pytest.mark.parametrize("n", [0, 1, 500])
@pytest.mark.parametrize("shuffled_with", KEYS)
def test_the_order_of_an_epoch_is_that_of_the_cpu(n, shuffled_with, triton_device):
    found = hashing.permutation(hashing.bits_on(triton_device, shuffled_with), n)
    assert found.tolist() == permutation(shuffled_with, n).tolist()


def test_keys_that_follow():
    for number in KEYS:
        bits = hashing.bits_on(torch.device("cpu"), number)
        assert hashing.unsigned(hashing.next_key(bits)) == hashing.next_key(number)
        assert hashing.unsigned(bits) == number


@pytest.mark.parametrize("first", KEYS)
def test_keys_of_several_streams(first):
    """With numbers, with bits, and with a counter on a device; the last counter of a key is such a stream."""
    there = hashing.bits_on(torch.device("cpu"), first)
    for which in (0, 5, 10**6):
        expected = hashing.derived(first, which)
        assert hashing.unsigned(hashing.derived(there, which)) == expected
        assert hashing.unsigned(hashing.derived(there, torch.tensor(which))) == expected
        assert hashing.unsigned(hashing.derived(first, torch.tensor(which))) == expected
    assert hashing.derived(key(1, "backbone", 2), 3) == key(1, "backbone", 2, 3)
