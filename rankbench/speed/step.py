"""The part `step`: whole training steps and their stages, engine against baselines.

The whole step is that of the real training loop, drawing included. The first loss is timed against *published* and
*plain*, the other losses against the first in the same engine, and the engine against itself with one thread.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from rankbench.backbones import Backbone
from rankbench.backbones.lightgcn import LightGCN
from rankbench.backbones.mf import MF
from rankbench.data.interactions import Interactions, Split
from rankbench.speed.clock import Laps, Work, engine_has, take_turns, timed, torch_has
from rankbench.speed.engine import Chosen, EngineStep, train_spec
from rankbench.speed.results import Measurement, Results, all_in_ms, in_ms
from rankbench.speed.sizes import Shape
from rankbench.speed.torch_graph import plain_product, propagation, published_product
from rankbench.speed.torch_step import Plain, Propagate, Published, TorchStep, unpropagated

STAGES = ("sample", "vectors", "score", "loss", "backward", "together", "optimiser")
"""The stages of a step; `together` is score, loss and backward as the training loop does them."""

BANDWIDTH = "optimiser bandwidth"
"""The stage by which goes what Adam must read and write at least a second."""

CPU = torch.device("cpu")

BASELINES: dict[str, type[TorchStep]] = {"published": Published, "plain": Plain}


@dataclass
class BaselineStep:
    """A baseline that takes its steps on the batches of an engine.

    Args:
        step: the baseline.
        engine: where batches come from.
        threads: torch's threads.
    """

    step: TorchStep
    engine: EngineStep
    threads: int
    laps: Laps = field(default_factory=Laps)

    def seconds(self) -> float:
        """Take a step and return its seconds; the negatives are drawn before."""
        row, user, pos = self.engine.batch()
        neg = self.engine.draw(row, user, pos).long()  # (B, N)
        with torch_has(self.threads):
            return timed(lambda: self.step.step(user, pos, neg, self.laps))


def measure_step(
    split: Split, size: str, losses: Sequence[Chosen], backbone: Chosen, shape: Shape, threads: int, rounds: int
) -> Generator[str, None, Results]:
    """Time whole steps and stages on a split; yield what is being done, return the results."""
    results = Results()
    engines = [EngineStep(split, loss, backbone, shape) for loss in losses]
    first = engines[0]
    yield f"{size}: steps of {first.label} against published and plain torch"
    baselines = baselines_of(first, losses[0], shape, threads)
    works: dict[str, Work] = {name: b.seconds for name, b in baselines.items()}
    timings = take_turns({**_engine_works(first, threads), **works}, rounds)
    results.add(*all_in_ms("step", size, first.label, timings, threads))
    _stages(results, size, first, threads, rounds)
    for name, baseline in baselines.items():
        for stage, timing in baseline.laps.timings(timings[name].rounds).items():
            results.add(in_ms("stages", size, first.label, name, threads, timing, stage))
    for engine in engines[1:]:
        yield f"{size}: steps of {engine.label} against {first.label}"
        both = {"engine": engine.seconds, first.label: first.seconds}
        results.add(*all_in_ms("step", size, engine.label, take_turns(both, 2 * rounds), threads))
        results.relate("step", size, engine.label, "engine", first.label)
        _stages(results, size, engine, threads, rounds)
    for of in ("published", "plain", "one thread"):
        results.relate("step", size, first.label, of, "engine")
    for stage in STAGES:
        for of in baselines:
            results.relate("stages", size, first.label, of, "engine", stage)
    return results


def baselines_of(engine: EngineStep, loss: Chosen, shape: Shape, threads: int) -> dict[str, BaselineStep]:
    """Return the baselines by name, starting from the engine's embeddings; none for a backbone of one's own."""
    backbone, train = engine.training.backbone, engine.training.split.train
    found: dict[str, BaselineStep] = {}
    for name, kind in BASELINES.items():
        propagate = propagation_of(name, backbone, train)
        if propagate:
            fresh = loss.loss()
            fresh.bind(train, engine.training.seed)
            user, item = tables_of(backbone)  # (U, d), (I, d)
            found[name] = BaselineStep(kind(user, item, fresh, train_spec(shape), propagate), engine, threads)
    return found


def tables_of(backbone: Backbone) -> tuple[Tensor, Tensor]:
    """Return the embeddings (U, d) and (I, d) of a backbone that has a baseline."""
    if isinstance(backbone, MF | LightGCN):
        return backbone.user, backbone.item  # (U, d), (I, d)
    raise TypeError(f"no baseline knows the parameters of {type(backbone).__name__}")


def propagation_of(name: str, backbone: Backbone, train: Interactions, device: torch.device = CPU) -> Propagate | None:
    """Return what a baseline does in the place of a backbone, None for one that it does not know."""
    if isinstance(backbone, MF):
        return unpropagated
    if isinstance(backbone, LightGCN):
        product = published_product if name == "published" else plain_product
        return propagation(product(train, device), backbone.layers)
    return None


def _engine_works(engine: EngineStep, threads: int) -> dict[str, Work]:
    def with_one() -> float:
        with engine_has(1):
            return engine.seconds()

    return {"engine": engine.seconds, **({"one thread": with_one} if threads > 1 else {})}


def _stages(results: Results, size: str, engine: EngineStep, threads: int, rounds: int) -> None:
    """Add the stages of the engine's step: of twice as many rounds as others have, since they are short."""
    laps = Laps()
    for _ in range(2 * rounds + 1):
        engine.stages(laps)
    for stage, timing in laps.timings(2 * rounds).items():
        results.add(in_ms("stages", size, engine.label, "engine", threads, timing, stage))
    adam = results.find("stages", size, engine.label, "engine", "optimiser")
    if adam:
        trained = sum(p.numel() for p in engine.training.backbone.parameters())
        moved = 7 * 4 * trained  # parameter, gradient and two moments are read, all but the gradient written
        rates = (moved / adam.median / 1e6, moved / adam.best / 1e6, moved / adam.worst / 1e6)
        found = Measurement("stages", size, engine.label, BANDWIDTH, "engine", threads, *rates, adam.rounds, "GB/s")
        results.add(found)
