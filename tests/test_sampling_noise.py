"""Negatives that are false: as the definition says, by numba and by torch, on any threads, and in a training."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from rankbench.backbones.mf import MF
from rankbench.data.interactions import FalseNegatives, Interactions, Split
from rankbench.losses.softmax import Softmax
from rankbench.parallel import set_threads
from rankbench.randomness import mix
from rankbench.sampling import NoisyNegatives, Sampler, WeightedNegatives, sampler_of
from rankbench.spec import TrainSpec
from rankbench.training.loop import Trained, Training
from toy import random_interactions, random_split

WHOLE = random_interactions(0, n_users=40, n_items=90, each=20)
CUT = np.arange(len(WHOLE)) % 4 == 0
CUT[WHOLE.users < 3] = False  # three users have no false negatives


def cut(rows: np.ndarray) -> Interactions:
    return Interactions.from_pairs(WHOLE.users[rows], WHOLE.items[rows], 40, 90)


TRAIN, TAKEN = cut(~CUT), cut(CUT)
ROW = torch.arange(200)
USER = ROW % 40
POS = torch.from_numpy(TRAIN.items.astype(np.int64))[ROW]
SAMPLERS = ["uniform", "popularity", "in-batch"]


def sampler(name: str, probability: float) -> Sampler:
    return sampler_of(TRAIN, name, 0.75, FalseNegatives(TAKEN, probability))


def draw(made: Sampler, n: int, drawn_with: int = 7, row: torch.Tensor = ROW) -> torch.Tensor:
    return made.draw(drawn_with, row, row % 40, POS, n)


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("probability", [0.0, 0.1, 0.5, 1.0])
def test_a_draw_is_what_its_hash_says(name, probability):
    """The definition, over Python's integers: the upper half of the hash decides, the lower one chooses."""
    plain = draw(sampler_of(TRAIN, name, 0.75), 30)
    noisy = draw(sampler(name, probability), 30)
    assert noisy.dtype == torch.int32
    for b in range(200):
        own = TAKEN.row(b % 40).tolist()
        state = mix((mix(7) + 0x9E3779B97F4A7C15 * (b + 1)) % 2**64)
        for n in range(30):
            bits = mix((state + 0x9E3779B97F4A7C15 * (n + 1)) % 2**64)
            false = own and bits >> 32 < round(probability * 2**32)
            expected = own[(bits & 0xFFFFFFFF) * len(own) >> 32] if false else plain[b, n]
            assert noisy[b, n] == expected


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("n", [1, 64, 300])
def test_torch_draws_the_same_integers(name, n):
    made = sampler(name, 0.3)
    assert isinstance(made, NoisyNegatives)
    plain = draw(sampler_of(TRAIN, name, 0.75), n)
    assert torch.equal(draw(made, n), made.replace_by_torch(plain, 7, ROW, USER))


def test_no_false_negatives_at_all():
    none = FalseNegatives(cut(np.zeros(len(WHOLE), bool)), 0.5)
    made, plain = sampler_of(TRAIN, "uniform", 0.75, none), draw(sampler_of(TRAIN, "uniform", 0.75), 20)
    assert isinstance(made, NoisyNegatives)
    assert torch.equal(draw(made, 20), plain)
    assert torch.equal(made.replace_by_torch(plain, 7, ROW, USER), plain)


@pytest.mark.parametrize("name", SAMPLERS)
def test_threads_and_the_order_of_rows_change_nothing(name):
    made = sampler(name, 0.3)
    two = draw(made, 500)
    set_threads(1)
    assert torch.equal(two, draw(made, 500))
    order = torch.randperm(200)
    if name != "in-batch":
        assert torch.equal(draw(made, 64, row=order), two[order, :64])


def test_false_negatives_are_drawn_as_often_as_said_and_alike():
    draws = 200_000
    user = 5
    made = sampler("uniform", 0.2)
    drawn = made.draw(11, ROW, torch.full((200,), user), POS, draws // 200)
    counts = np.bincount(drawn.numpy().ravel(), minlength=90)
    others = np.setdiff1d(np.arange(90), TRAIN.row(user))
    expected = np.full(len(others), 0.8 * draws / len(others))
    expected[np.isin(others, TAKEN.row(user))] += 0.2 * draws / len(TAKEN.row(user))
    chi_square = ((counts[others] - expected) ** 2 / expected).sum()
    assert counts[others].sum() == draws
    assert chi_square < len(others) - 1 + 5 * np.sqrt(2 * (len(others) - 1))


def test_a_larger_probability_only_adds_to_the_noise():
    plain, some, more = (draw(sampler("uniform", p), 200) for p in (0.0, 0.1, 0.3))
    changed = some != plain
    assert torch.equal(some[changed], more[changed])
    assert int((more != plain).sum()) > 2 * int(changed.sum()) > 0


def test_the_loss_is_told_the_probabilities_without_noise():
    item = torch.arange(90)[None].expand(200, 90)
    plain = sampler_of(TRAIN, "popularity", 0.75)
    assert torch.equal(sampler("popularity", 0.3).log_probability(USER, item), plain.log_probability(USER, item))


SPEC = TrainSpec(batch_size=64, negatives=20, epochs=3, eval_every=1, dim=8, lr=0.05)


def noisy_split(probability: float) -> Split:
    return replace(random_split(), train=TOY_TRAIN, false_negatives=FalseNegatives(TOY_TAKEN, probability))


TOY = random_split().train
TOY_TAKEN = Interactions.from_pairs(TOY.users[::6], TOY.items[::6], 60, 120)
TOY_TRAIN = TOY.without(TOY_TAKEN)


def trained(split: Split) -> Trained:
    events = Training(split, Softmax(), MF(), SPEC, 3, torch.device("cpu")).run()
    while True:
        try:
            next(events)
        except StopIteration as stop:
            return stop.value


def losses(split: Split) -> list[float]:
    return [end.loss for end in trained(split).curve]


def test_a_training_draws_them_with_the_same_bits_on_any_threads():
    curves = []
    for threads in (1, 2):
        set_threads(threads)
        curves.append(losses(noisy_split(0.3)))
    assert curves[0] == curves[1]
    assert losses(noisy_split(0.3)) != losses(noisy_split(0.1))
    plain = replace(noisy_split(0.0), false_negatives=None)
    assert losses(noisy_split(0.0)) == losses(plain)


def test_without_such_noise_the_sampler_is_the_plain_one():
    made = Training(random_split(), Softmax(), MF(), SPEC, 0, torch.device("cpu"))
    assert type(made.sampler) is WeightedNegatives
