"""The stages of a step on a GPU, each replayed alone, with the bytes and operations that it must do at least."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rankbench.device import uses_triton
from rankbench.scoring import cuda, plain
from rankbench.scoring.unit import unit
from rankbench.speed.gpu.clock import replayed
from rankbench.speed.results import Results, as_rate, in_ms
from rankbench.speed.sizes import Shape
from rankbench.training.loop import Training

ACHIEVED, ROUTES = "achieved", "routes"
"""Parts of the results: rates of stages, and times of the ways to compute scores and their gradients."""


@dataclass(frozen=True)
class _Stage:
    """A stage: its work, and what it must move from or to memory or the second cache (bytes) and compute (FLOP)."""

    name: str
    work: Callable[[], object]
    moved: float
    computed: float


def measure_stages(
    device: torch.device, training: Training, size: str, label: str, shape: Shape, rounds: int
) -> Generator[str, None, Results]:
    """Time the stages of a step of a training; yield what is being done, return the results."""
    yield f"{size}: stages of {label}"
    results = Results()
    for stage in _stages(training, shape):
        timing = replayed(device, stage.work, rounds)
        results.add(in_ms("stages", size, label, "engine", 0, timing, stage.name))
        for amount, unit_ in ((stage.moved, "GB/s"), (stage.computed, "GFLOP/s")):
            if amount:
                found = as_rate(ACHIEVED, size, label, unit_, 0, timing, amount / 1e9, unit_)
                results.add(replace(found, stage=stage.name))
    yield f"{size}: routes of scores"
    for name, work in _routes(training, shape).items():
        results.add(in_ms(ROUTES, size, "scores", name, 0, replayed(device, work, rounds)))
    return results


def _stages(training: Training, shape: Shape) -> list[_Stage]:
    """Return the stages; a vector that a negative needs counts as moved, though most come from the second cache."""
    B, N, d = shape.batch_size, shape.negatives, shape.dim
    user, pos, neg, query, item_vec, grad = _inputs(training, shape)
    key = torch.zeros((), dtype=torch.int64, device=neg.device)  # ()
    row = torch.arange(B, device=neg.device) % training.batches.size  # (B,)
    parameters = list(training.backbone.parameters())
    trained, gathered = sum(p.numel() for p in parameters), B * N * d
    table = torch.cat([query.detach(), item_vec.detach()])  # (B + I, d)
    for p in parameters:
        p.grad = torch.zeros_like(p)
    return [
        _Stage("sample", lambda: training.sampler.draw(key, row, user, pos, N), 4 * B * N, 0),
        _Stage("vectors", lambda: unit(table), 2 * 4 * table.numel(), 3 * table.numel()),
        _Stage("score", lambda: cuda.products(query, item_vec, neg), 4 * gathered + 8 * B * N, 2 * gathered),
        _Stage("backward", lambda: _backward(cuda.products, query, item_vec, neg, grad), 16 * gathered, 6 * gathered),
        _Stage("optimiser", training.optimiser.step, 7 * 4 * trained, 12 * trained),
    ]


def _routes(training: Training, shape: Shape) -> dict[str, Callable[[], object]]:
    """Return each way to compute scores and their gradients; those in Triton only where it runs."""
    _, _, neg, query, item_vec, grad = _inputs(training, shape)
    ways = {"dense": cuda.dense, "plain": plain.products}
    if uses_triton(neg.device):
        ways = {"gather": cuda.gathered, **ways}

    def timed(way: Callable[..., Tensor]) -> Callable[[], object]:
        return lambda: _backward(way, query, item_vec, neg, grad)

    return {name: timed(way) for name, way in ways.items()}


def _inputs(training: Training, shape: Shape) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return a batch (B,), (B,), (B, N), queries (B, d), item vectors (I, d) and gradients of scores (B, N)."""
    key = torch.zeros((), dtype=torch.int64, device=training.device)  # ()
    row = torch.arange(shape.batch_size, device=training.device) % training.batches.size  # (B,)
    user, pos, neg = training.batches.draw_there(key, row)  # (B,), (B,), (B, N)
    with torch.no_grad():
        user_vec, item_vec = training.vectors()  # (U, d), (I, d)
    query = user_vec[user].detach().clone().requires_grad_()  # (B, d)
    grad = torch.randn(neg.shape, device=neg.device)  # (B, N)
    return user, pos, neg, query, item_vec.detach().clone().requires_grad_(), grad


def _backward(way: Callable[..., Tensor], query: Tensor, item_vec: Tensor, item: Tensor, grad: Tensor) -> object:
    return torch.autograd.grad(way(query, item_vec, item), (query, item_vec), grad)
