"""Matrix products that find the candidates for the best items: approximate, with a proven bound of their error.

Only exact scores decide (`exact.py`), so neither the precision of the product nor the size of its tiles can be seen in
a result. bfloat16 halves the time where the processor has instructions for it; float32 is for the rest, and for users
with more candidates than there is room for.
"""

from __future__ import annotations

import time
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from rankbench.evaluation.selection import CHUNK, Bound

ROWS, COLUMNS = 512, 1024
"""The size of a tile: large enough for the matrix product, small enough for a core's own cache."""

_SAMPLED, _SAMPLE_OF, _LEAST_SAMPLE = 1024, 16, 256
"""Items in the sample that a first threshold is guessed from: one of so many; none in small catalogues."""

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
        rounded = item_vec.to(dtype)  # (I, d)
        self.dtype = dtype
        self.bits = 16 if dtype == torch.bfloat16 else 32
        self._norm = _norms(rounded).max().item()
        self._exact_norm = _norms(item_vec).max().item()
        self._error = _norms(rounded.float() - item_vec).max().item()  # the difference has no rounding error itself
        self._items = pad(rounded, (0, 0, 0, -len(rounded) % CHUNK))  # (whole chunks, d)
        self.sampled = min(_SAMPLED, len(item_vec) // _SAMPLE_OF)
        if not samples or self.sampled < _LEAST_SAMPLE:
            self.sampled = 0
        else:
            self._sample = rounded[:: len(item_vec) // self.sampled][: self.sampled].contiguous()  # (S, d)

    def bound(self, query: Tensor) -> Bound:
        r"""Return how far approximate scores of users (n, d) float32 are from exact ones.

        With rounded vectors u' and v', $|u'v' - uv| \le |u' - u||v| + |u'||v' - v|$; a float32 sum of d products is
        wrong by $d 2^{-23}|u'||v'|$ at most, and an exact score has been rounded, too.
        """
        rounded = query.to(self.dtype)  # (n, d)
        norm, error = _norms(rounded), _norms(rounded.float() - query)  # (n,), (n,)
        bound = error * self._exact_norm + norm * self._error  # (n,)
        size = norm * self._norm  # (n,)
        bound += (query.shape[1] + 4) * 2.0**-23 * size + _LEAST
        bound[~(size < _LARGEST)] = torch.inf
        return Bound(bound.numpy(), _ROUNDING[self.dtype])

    def tile(self, query: Tensor, first: int, out: Tensor) -> NDArray[np.signedinteger]:
        """Return the bits of the scores (rows, width) of users (rows, d) with the items from `first` on.

        Args:
            query: (rows, d), user vectors of the filter's precision.
            first: the first item.
            out: (rows * COLUMNS,) of the filter's precision, where the scores are written.
        """
        return self._bits(query, self._items[first : first + COLUMNS], out)  # (rows, width)

    def sample(self, query: Tensor) -> NDArray[np.signedinteger]:
        """Return the bits of the scores (rows, S) of users (rows, d) with the sample."""
        return self._bits(query, self._sample, query.new_empty(len(query) * self.sampled))  # (rows, S)

    def _bits(self, query: Tensor, items: Tensor, out: Tensor) -> NDArray[np.signedinteger]:
        scores = out[: len(query) * len(items)].view(len(query), len(items))  # (rows, width)
        torch.mm(query, items.t(), out=scores)
        bits: NDArray[np.signedinteger] = scores.view(torch.int16 if self.bits == 16 else torch.int32).numpy()
        return bits


def fastest_filters(item_vec: Tensor) -> list[Filter]:
    """Return the filters for item vectors (I, d) float32, in the order to try them in."""
    fastest = torch.bfloat16 if _has_fast_bfloat16(item_vec.shape[1]) else torch.float32
    return [Filter(item_vec, fastest, samples=True), Filter(item_vec, torch.float32, samples=False)]


@cache
def _has_fast_bfloat16(dim: int) -> bool:
    """Whether products of tiles take less time in bfloat16 than in float32, measured."""
    return _seconds(dim, torch.bfloat16) < _seconds(dim, torch.float32)


def _seconds(dim: int, dtype: torch.dtype) -> float:
    query, items = torch.ones(ROWS, dim, dtype=dtype), torch.ones(COLUMNS, dim, dtype=dtype)
    out = torch.empty(ROWS, COLUMNS, dtype=dtype)
    taken = []
    for _ in range(6):
        started = time.perf_counter()
        torch.mm(query, items.t(), out=out)
        taken.append(time.perf_counter() - started)
    return min(taken[1:])  # the first one prepares the library


def _norms(vectors: Tensor) -> Tensor:
    """Return upper bounds of the norms (n,) of vectors (n, d), in float64."""
    norms: Tensor = torch.linalg.vector_norm(vectors, dim=1, dtype=torch.float64) * (1 + 2.0**-40)  # (n,)
    return norms
