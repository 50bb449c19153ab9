"""Matrix products that find the candidates for the best items: approximate, with a proven bound of their error.

Only exact scores decide (`exact.py`), so neither the precision of the product nor the size of its tiles can be seen in
a result. bfloat16 halves the time where the processor has instructions for it; float32 is for the rest, and for users
with more candidates than there is room for.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cache

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from rankbench.evaluation.selection import Bound
from rankbench.instructions import CHUNK
from rankbench.parallel import over_blocks

ROWS, COLUMNS = 512, 17 * CHUNK
"""The size of a tile: large enough for the matrix product, small enough for a core's own cache. Rows of a power of two
would lie on top of each other in the nearest cache, and the product would take half as long again."""

_BLOCK = 4096
"""Item vectors that one thread rounds at once."""

_SAMPLED, _SAMPLE_OF = 2048, 16
"""Items in the sample that a first threshold is guessed from: one of so many; none in the smallest catalogues."""

_ROUNDING = {torch.float32: 0.0, torch.bfloat16: 1 / 255}
"""How far a result may be from the value that it was rounded from, relative to itself."""

_LARGEST = 1e30
"""Products of norms up to which nothing can overflow."""

_LEAST = 1e-30
"""More than all that products of subnormal numbers, which processors may take for 0, can add up to."""


class Filter:
    """Approximate scores of blocks of users with tiles of items.

    Args:
        item_vec: (I, d) float32, item vectors.
        dtype: precision of the product.
        samples: whether there is a sample of the items to guess a first threshold from.
    """

    def __init__(self, item_vec: Tensor, dtype: torch.dtype, samples: bool) -> None:
        n, d = item_vec.shape
        self.dtype = dtype
        self.bits = 16 if dtype == torch.bfloat16 else 32
        rounded = torch.zeros(n + -n % CHUNK, d, dtype=dtype)  # (whole chunks, d)
        lengths = np.empty((3, n))  # (3, I)

        def block(start: int, stop: int) -> None:
            rounded[start:stop] = item_vec[start:stop]
            lengths[:, start:stop] = _lengths(item_vec[start:stop], rounded[start:stop])

        over_blocks(block, n, _BLOCK)
        self._exact_norm, self._norm, self._error = lengths.max(axis=1).tolist()
        self._tiles = [tile.t() for tile in torch.split(rounded, COLUMNS)]  # (d, width) each
        self.sampled = min(_SAMPLED, n // _SAMPLE_OF) // CHUNK * CHUNK if samples else 0
        if self.sampled:
            self._sample = rounded[:: n // self.sampled][: self.sampled].contiguous().t()  # (d, S)

    def bound(self, query: Tensor) -> Bound:
        r"""Return how far approximate scores of users (n, d) float32 are from exact ones.

        With rounded vectors u' and v', $|u'v' - uv| \le |u' - u||v| + |u'||v' - v|$; a float32 sum of d products is
        wrong by $d 2^{-23}|u'||v'|$ at most, and an exact score has been rounded, too.
        """
        _, norm, error = _lengths(query, query.to(self.dtype))  # (n,), (n,)
        with np.errstate(over="ignore", invalid="ignore"):
            bound = error * self._exact_norm + norm * self._error  # (n,)
            size = norm * self._norm  # (n,)
            bound += (query.shape[1] + 4) * 2.0**-23 * size + _LEAST
        bound[~(size < _LARGEST)] = np.inf
        return Bound(bound, _ROUNDING[self.dtype])

    def tile(self, query: Tensor, first: int, out: Tensor) -> NDArray[np.signedinteger]:
        """Return the bits of the scores (rows, width) of users (rows, d) with the items from `first` on.

        Args:
            query: (rows, d), user vectors of the filter's precision.
            first: the first item, a multiple of COLUMNS.
            out: (rows * COLUMNS,) of the filter's precision, where the scores are written.
        """
        return self._bits(query, self._tiles[first // COLUMNS], out)  # (rows, width)

    def sample(self, query: Tensor) -> NDArray[np.signedinteger]:
        """Return the bits of the scores (rows, S) of users (rows, d) with the sample."""
        return self._bits(query, self._sample, query.new_empty(len(query) * self.sampled))  # (rows, S)

    def _bits(self, query: Tensor, items: Tensor, out: Tensor) -> NDArray[np.signedinteger]:
        scores = out[: len(query) * items.shape[1]].view(len(query), -1)  # (rows, width)
        torch.mm(query, items, out=scores)
        bits: NDArray[np.signedinteger] = scores.view(torch.int16 if self.bits == 16 else torch.int32).numpy()
        return bits


def filters(item_vec: Tensor) -> Iterator[Filter]:
    """Yield the filters for item vectors (I, d) float32, made when they are asked for, in the order to try them in."""
    yield Filter(item_vec, fastest_precision(item_vec.shape[1]), samples=True)
    yield Filter(item_vec, torch.float32, samples=False)


@cache
def fastest_precision(dim: int) -> torch.dtype:
    """Return the precision in which products of tiles take least time, measured."""
    return torch.bfloat16 if _seconds(dim, torch.bfloat16) < _seconds(dim, torch.float32) else torch.float32


def _seconds(dim: int, dtype: torch.dtype) -> float:
    query, items = torch.ones(ROWS, dim, dtype=dtype), torch.ones(COLUMNS, dim, dtype=dtype)
    out = torch.empty(ROWS, COLUMNS, dtype=dtype)
    taken = []
    for _ in range(6):
        started = time.perf_counter()
        torch.mm(query, items.t(), out=out)
        taken.append(time.perf_counter() - started)
    return min(taken[1:])  # the first one prepares the library


def _lengths(vectors: Tensor, rounded: Tensor) -> NDArray[np.float64]:
    """Return upper bounds of the norms of vectors (n, d) float32, of them rounded, and of the difference: (3, n)."""
    out = np.empty((3, len(vectors)))  # (3, n)
    _write_lengths(vectors.contiguous().numpy(), rounded.float().contiguous().numpy(), out)
    found: NDArray[np.float64] = np.sqrt(out) * (1 + 2.0**-40)  # (3, n)
    return found


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _write_lengths(vectors, rounded, square):  # type: ignore[no-untyped-def]
    for i in range(len(vectors)):
        exact = approximate = difference = 0.0
        for k in range(vectors.shape[1]):
            x, y = np.float64(vectors[i, k]), np.float64(rounded[i, k])
            exact += x * x
            approximate += y * y
            difference += (x - y) * (x - y)
        square[0, i], square[1, i], square[2, i] = exact, approximate, difference
