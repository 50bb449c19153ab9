"""Random numbers as a function of (seed, stream, row), for the protocols of our own.

The number of a row does not depend on which other rows there are or on the order in which they are visited, so adding a
step to a protocol leaves the draws of the others as they are.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def hashed(seed: int, stream: str, row: NDArray[np.integer]) -> NDArray[np.uint64]:
    """Return 64 random bits for each row: output number `row` of SplitMix64, started by the hash of seed and stream.

    Steele, Lea, Flood, OOPSLA 2014.

    Args:
        seed: the seed of the protocol.
        stream: what the numbers are for; two streams are independent.
        row: (n,) at least 0.

    Returns:
        (n,) uint64.
    """
    start = np.frombuffer(hashlib.sha256(f"{seed} {stream}".encode()).digest()[:8], "<u8")[0]
    z = start + (row.astype(np.uint64) + np.uint64(1)) * _STEP  # (n,), modulo 2^64
    z = (z ^ (z >> np.uint64(30))) * _MIX_1  # (n,)
    z = (z ^ (z >> np.uint64(27))) * _MIX_2  # (n,)
    bits: NDArray[np.uint64] = z ^ (z >> np.uint64(31))  # (n,)
    return bits


def below(bits: NDArray[np.uint64], n: int | NDArray[np.integer]) -> NDArray[np.int64]:
    """Return whole numbers in [0, n) from random bits, uniform to n / 2^32; `n`, or each of (n,), is at most 2^31."""
    return (((bits >> np.uint64(32)) * np.asarray(n, np.uint64)) >> np.uint64(32)).astype(np.int64)


def exponential(bits: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Return draws of the exponential distribution with mean 1 from random bits, positive and finite."""
    uniform = ((bits >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53  # (n,) in (0, 1)
    return -np.log(uniform)
