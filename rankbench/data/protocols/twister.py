"""What Python's `random.Random` draws, in bulk: the same numbers from the same seed, without a call for each.

The words come from numpy's Mersenne Twister, put into the state of Python's. `randbelow(n)`, which `choice` and
`shuffle` are made of, takes the upper bits of a word, as many as n has, and the next word if they are n or more.
"""

from __future__ import annotations

from random import Random

import numpy as np
from numba import njit
from numpy.typing import NDArray

_BLOCK = 1 << 20
_WORD = 32


class Words:
    """The stream of 32-bit words of `random.Random(seed)`.

    Args:
        seed: as there.
    """

    def __init__(self, seed: int) -> None:
        _, (*key, position), _ = Random(seed).getstate()
        self._twister = np.random.MT19937()
        self._twister.state = {
            "bit_generator": "MT19937",
            "state": {"key": np.array(key, np.uint32), "pos": position},
        }

    def behind(self, left: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Return the words that are left of an earlier block, and a new block of them."""
        return np.concatenate([left, self._twister.random_raw(_BLOCK).astype(np.uint32)])


def shuffled(indptr: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return the rows (nnz,) with those of each user shuffled by `random.shuffle`, one stream through all users.

    Args:
        indptr: (U + 1,) where the rows of each user begin.
        seed: of the stream.
    """
    rows = np.arange(indptr[-1])  # (nnz,)
    words, at, user, left = np.empty(0, np.uint32), 0, 0, -1
    stream = Words(seed)
    while user < len(indptr) - 1:
        words = stream.behind(words[at:])
        at, user, left = _shuffle(words, indptr, rows, user, left)
    return rows


def take_of_items(
    items: NDArray[np.int64], start: NDArray[np.int64], users: NDArray[np.int32], need: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Draw an item by `random.choice`, then one of its users by `random.choice`, until `need` pairs are taken.

    The last user of an item is drawn and left. What is taken is not drawn again, and those behind it move up.

    Args:
        items: (K,) the items, in the order in which they are chosen from.
        start: (I + 1,) where the users of each item begin.
        users: (nnz,) the users of each item; changed: those that are left stand at the beginning of each item's.
        need: how many pairs to take; there must be as many without the last user of each item.
        seed: of the stream.

    Returns:
        how many users of each item are left (I,), and the users that were taken of each (nnz,), behind those.
    """
    left = np.diff(start)  # (I,)
    words, at, taken = np.empty(0, np.uint32), 0, 0
    stream = Words(seed)
    while taken < need:
        words = stream.behind(words[at:])
        at, taken = _take(words, items, start, users, left, taken, need)
    return left, users


@njit(cache=True, nogil=True)
def _below(words, at, n):  # type: ignore[no-untyped-def]
    """Return a whole number below n and the place behind the words that it took; -1 if they ran out."""
    shift, rest = _WORD, n
    while rest > 0:
        shift, rest = shift - 1, rest >> 1
    while at < len(words):
        drawn = np.int64(words[at] >> np.uint32(shift))
        at += 1
        if drawn < n:
            return drawn, at
    return np.int64(-1), at


@njit(cache=True, nogil=True)
def _shuffle(words, indptr, rows, user, left):  # type: ignore[no-untyped-def]
    """Shuffle from a user on, the first `left` rows of whom are not shuffled yet (-1: all); return where it stopped."""
    at = 0
    while user < len(indptr) - 1:
        start = indptr[user]
        if left < 0:
            left = indptr[user + 1] - start
        while left > 1:
            drawn, behind = _below(words, at, left)
            if drawn < 0:
                return at, user, left
            at, left = behind, left - 1
            rows[start + left], rows[start + drawn] = rows[start + drawn], rows[start + left]
        user, left = user + 1, -1
    return at, user, left


@njit(cache=True, nogil=True)
def _take(words, items, start, users, left, taken, need):  # type: ignore[no-untyped-def]
    at = 0
    while taken < need:
        place, behind = _below(words, at, len(items))
        if place < 0:
            break
        item = items[place]
        first, n = start[item], left[item]
        drawn, behind = _below(words, behind, n)
        if drawn < 0:
            break
        at = behind
        if n > 1:
            user = users[first + drawn]
            for j in range(first + drawn, first + n - 1):
                users[j] = users[j + 1]
            users[first + n - 1] = user
            left[item], taken = n - 1, taken + 1
    return at, taken
