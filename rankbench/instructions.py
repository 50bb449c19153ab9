"""What processors can do and what loops in numba do not become: 64 comparisons at once, places and counts of bits.

The intrinsics below write the compiler's intermediate code, which it has instructions for on every processor: for 64
comparisons of numbers of 16 bits it is two where there is AVX-512.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import extending, njit, types
from numba.core import cgutils

intrinsic: Any = extending.intrinsic

CHUNK = 64
"""Integers compared at once, one bit of the answer each."""

_LANE = ir.IntType(32)


@intrinsic
def larger(typing: Any, row: Any, at: Any, least: Any) -> Any:
    """Return which of the `CHUNK` entries of `row` (width,), a contiguous row, from `at` on are larger, as bits."""
    signed = "icmp_signed" if isinstance(row.dtype, types.Integer) else "fcmp_ordered"
    return _comparison(row, lambda builder, x, y: getattr(builder, signed)(">", x, y))


@intrinsic
def smaller_unsigned(typing: Any, row: Any, at: Any, most: Any) -> Any:
    """Return which of integers, from `at` on, are smaller, all taken for unsigned ones, as bits."""
    return _comparison(row, lambda builder, x, y: builder.icmp_unsigned("<", x, y))


@intrinsic
def at_least(typing: Any, row: Any, at: Any, bound: Any) -> Any:
    """Return which of floats, from `at` on, are as large or larger, as bits."""
    return _comparison(row, lambda builder, x, y: builder.fcmp_ordered(">=", x, y))


def _comparison(row: Any, compare: Any) -> Any:
    def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        array = context.make_array(row)(context, builder, values[0])
        whole = ir.VectorType(context.get_value_type(row.dtype), CHUNK)
        entries = builder.load(builder.bitcast(builder.gep(array.data, [values[1]]), whole.as_pointer()))
        entries.align = row.dtype.bitwidth // 8
        one = builder.insert_element(ir.Constant(whole, ir.Undefined), values[2], ir.Constant(_LANE, 0))
        first = ir.Constant(ir.VectorType(_LANE, CHUNK), [0] * CHUNK)
        all_alike = builder.shuffle_vector(one, ir.Constant(whole, ir.Undefined), first)
        return builder.bitcast(compare(builder, entries, all_alike), ir.IntType(CHUNK))

    return types.uint64(row, types.intp, row.dtype), write


@intrinsic
def lowest(typing: Any, bits: Any) -> Any:
    """Return the place of the lowest bit of an integer that is not 0."""
    return types.int64(types.uint64), lambda context, builder, signature, values: builder.cttz(
        values[0], cgutils.true_bit
    )


@intrinsic
def count(typing: Any, bits: Any) -> Any:
    """Return how many bits of an integer are set."""
    return types.int64(types.uint64), lambda context, builder, signature, values: builder.ctpop(values[0])


@njit(cache=True, nogil=True, inline="always")
def above(row: Any, at: Any, least: Any, turned: Any) -> Any:
    """Return which scores of `row` from `at` on are above an ordered threshold, as bits.

    What is above a negative threshold is positive, or negative but nearer to 0.

    Args:
        row: (width,) int16 or int32, bits of scores.
        at: where the chunk begins.
        least: int32, the threshold, ordered.
        turned: the bits that order the negative ones.
    """
    return larger(row, at, least) if least >= 0 else smaller_unsigned(row, at, least ^ turned)
