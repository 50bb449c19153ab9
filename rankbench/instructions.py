"""What processors can do and what loops in numba do not become: 64 comparisons or sums at once, places of bits.

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


@intrinsic
def chunks_added(typing: Any, row: Any, lanes: Any) -> Any:
    """Write the sum of all whole chunks of `row` to `lanes` (`CHUNK`,): 0 if there are none."""
    return _over_chunks(row, lanes, 0.0, _added)


@intrinsic
def chunk_squares_added(typing: Any, row: Any, lanes: Any) -> Any:
    """Write the sum of the squares of all whole chunks of `row` to `lanes` (`CHUNK`,): 0 if there are none."""
    return _over_chunks(row, lanes, 0.0, lambda builder, a, b: builder.fadd(a, builder.fmul(b, b)))


@intrinsic
def chunks_largest(typing: Any, row: Any, lanes: Any) -> Any:
    """Write the largest of all whole chunks of `row` to `lanes` (`CHUNK`,): -inf if there are none; not NaN."""
    return _over_chunks(row, lanes, float("-inf"), _larger)


@intrinsic
def sum_of_lanes(typing: Any, lanes: Any) -> Any:
    """Return the sum of `lanes` (`CHUNK`,), one half added to the other until there is one number."""
    return _together(lanes, _added)


@intrinsic
def largest_of_lanes(typing: Any, lanes: Any) -> Any:
    """Return the largest of `lanes` (`CHUNK`,), in which there is no NaN."""
    return _together(lanes, _larger)


@intrinsic
def smallest_of_lanes(typing: Any, lanes: Any) -> Any:
    """Return the smallest of `lanes` (`CHUNK`,), in which there is no NaN."""
    return _together(lanes, _smaller)


def _added(builder: Any, a: Any, b: Any) -> Any:
    return builder.fadd(a, b)


def _larger(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", b, a), b, a)


def _smaller(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.fcmp_ordered("<", b, a), b, a)


def _over_chunks(row: Any, lanes: Any, start: float, combine: Any) -> Any:
    """Write what combines all chunks of a row; it is kept in registers from one chunk to the next."""

    def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        given, written = (
            context.make_array(t)(context, builder, v) for t, v in zip(signature.args, values, strict=True)
        )
        whole = _chunk_of(context, row)
        found = cgutils.alloca_once_value(builder, ir.Constant(whole, [start] * CHUNK))  # type: ignore[no-untyped-call]
        size = builder.extract_value(given.shape, 0)
        width = ir.Constant(size.type, CHUNK)
        end = builder.mul(builder.sdiv(size, width), width)
        with cgutils.for_range_slice(builder, ir.Constant(size.type, 0), end, width) as (at, _):
            entries = _loaded(context, builder, row, given.data, at)
            builder.store(combine(builder, builder.load(found), entries), found)
        builder.store(builder.load(found), builder.bitcast(written.data, whole.as_pointer()), align=_align(lanes))
        return context.get_dummy_value()

    return types.void(row, lanes), write


def _together(lanes: Any, combine: Any) -> Any:
    def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        whole = _chunk_of(context, lanes)
        array = context.make_array(lanes)(context, builder, values[0])
        found = _loaded(context, builder, lanes, array.data, ir.Constant(ir.IntType(64), 0))
        nothing, half = ir.Constant(whole, ir.Undefined), CHUNK // 2
        while half:
            places = [(i + half) % CHUNK for i in range(CHUNK)]
            other = builder.shuffle_vector(found, nothing, ir.Constant(ir.VectorType(_LANE, CHUNK), places))
            found, half = combine(builder, found, other), half // 2
        return builder.extract_element(found, ir.Constant(_LANE, 0))

    return lanes.dtype(lanes), write


def _chunk_of(context: Any, row: Any) -> Any:
    return ir.VectorType(context.get_value_type(row.dtype), CHUNK)


def _align(row: Any) -> int:
    """Return what a chunk of a row is aligned to, in bytes: one entry of it."""
    size: int = row.dtype.bitwidth // 8
    return size


def _loaded(context: Any, builder: Any, row: Any, data: Any, at: Any) -> Any:
    """Return the chunk of a row that begins at an entry."""
    entries = builder.load(builder.bitcast(builder.gep(data, [at]), _chunk_of(context, row).as_pointer()))
    entries.align = _align(row)
    return entries


def _comparison(row: Any, compare: Any) -> Any:
    def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        array = context.make_array(row)(context, builder, values[0])
        whole, entries = _chunk_of(context, row), _loaded(context, builder, row, array.data, values[1])
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
