"""Randomness as a function, not a state: every random number is a hash of (seed, stream, counters).

So threads, devices, block sizes and interruptions cannot change which numbers are drawn, and any of them can be
computed again where it is needed. The hash is the finaliser of splitmix64 (Steele, Lea, Flood: Fast splittable
pseudorandom number generators, OOPSLA 2014): integer arithmetic modulo 2^64 that a GPU repeats exactly.
"""

import numpy as np
from numpy.typing import NDArray

GOLDEN = 0x9E3779B97F4A7C15
FIRST = 0xBF58476D1CE4E5B9
SECOND = 0x94D049BB133111EB
_MASK = (1 << 64) - 1

STREAMS = {
    "init": 1, "shuffle": 2, "negatives": 3, "refresh": 4, "loss": 5, "backbone": 6, "tables": 7, "ties": 8, "fit": 9,
    "reference": 10, "bootstrap": 11, "trials": 12, "front": 13,
}  # fmt: skip
"""What a random number is used for; numbers of two streams have nothing to do with each other."""


def mix(value: int) -> int:
    """Return the 64-bit hash of a 64-bit value."""
    value = ((value ^ (value >> 30)) * FIRST) & _MASK
    value = ((value ^ (value >> 27)) * SECOND) & _MASK
    return value ^ (value >> 31)


def key(seed: int, stream: str, *counters: int) -> int:
    """Return the 64-bit key of a stream of random numbers.

    Args:
        seed: the seed of the run.
        stream: a name in `STREAMS`.
        counters: what the stream counts, such as the epoch.
    """
    state = mix((seed + GOLDEN) & _MASK)
    for counter in (STREAMS[stream], *counters):
        state = mix((state + GOLDEN * (counter + 1)) & _MASK)
    return state


def bits(key: int, n: int) -> NDArray[np.uint64]:
    """Return n hashed 64-bit numbers (n,) uint64 of a key."""
    with np.errstate(over="ignore"):
        state = np.uint64(key) + np.uint64(GOLDEN) * np.arange(1, n + 1, dtype=np.uint64)  # (n,)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(FIRST)  # (n,)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(SECOND)  # (n,)
    return state ^ (state >> np.uint64(31))  # (n,)


def permutation(key: int, n: int) -> NDArray[np.int64]:
    """Return a uniformly random order (n,) int64 of 0..n-1."""
    return np.argsort(bits(key, n), kind="stable")
