"""What processors can do and what loops in numba do not become: 64 comparisons at once, places of bits, reading ahead.

The intrinsics below write the compiler's intermediate code, which it has instructions for on every processor: for 64
comparisons of numbers of 16 bits it is two where there is AVX-512.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import extending, njit, types
from numba.core import cgutils

intrinsic: Any = extending.intrinsic
item_pointer: Any = cgutils.get_item_pointer

CHUNK = 64
"""Integers compared at once, one bit of the answer each."""

_LANE = ir.IntType(32)


@intrinsic
def larger(typing: Any, row: Any, at: Any, least: Any) -> Any:
    """Return which entries of `row` (width,), a contiguous row of integers, from `at` on are larger, as bits."""
    return _comparison(row, lambda builder, x, y: builder.icmp_signed(">", x, y))


@intrinsic
def smaller_unsigned(typing: Any, row: Any, at: Any, most: Any) -> Any:
    """Return which entries of `row`, from `at` on, are smaller, all taken for unsigned integers, as bits."""
    return _comparison(row, lambda builder, x, y: builder.icmp_unsigned("<", x, y))


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


@intrinsic
def fetch(typing: Any, table: Any, i: Any, k: Any) -> Any:
    """Bring the cache line of table[i, k] (n, d) into the cache, while other work goes on; any i is harmless."""

    def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        array = context.make_array(table)(context, builder, values[0])
        place = item_pointer(context, builder, table, array, values[1:])
        address, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [address, number, number, number])
        call = builder.module.declare_intrinsic("llvm.prefetch", [address], kind)
        builder.call(call, [builder.bitcast(place, address), *(ir.Constant(number, n) for n in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(table, types.intp, types.intp), write


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
