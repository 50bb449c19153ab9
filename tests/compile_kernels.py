"""Compiles every kernel in Triton that some calls launch, for a GPU that need not be there, instead of launching it.

Run as a program by `test_triton_compiles`, in a process whose Triton does not interpret; prints their names.
"""

import inspect
from typing import Any

import numpy as np
import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.runtime.jit import JITFunction

TYPES = {
    torch.float32: "*fp32", torch.float64: "*fp64", torch.bfloat16: "*bf16", torch.bool: "*i1", torch.uint8: "*u8",
    torch.int32: "*i32", torch.int64: "*i64",
}  # fmt: skip
TARGET = GPUTarget("cuda", 90, 32)
"""Compute capability 9.0, that of an H100 or H200."""

compiled: set[str] = set()


def compile_instead(kernel: JITFunction, *args: Any, grid: Any, warmup: bool, **given: Any) -> None:
    """Take the place of a launch: compile the kernel for what it was given."""
    options = {name: given.pop(name) for name in ("num_warps", "num_stages") if name in given}
    bound = inspect.signature(kernel.fn).bind(*args, **given).arguments
    fixed = {p.name for p in kernel.params if p.is_constexpr}
    constants = {name: value for name, value in bound.items() if name in fixed}
    signature = {name: "constexpr" if name in fixed else type_of(value) for name, value in bound.items()}
    even = [name for name, value in bound.items() if name not in fixed and divides_by_16(value)]
    attributes = {(kernel.arg_names.index(name),): [["tt.divisibility", 16]] for name in even}
    triton.compile(ASTSource(kernel, signature, constants, attributes), target=TARGET, options=options)
    compiled.add(kernel.__name__)


def type_of(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return TYPES[value.dtype]
    if isinstance(value, float):
        return "fp32"
    return "i32" if -(2**31) <= value < 2**31 else "i64"


def divides_by_16(value: Any) -> bool:
    """Whether a launch would tell the compiler so: of addresses as torch allocates them, and of such numbers."""
    return isinstance(value, torch.Tensor) or value % 16 == 0


def launch_all() -> None:
    from rankbench import triton_product, triton_trial
    from rankbench.rowwise import triton_gaps
    from rankbench.sampling import triton_draw
    from rankbench.scoring import triton_gather, triton_unit

    triton_trial.try_triton(torch.device("cpu"))

    for dtype in (torch.float32, torch.bfloat16):
        query, item_vec = torch.zeros(4, 64), torch.zeros(50, 64, dtype=dtype)
        item, grad = torch.zeros(4, 1000, dtype=torch.int32), torch.zeros(4, 1000)
        triton_gather.forward(query, item_vec, item)
        for in_order in (False, True):
            triton_gather.gradients(query, item_vec, item, grad, True, True, in_order)
    triton_gather.forward_with_cosine(query, torch.zeros(4, dtype=torch.int64), item_vec.float(), item)
    triton_gather.forward(torch.zeros(4, 1), torch.zeros(9, 1), item[:, :1].contiguous())
    triton_unit.gradient(*triton_unit.forward(query), query)
    one, many = torch.zeros(1, dtype=torch.int64), torch.zeros(9, dtype=torch.int32)
    triton_draw.hashes(one, one, 1000)
    for flat in (False, True):
        triton_draw.draw(one, one, one, (one, many, many, many), 2**30, 900, flat, 1000)
    graph = triton_product.Pieces.of(np.array([0, 2]), torch.zeros(2, dtype=torch.int32), torch.zeros(2), one.device)
    triton_product.multiply(graph, query, 0.5, query, 2.0)
    for offset in (None, grad):
        triton_gaps.of_gaps(grad, grad[:, 0].contiguous(), grad[:, 0].contiguous(), offset)


if __name__ == "__main__":
    JITFunction.run = compile_instead
    launch_all()
    print(*compiled)
