"""Draws by numba: the random bits of a row at once, then places among what a user may be given."""

import numpy as np
from numba import njit

from rankbench.randomness import FIRST, GOLDEN, SECOND

_GOLDEN, _FIRST, _SECOND = np.uint64(GOLDEN), np.uint64(FIRST), np.uint64(SECOND)
_S27, _S30, _S31, _S32 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)

_MOST_BUCKET_BITS = 8
"""Where the search of a draw begins is looked up by its top bits, by so many where a row has many draws."""

_DRAWS_A_BUCKET = 2
"""Fewer draws than this for each bucket would not pay for filling them."""

_STEPS = 8
"""Searches up to this long are made for all draws of a row side by side, without branches."""


@njit(cache=True, nogil=True)
def draw_ranks(start, stop, key, row, user, indptr, gaps, moved, total, out):  # type: ignore[no-untyped-def]
    """Write a draw of each row from 0..total - 1 outside what belongs to the user's train items.

    Args:
        start, stop: the rows.
        key: of the stream, uint64.
        row: (B,) int64, what the draws are counted by.
        user: (B,) int64, users.
        indptr: (U + 1,) int64, rows of `gaps` and `moved`, one longer than the user's train items.
        gaps: (nnz + U,) int32, how much below each train item may be drawn; the largest int32 ends a row.
        moved: (nnz + U,) int32, how much belongs to the train items before.
        total: the size of the range.
        out: (B, N) int32.
    """
    N = out.shape[1]
    high, below = np.empty(N, np.uint32), np.empty(N, np.uint32)  # (N,), (N,)
    bits = _bucket_bits(N)
    shift, bucket = np.uint32(32 - bits), np.empty(1 << bits, np.uint32)  # bucket: (buckets,)
    for b in range(start, stop):
        first, last = indptr[user[b]], indptr[user[b] + 1] - 1
        allowed = np.uint64(total - moved[last])
        write_bits(_mix(key + _GOLDEN * np.uint64(row[b] + 1)), high)
        spread(high, allowed, out[b])
        steps = _fill_buckets(gaps[first : last + 1], allowed, shift, bucket)
        _look_up(high, shift, bucket, below)
        if steps <= _STEPS:
            for _ in range(steps):
                _step(out[b], gaps[first : last + 1], below)
        else:
            _search(out[b], gaps[first : last + 1], below)
        _move(moved[first : last + 1], below, out[b])


@njit(cache=True, nogil=True, inline="always")
def _mix(value):  # type: ignore[no-untyped-def]
    value = (value ^ (value >> _S30)) * _FIRST
    value = (value ^ (value >> _S27)) * _SECOND
    return value ^ (value >> _S31)


@njit(cache=True, nogil=True)
def write_bits(state, high):  # type: ignore[no-untyped-def]
    """Write the upper 32 bits of the hashes that follow a state."""
    for n in range(len(high)):
        high[n] = np.uint32(_mix(state + _GOLDEN * np.uint64(n + 1)) >> _S32)


@njit(cache=True, nogil=True)
def spread(high, allowed, out):  # type: ignore[no-untyped-def]
    """Write the numbers 0..allowed - 1 that 32 random bits stand for."""
    for n in range(len(high)):
        out[n] = np.int32((np.uint64(high[n]) * allowed) >> _S32)


@njit(cache=True, nogil=True)
def _bucket_bits(N):  # type: ignore[no-untyped-def]
    bits = 1
    while bits < _MOST_BUCKET_BITS and _DRAWS_A_BUCKET << (bits + 1) <= N:
        bits += 1
    return bits


@njit(cache=True, nogil=True)
def _fill_buckets(gaps, allowed, shift, bucket):  # type: ignore[no-untyped-def]
    """Count the train items below the first rank of each bucket; return the most that a draw may have to add."""
    below, most = 0, 0
    for i in range(len(bucket)):
        rank = np.int32(((np.uint64(i) << np.uint64(shift)) * allowed) >> _S32)
        before = below
        while gaps[below] <= rank:
            below += 1
        most = max(most, below - before)
        bucket[i] = below
    return max(most, len(gaps) - 1 - below)


@njit(cache=True, nogil=True)
def _look_up(high, shift, bucket, below):  # type: ignore[no-untyped-def]
    for n in range(len(high)):
        below[n] = bucket[high[n] >> shift]


@njit(cache=True, nogil=True)
def _step(rank, gaps, below):  # type: ignore[no-untyped-def]
    for n in range(len(rank)):
        below[n] += np.uint32(gaps[below[n]] <= rank[n])


@njit(cache=True, nogil=True)
def _search(rank, gaps, below):  # type: ignore[no-untyped-def]
    for n in range(len(rank)):
        while gaps[below[n]] <= rank[n]:
            below[n] += np.uint32(1)


@njit(cache=True, nogil=True)
def _move(moved, below, rank):  # type: ignore[no-untyped-def]
    for n in range(len(rank)):
        rank[n] += moved[below[n]]


@njit(cache=True, nogil=True)
def look_up_items(start, stop, cumulative, first, shift, out):  # type: ignore[no-untyped-def]
    """Replace places by the items that they belong to.

    Args:
        start, stop: the rows.
        cumulative: (I + 1,) int64, the first place of each item and the end of the last.
        first: (places >> shift,) int32, the item that each range of places begins in.
        shift: log2 of the length of a range.
        out: (B, N) int32, places.
    """
    for b in range(start, stop):
        for n in range(out.shape[1]):
            place = np.uint32(out[b, n])
            item = np.uint32(first[place >> np.uint32(shift)])
            while cumulative[item + np.uint32(1)] <= place:
                item += np.uint32(1)
            out[b, n] = item


@njit(cache=True, nogil=True)
def draw_from_batch(start, stop, key, row, user, pos, indptr, items, n_items, out):  # type: ignore[no-untyped-def]
    """Write draws from the positives of a batch outside a user's train items, -1 where there is none."""
    N, B = out.shape[1], len(pos)
    high, place = np.empty(N, np.uint32), np.empty(N, np.int32)  # (N,), (N,)
    owned = np.zeros(n_items, np.bool_)  # (I,)
    allowed = np.empty(B, np.int32)  # (B,)
    for b in range(start, stop):
        own = items[indptr[user[b]] : indptr[user[b] + 1]]
        for i in own:
            owned[i] = True
        n_allowed = 0
        for i in pos:
            allowed[n_allowed] = i
            n_allowed += not owned[i]
        for i in own:
            owned[i] = False
        if n_allowed == 0:
            out[b, :] = -1
            continue
        write_bits(_mix(key + _GOLDEN * np.uint64(row[b] + 1)), high)
        spread(high, np.uint64(n_allowed), place)
        for n in range(N):
            out[b, n] = allowed[place[n]]


@njit(cache=True, nogil=True)
def replace_some(start, stop, key, row, user, indptr, items, threshold, out):  # type: ignore[no-untyped-def]
    """Replace draws by one of a user's own items where the upper half of their hash is below a threshold.

    Args:
        start, stop: the rows.
        key: of the stream, uint64.
        row: (B,) int64, what the draws are counted by.
        user: (B,) int64, users.
        indptr: (U + 1,) int64, rows of `items`.
        items: (nnz,) int32, what is drawn instead; a user without any keeps all draws.
        threshold: uint64, the probability times 2^32.
        out: (B, N) int32, draws.
    """
    N = out.shape[1]
    high, place = np.empty(N, np.uint32), np.empty(N, np.uint32)  # (N,), (N,)
    for b in range(start, stop):
        own = items[indptr[user[b]] : indptr[user[b] + 1]]
        if len(own):
            _write_places(_mix(key + _GOLDEN * np.uint64(row[b] + 1)), np.uint64(len(own)), high, place)
            for n in range(N):  # by masks: a branch would be guessed wrong too often
                kept = np.int32(np.uint64(high[n]) < threshold) - np.int32(1)
                out[b, n] = (out[b, n] & kept) | (own[place[n]] & ~kept)


@njit(cache=True, nogil=True)
def _write_places(state, count, high, place):  # type: ignore[no-untyped-def]
    """Write the upper halves of the hashes that follow a state, and numbers 0..count - 1 by the lower ones."""
    for n in range(len(high)):
        bits = _mix(state + _GOLDEN * np.uint64(n + 1))
        high[n] = np.uint32(bits >> _S32)
        place[n] = np.uint32((np.uint64(np.uint32(bits)) * count) >> _S32)
