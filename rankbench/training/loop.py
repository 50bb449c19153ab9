"""The one training loop. It yields its progress and returns what the trained model scores by; it prints nothing."""

from __future__ import annotations

import copy
import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from rankbench import parallel
from rankbench.backbones import Backbone, RowBackbone
from rankbench.data.interactions import Split
from rankbench.device import require_memory
from rankbench.evaluation.evaluate import validate
from rankbench.evaluation.scorers import InnerProduct, Scorer, scorer_of
from rankbench.evaluation.tie_order import TieOrder
from rankbench.losses import Epoch, ListLoss, Loss
from rankbench.randomness import key, permutation
from rankbench.sampling import WeightedNegatives, sampler_of
from rankbench.scoring import products
from rankbench.spec import TrainSpec
from rankbench.tables.form import FULL
from rankbench.tables.placing import place_tables
from rankbench.tables.usage import Usage, usage_of_tables
from rankbench.training.adam import Adam
from rankbench.training.batches import batches_of
from rankbench.training.capture import CudaGraphs
from rankbench.training.checkpoint import Checkpoint
from rankbench.training.memory import bytes_of
from rankbench.training.progress import EpochEnd, Notice, Step
from rankbench.training.resident import Resident
from rankbench.training.selection import Best, Selection

_AHEAD = 2
"""Batches that are drawn ahead: one to go on with, and one so that a free thread has something to do meanwhile."""


@dataclass
class Trained:
    """What a training ends with.

    Args:
        scorers: by validation set, the model of the epoch that it chose.
        best: by validation set, the epoch that it chose and its value.
        curve: every epoch.
        diverged: why training stopped early with a loss or parameters that are not finite; empty when it did not.
        tables: the embedding tables of users and items, where the backbone has such.
    """

    scorers: dict[str, Scorer]
    best: dict[str, Best]
    curve: list[EpochEnd]
    diverged: str = ""
    tables: dict[str, Usage] = field(default_factory=dict)


@dataclass
class Training:
    """One training: data, model, optimiser and everything that a checkpoint holds.

    Args:
        split: the data; validation reads `split.valids`, nothing reads `split.tests`.
        loss, backbone: fresh, not yet bound.
        spec: how to train.
        seed: the seed that every random number is a function of.
        device: where to train.
        checkpoint: the file to save progress in and to resume from, if any.
    """

    split: Split
    loss: Loss
    backbone: Backbone
    spec: TrainSpec
    seed: int
    device: torch.device
    checkpoint: Path | None = None
    curve: list[EpochEnd] = field(default_factory=list)

    def __post_init__(self) -> None:
        train, spec = self.split.train, self.spec
        generator = torch.Generator().manual_seed(key(self.seed, "init") >> 1)
        if isinstance(self.backbone, RowBackbone):
            self.backbone.cosine = self.loss.score == "cosine"
        self.backbone.bind(train, spec.dim, spec.init, generator)
        place_tables(self.backbone, spec, train, self.seed)
        self.loss.bind(train, key(self.seed, "loss") >> 1)
        every = [*self.backbone.parameters(), *self.loss.parameters()]
        scored = train.n_items if isinstance(self.loss, ListLoss) else spec.negatives
        needed = bytes_of(every, len(train), len(self.split.valids), spec, scored)
        require_memory(self.device, needed, "This training")
        self.backbone.to(self.device)
        self.loss.to(self.device)
        parameters = [*self.backbone.parameters(), *self.loss.parameters()]
        cuda = self.device.type == "cuda"
        self.optimiser = Adam(parameters, spec.lr, spec.weight_decay, capturable=cuda)
        self.selection = Selection(spec.patience, {name: Best() for name in self.split.valids})
        self.sampler = sampler_of(train, spec.sampler, spec.sampler_exponent, self.split.false_negatives)
        self.batches = batches_of(self.loss, train, self.sampler, spec, self.seed, self.device)
        self.uniform = WeightedNegatives.uniform(train)
        self.ties = TieOrder.seeded(self.seed, train.n_items) if spec.item_table != FULL else None
        self.resident = Resident(self, CudaGraphs(self.device)) if cuda else None

    def run(self) -> Generator[Step | EpochEnd | Notice, None, Trained]:
        """Train until the last epoch or until validation stops improving; yield progress, return the result."""
        if not self.checkpoint:
            return (yield from self._epochs(None))
        with Checkpoint(self.checkpoint, self) as saved:
            saved.resume()
            return (yield from self._epochs(saved))

    def _epochs(self, saved: Checkpoint | None) -> Generator[Step | EpochEnd | Notice, None, Trained]:
        for epoch in range(len(self.curve), self.spec.epochs):
            if self.selection.done:
                break
            started = time.perf_counter()
            mean_loss = yield from self.epoch(epoch)
            trained = time.perf_counter()
            if not math.isfinite(mean_loss):
                return self._result(f"the loss became {mean_loss} in epoch {epoch + 1}")
            valid = self._validate(epoch + 1)
            end = EpochEnd(epoch + 1, mean_loss, valid, trained - started, time.perf_counter() - trained)
            self.curve.append(end)
            if saved:
                saved.save()
            yield end
        return self._result()

    def vectors(self) -> tuple[Tensor, Tensor]:
        """Return the user and item vectors whose inner product is the score."""
        scored = InnerProduct.of(self.loss.score, *self.backbone())
        return scored.user_vec, scored.item_vec

    def epoch(self, epoch: int) -> Generator[Step | Notice, None, float]:
        """Take one pass over the rows, train interactions or users, and return the mean loss."""
        self._refresh(epoch)
        if self.resident:
            return (yield from self.resident.epoch(epoch))
        total = torch.zeros((), dtype=torch.float64, device=self.device)  # ()
        done, size = 0, self.batches.size
        for number, batch in enumerate(self._batches(epoch)):
            total += self.step(batch, key(self.seed, "backbone", epoch, number)) * len(batch[0])
            done += len(batch[0])
            yield Step(epoch + 1, self.spec.epochs, done, size)
        return float(total) / size

    def step(self, batch: tuple[Tensor, ...], drawn: int) -> Tensor:
        """Take the step of a batch and return its loss (); `drawn` is the key of the step's random numbers."""
        self.optimiser.zero_grad(set_to_none=True)
        if isinstance(self.backbone, RowBackbone):
            value = self.batches.backward_rows(self.loss, self.backbone, batch, drawn)  # ()
        else:
            value = self._differentiate(batch, drawn)  # ()
        self.optimiser.step()
        return value

    def _differentiate(self, batch: tuple[Tensor, ...], drawn: int) -> Tensor:
        """Add the gradients of loss and penalty, in one pass back through the backbone, and return their sum ().

        Of the users only those of the batch are normalised: few of all users are in one.
        """
        user_raw, item_raw, penalty = self.backbone.step(self.batches.seen(batch, drawn))  # (U, d), (I, d), ()
        scored = InnerProduct.of(self.loss.score, user_raw.index_select(0, batch[0]), item_raw)
        if penalty is None:
            return self.batches.backward(self.loss, scored.user_vec, scored.item_vec, batch)  # ()
        vectors = [scored.user_vec, scored.item_vec]  # (B, d), (I, d)
        query, item_vec = (vec.detach().requires_grad_() for vec in vectors)  # (B, d), (I, d)
        value = self.batches.backward(self.loss, query, item_vec, batch)  # ()
        torch.autograd.backward([*vectors, penalty], [query.grad, item_vec.grad, None])
        total: Tensor = value + penalty.detach()  # ()
        return total

    def _batches(self, epoch: int) -> Iterator[tuple[Tensor, ...]]:
        """Yield the batches of an epoch; the next ones are drawn during the current."""
        size, B = self.batches.size, self.spec.batch_size
        order = permutation(key(self.seed, "shuffle", epoch), size)  # (rows,)
        rows = [order[start : start + B] for start in range(0, size, B)]  # (B,) each, fewer in the last
        drawn = deque(parallel.ahead(self.batches.draw, epoch, row) for row in rows[:_AHEAD])
        for number in range(len(rows)):
            batch = drawn.popleft()()
            if number + _AHEAD < len(rows):
                drawn.append(parallel.ahead(self.batches.draw, epoch, rows[number + _AHEAD]))
            yield batch

    @torch.no_grad()
    def _refresh(self, epoch: int) -> None:
        drawn = key(self.seed, "refresh", epoch)

        def draw(user: Tensor) -> Tensor:
            return self.uniform.draw(drawn, user, user, user, self.spec.negatives)  # (b, N)

        self.loss.refresh(Epoch(epoch, self.split.train, draw, self._score_items()))

    def _score_items(self) -> Callable[[Tensor, Tensor], Tensor]:
        """Return the function of users (b,) and items (b, M) that gives their scores (b, M)."""
        backbone = self.backbone
        if isinstance(backbone, RowBackbone):
            return lambda user, item: backbone.score(user, item.long(), self.split.train)  # (b, M)
        user_vec, item_vec = self.vectors()  # (U, d), (I, d)
        return lambda user, item: products(user_vec[user], item_vec, item.to(torch.int32))  # (b, M)

    @torch.no_grad()
    def _validate(self, epoch: int) -> dict[str, float]:
        if epoch % self.spec.eval_every and epoch != self.spec.epochs:
            return {}
        scorer = scorer_of(self.backbone, self.split, self.loss.score, self.ties)
        values = {name: validate(scorer, self.split, name) for name in self.split.valids}
        self.selection.observe(epoch, values, self.backbone.state_dict())
        return values

    @torch.no_grad()
    def _result(self, diverged: str = "") -> Trained:
        scorers: dict[str, Scorer] = {}
        for name, best in self.selection.best.items():
            if best.state:
                self.backbone.load_state_dict(best.state)
                scorers[name] = self._kept()
        tables = usage_of_tables(self.backbone, self.split.train)
        return Trained(scorers, self.selection.best, self.curve, diverged, tables)

    def _kept(self) -> Scorer:
        """Return the model as it is now, for good."""
        if isinstance(self.backbone, RowBackbone):
            return scorer_of(copy.deepcopy(self.backbone), self.split, self.loss.score, self.ties)
        user_vec, item_vec = self.vectors()  # (U, d), (I, d)
        return InnerProduct(user_vec.clone(), item_vec.clone(), self.ties)
