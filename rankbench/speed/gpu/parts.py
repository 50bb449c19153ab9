"""The parts that are measured on a GPU, by name."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from rankbench.data.interactions import Split
from rankbench.speed.gpu.others import measure_evaluation, measure_graph, measure_sampling
from rankbench.speed.gpu.step import measure_step
from rankbench.speed.results import Results

if TYPE_CHECKING:
    from rankbench.speed.benchmark import Request

GPU_PARTS = ("step", "evaluate", "sampling", "graph")


def measure_on_gpu(part: str, split: Split, size: str, request: Request) -> Generator[str, None, Results]:
    """Measure a part on the device of a request; yield what is being done, return the results."""
    device, losses, shape, rounds = request.device, request.losses, request.shape, request.rounds
    if part == "evaluate":
        return (yield from measure_evaluation(device, split, size, shape.dim, rounds))
    if part == "sampling":
        return (yield from measure_sampling(device, split, size, shape, rounds))
    if part == "graph":
        return (yield from measure_graph(device, split, size, losses[0], shape, rounds))
    return (yield from measure_step(device, split, size, losses, request.backbone, shape, rounds))
