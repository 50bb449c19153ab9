import hashlib

import numpy as np

from rankbench.data.protocols.hashing import below, hashed

MASK = 2**64 - 1


def splitmix64(state: int, n: int) -> list[int]:
    """The generator as its authors give it, step by step in whole numbers."""
    out = []
    for _ in range(n):
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        out.append(z ^ (z >> 31))
    return out


def test_the_naive_generator_gives_the_known_numbers():
    assert splitmix64(1234567, 3) == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_a_row_is_the_generators_output_of_that_number():
    start = int.from_bytes(hashlib.sha256(b"7 test-iid").digest()[:8], "little")
    assert hashed(7, "test-iid", np.arange(100)).tolist() == splitmix64(start, 100)


def test_a_row_does_not_depend_on_the_others():
    rows = np.array([5, 10**12, 0])
    assert hashed(0, "a", rows)[::-1].tolist() == hashed(0, "a", rows[::-1]).tolist()
    assert hashed(0, "a", rows)[1] == hashed(0, "a", np.array([10**12]))[0]


def test_seeds_and_streams_differ():
    rows = np.arange(1000)
    drawn = [hashed(seed, stream, rows) for seed in (0, 1) for stream in ("a", "b")]
    assert len(np.unique(np.concatenate(drawn))) == 4000


def test_below_is_uniform():
    drawn = below(hashed(0, "uniform", np.arange(70_000)), 7)
    counts = np.bincount(drawn, minlength=7)
    assert drawn.min() == 0
    assert drawn.max() == 6
    assert ((counts - 10_000) ** 2 / 10_000).sum() < 22.5  # chi square, 6 degrees: 0.1 % above


def test_below_reaches_neither_n_nor_less_than_0():
    ends = np.array([0, MASK], np.uint64)
    assert below(ends, 2**31 - 1).tolist() == [0, 2**31 - 2]
