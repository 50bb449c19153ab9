"""Asking for memory before it is needed: a hint to the processor, for kernels that read rows at random places.

A core waits for a row that is in no near cache, as what it will read next is known to it only when it gets there. A
kernel knows it earlier, from the indices to come.
"""

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

_LINE = 16
"""Numbers of float32 that a cache loads at once."""


@njit(cache=True, nogil=True, inline="always")
def prefetch_row(array, row, d):  # type: ignore[no-untyped-def]
    """Ask for a row of a table (n, d); a d that the compiler knows makes it a few instructions without a loop."""
    for k in range(0, d, _LINE):
        _prefetch(array, row, k)  # type: ignore[call-arg]  # the compiler adds what it knows of types


@intrinsic
def _prefetch(typing: Any, array: Any, row: Any, column: Any) -> Any:
    """Ask for the line in which an entry of a table lies."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind, whole, read, near, data = signature.args[0], arguments[0], 0, 3, 1
        table = context.make_array(kind)(context, builder, whole)
        entry = cgutils.get_item_pointer(context, builder, kind, table, arguments[1:])  # type: ignore[no-untyped-call]
        place = builder.bitcast(entry, ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        hint = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
        called = cgutils.get_or_insert_function(builder.module, hint, "llvm.prefetch")  # type: ignore[no-untyped-call]
        builder.call(called, [place, number(read), number(near), number(data)])
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp), generate
