"""The smallest kernel in Triton: whether it can be compiled and computes what it should."""

import torch
import triton
import triton.language as tl

_N = 16


@triton.jit
def _double(x, out, N: tl.constexpr):
    place = tl.arange(0, N)  # (N,)
    tl.store(out + place, tl.load(x + place) * 2)


def try_triton(device: torch.device) -> str:
    """Return what is wrong with Triton on a device; empty if nothing. Raises what Triton raises."""
    x = torch.arange(_N, dtype=torch.float32, device=device)  # (N,)
    out = torch.empty_like(x)  # (N,)
    _double[(1,)](x, out, N=_N)
    return "" if torch.equal(out, 2 * x) else "a kernel in Triton computed something else than it should"
