"""The part `graph`: LightGCN with two layers, its propagation forward and backward, and whole steps with it.

Baselines: *published* and *plain* propagate with torch's sparse matrices (see `torch_graph`); the whole step beside
the engine's is *plain* of the part `step` with this propagation.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

import torch
from torch import Tensor

from rankbench.data.interactions import Split
from rankbench.speed.clock import Work, by_engine, by_one_thread, by_torch, take_turns
from rankbench.speed.engine import Chosen, EngineStep
from rankbench.speed.results import Measurement, Results, all_in_ms
from rankbench.speed.sizes import Shape
from rankbench.speed.step import baselines_of
from rankbench.speed.torch_graph import plain_product, propagation, published_product

PROPAGATION, STEP = "propagation", "step"

LAYERS = 2
LIGHTGCN = Chosen("backbone", f"lightgcn:layers={LAYERS}")

_INDEX_AND_WEIGHT = 8
"""Bytes of an edge: an int32 neighbour and a float32 weight."""


def measure_graph(
    split: Split, size: str, loss: Chosen, shape: Shape, threads: int, rounds: int
) -> Generator[str, None, Results]:
    """Time LightGCN; yield what is being done, return the results."""
    yield f"{size}: LightGCN propagation and steps against torch's sparse product"
    train, results = split.train, Results()
    engine = EngineStep(split, loss, LIGHTGCN, shape)
    backbone = engine.training.backbone
    tables = [t.detach().clone().requires_grad_() for t in backbone.parameters()]  # (U, d), (I, d)
    published = propagation(published_product(train), LAYERS)
    plain = propagation(plain_product(train), LAYERS)
    ours = there_and_back(backbone, [*backbone.parameters()])
    works: dict[str, Work] = {
        "engine": by_engine(ours),
        "published": by_torch(there_and_back(lambda: published(*tables), tables), threads),
        "plain": by_torch(there_and_back(lambda: plain(*tables), tables), threads),
    }
    if threads > 1:
        works["one thread"] = by_one_thread(ours)
    results.add(*all_in_ms("graph", size, PROPAGATION, take_turns(works, rounds), threads))
    steps: dict[str, Work] = {
        "engine": engine.seconds,
        "plain": baselines_of(engine, loss, shape, threads)["plain"].seconds,
    }
    results.add(*all_in_ms("graph", size, STEP, take_turns(steps, rounds), threads))
    for subject in (PROPAGATION, STEP):
        for of in ("published", "plain", "one thread"):
            results.relate("graph", size, subject, of, "engine")
    _add_bandwidth(results, size, len(train), sum(t.numel() for t in tables), shape.dim, threads)
    return results


def there_and_back(forward: Callable[[], tuple[Tensor, ...]], tables: list[Tensor]) -> Callable[[], None]:
    """Return a propagation and its gradients, with the same gradient of the vectors for all."""
    grads = tuple(torch.ones_like(vec) for vec in forward())

    def work() -> None:
        for table in tables:
            table.grad = None
        torch.autograd.backward(forward(), grads)

    return work


def _add_bandwidth(results: Results, size: str, n_train: int, elements: int, dim: int, threads: int) -> None:
    """Add the bytes a second that the products move, counting a vector for each edge as if none stayed in cache."""
    found = results.find("graph", size, PROPAGATION, "engine")
    if found:
        moved = 2 * LAYERS * (2 * n_train * (_INDEX_AND_WEIGHT + 4 * dim) + 4 * elements)
        rates = (moved / found.median / 1e6, moved / found.best / 1e6, moved / found.worst / 1e6)
        results.add(Measurement("graph", size, "rate", "", "engine", threads, *rates, found.rounds, "GB/s"))
