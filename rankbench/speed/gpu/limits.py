"""What the card gives at best, measured in the same run: matrix products in two precisions, and a large copy."""

from __future__ import annotations

import torch

from rankbench.speed.clock import Timing
from rankbench.speed.gpu.clock import replayed
from rankbench.speed.results import Measurement

_GEMM, _COPIED = 8192, 2**28
"""Rows and columns of the matrices, and numbers copied, on a GPU: large enough for full rates, a GiB for each copy."""

_SMALL = 16
"""On a CPU, where only the code is tried, both are so many times smaller; numbers copied so many times squared."""


def limits(device: torch.device, rounds: int) -> list[Measurement]:
    """Return the best rates of products in float32 and bfloat16 (GFLOP/s) and of copying (GB/s, read and written)."""
    gpu = device.type == "cuda"
    n, copied = (_GEMM, _COPIED) if gpu else (_GEMM // _SMALL, _COPIED // _SMALL**2)
    generator = torch.Generator(device).manual_seed(0)
    left, right = torch.randn(2, n, n, device=device, generator=generator)  # (n, n) each: zeros would be faster
    source = torch.randn(copied, device=device, generator=generator)  # (numbers,)
    target, out = torch.empty_like(source), torch.empty_like(left)
    half = [m.bfloat16() for m in (left, right, out)]
    return [
        as_limit("matrix product", replayed(device, lambda: torch.mm(left, right, out=out), rounds), 2 * n**3),
        as_limit("bfloat16 product", replayed(device, lambda: torch.mm(*half[:2], out=half[2]), rounds), 2 * n**3),
        as_limit("copy", replayed(device, lambda: target.copy_(source), rounds), 2 * 4 * copied),
    ]


def as_limit(subject: str, timing: Timing, amount: float) -> Measurement:
    """Return a limit as a measurement: the best round counts."""
    unit = "GB/s" if subject == "copy" else "GFLOP/s"
    best = amount / timing.fastest / 1e9
    return Measurement(
        "limits", "", subject, "", "engine", 0, best, best, amount / timing.slowest / 1e9, timing.rounds, unit
    )
