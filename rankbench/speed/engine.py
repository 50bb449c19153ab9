"""The engine as it is measured: the real training loop, and its step taken apart into stages."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from rankbench.backbones import Backbone
from rankbench.data.interactions import Split
from rankbench.errors import UserError
from rankbench.evaluation.scorers import InnerProduct
from rankbench.losses import ListLoss, Loss, Scores, VectorLoss
from rankbench.params import Configurable, Value
from rankbench.randomness import key
from rankbench.registry import Kind, find, label, part
from rankbench.scoring import score, similarity
from rankbench.spec import TrainSpec, read_part
from rankbench.speed.clock import Laps
from rankbench.speed.sizes import Shape
from rankbench.training.loop import Training
from rankbench.training.progress import Step
from rankbench.training.step import backward

_WITHOUT_END = 10**9
"""Epochs of a training that is only timed, and epochs until it would validate."""

_BLOCK_SECONDS, _LARGEST_BLOCK = 0.15, 64


@dataclass(frozen=True)
class Chosen:
    """A loss or backbone with its parameters: a name that one types, so that another process can look it up too.

    Args:
        kind: what it is.
        text: such as `softmax:tau=0.2`.
    """

    kind: Kind
    text: str

    @property
    def label(self) -> str:
        """What one types at least, default values left out; raises UserError for what does not exist."""
        return label(self._owner(), part(self.kind, self.text))

    def loss(self) -> Loss:
        """Return a fresh loss; raise UserError for one that no plain torch baseline is written for."""
        loss = cast(Loss, self._made())
        if isinstance(loss, ListLoss | VectorLoss):
            raise UserError(
                f"{self.label} sees no sampled negatives, which is what speed is measured with.",
                f"`rankbench check {self.label}` times its step beside that of the softmax of its kind.",
            )
        return loss

    def backbone(self) -> Backbone:
        """Return a fresh backbone."""
        return cast(Backbone, self._made())

    def _owner(self) -> type[Configurable]:
        return find(self.kind, read_part(self.text)[0])

    def _made(self) -> Configurable:
        return self._owner()(**dict(part(self.kind, self.text).params))


def train_spec(shape: Shape, **others: Value) -> TrainSpec:
    """Return how a timed training is trained: without end, without validation, and with other values if given."""
    values: dict[str, Any] = {
        **others,
        "batch_size": shape.batch_size,
        "negatives": shape.negatives,
        "dim": shape.dim,
        "epochs": _WITHOUT_END,
        "eval_every": _WITHOUT_END,
    }
    return TrainSpec(**values)


class Steps:
    """A training whose steps are taken one by one.

    Args:
        training: the training; its epochs should not end while it is timed.
        label: what is trained, for the message if it diverges.
    """

    def __init__(self, training: Training, label: str) -> None:
        self.training, self.label = training, label
        self._events = training.run()
        self._block = 1

    def advance(self) -> None:
        """Take one step of the training loop; raise UserError if the training has diverged."""
        for event in self._events:
            if isinstance(event, Step):
                return
        raise UserError(f"{self.label} diverged while it was timed.", "Time it with other parameters.")

    def seconds(self) -> float:
        """Take a block of steps and return the seconds a step.

        The first step of a block is not timed: its negatives were drawn while others had their turn.
        """
        self.advance()
        started = time.perf_counter()
        for _ in range(self._block):
            self.advance()
        each = (time.perf_counter() - started) / self._block
        self._block = int(min(max(_BLOCK_SECONDS / each, 1), _LARGEST_BLOCK))
        return each


class EngineStep(Steps):
    """The training of a loss on sampled negatives, taken step by step and stage by stage.

    Args:
        split: the data.
        loss, backbone: what is trained.
        shape: B, N and d.
    """

    def __init__(self, split: Split, loss: Chosen, backbone: Chosen, shape: Shape) -> None:
        training = Training(
            split, loss.loss(), backbone.backbone(), train_spec(shape), seed=0, device=torch.device("cpu")
        )
        super().__init__(training, loss.label)
        self.shape = shape
        self._count = 0

    def batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return random train interactions: their rows (B,), users (B,) and positives (B,), int64."""
        self._count += 1
        train = self.training.split.train
        row = np.random.default_rng(self._count).integers(len(train), size=self.shape.batch_size)  # (B,)
        user, pos = train.users[row].astype(np.int64), train.items[row].astype(np.int64)  # (B,), (B,)
        return torch.from_numpy(row), torch.from_numpy(user), torch.from_numpy(pos)

    def draw(self, row: Tensor, user: Tensor, pos: Tensor) -> Tensor:
        """Return negatives (B, N) int32 of a batch."""
        return self.training.sampler.draw(key(1, "negatives"), row, user, pos, self.shape.negatives)

    def vectors(self, user: Tensor) -> tuple[Tensor, Tensor]:
        """Return the vectors of users (B, d) and of all items (I, d) whose inner product is the score."""
        user_raw, item_raw = self.training.backbone()  # (U, d), (I, d)
        scored = InnerProduct.of(self.training.loss.score, user_raw.index_select(0, user), item_raw)
        return scored.user_vec, scored.item_vec

    def stages(self, laps: Laps) -> Tensor:
        """Take a step stage by stage and return the mean loss ().

        `score`, `loss` and `backward` are taken one after the other here; the training loop does the three of them
        piece by piece in the cache where a loss allows it, which is the stage `together`.
        """
        training, (row, user, pos) = self.training, self.batch()
        training.optimiser.zero_grad(set_to_none=True)
        laps.start()
        neg = self.draw(row, user, pos)  # (B, N)
        laps.lap("sample")
        query, item_vec = self.vectors(user)  # (B, d), (I, d)
        laps.lap("vectors")
        pos_score, neg_score = score(query, item_vec, pos, neg)  # (B,), (B, N)
        laps.lap("score")
        scores = Scores(
            pos_score,
            neg_score,
            user,
            pos,
            neg,
            measure_similarity=lambda: similarity(item_vec, pos, neg),
            log_q=lambda item: training.sampler.log_probability(user, item),
        )
        value: Tensor = training.loss(scores).mean()  # ()
        laps.lap("loss")
        torch.autograd.backward(value)
        laps.lap("backward")
        training.optimiser.zero_grad(set_to_none=True)
        query, item_vec = self.vectors(user)  # (B, d), (I, d)
        laps.start()
        backward(training.loss, query, item_vec, user, pos, neg, training.sampler.log_probability)
        laps.lap("together")
        training.optimiser.step()
        laps.lap("optimiser")
        return value.detach()
