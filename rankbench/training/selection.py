"""Early stopping: which epoch is best by each validation set, and when to stop looking."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

State = dict[str, Tensor]


@dataclass
class Best:
    """The best epoch by one validation set.

    Args:
        epoch: its number, counted from 1; 0 before the first validation.
        value: its mean validation NDCG@20.
        state: the backbone's parameters then.
        since: validations since then.
    """

    epoch: int = 0
    value: float = -1.0
    state: State = field(default_factory=dict)
    since: int = 0


@dataclass
class Selection:
    """The best epoch by each validation set, all followed in one training.

    A split can have several validation sets (in-distribution and shifted). Each chooses its own epoch, so that the
    report can show both choices, and training goes on while any of them still improves.

    Args:
        patience: validations without a better one after which a set has made its choice; 0: never.
        best: the best epoch by validation set.
    """

    patience: int
    best: dict[str, Best]

    def observe(self, epoch: int, values: dict[str, float], state: State) -> None:
        """Take note of the validation values of an epoch and keep the parameters where one is the best so far."""
        for name, value in values.items():
            best = self.best[name]
            if value > best.value:
                kept = {key: tensor.detach().clone() for key, tensor in state.items()}
                self.best[name] = Best(epoch, value, kept)
            else:
                best.since += 1

    @property
    def done(self) -> bool:
        """Whether no validation set has improved for `patience` validations."""
        return self.patience > 0 and all(best.since >= self.patience for best in self.best.values())

    def to_state(self) -> dict[str, Any]:
        """Return the plain data of a checkpoint."""
        return {name: copy.copy(vars(best)) for name, best in self.best.items()}

    def load(self, saved: dict[str, Any]) -> None:
        """Take over the data of a checkpoint."""
        self.best = {name: Best(**fields) for name, fields in saved.items()}
