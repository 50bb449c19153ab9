"""What a training reports while it runs: events that the command line draws."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """Progress within an epoch: `done` of `total` interactions of epoch `epoch` (from 1) of `epochs`."""

    epoch: int
    epochs: int
    done: int
    total: int


@dataclass(frozen=True)
class EpochEnd:
    """The end of an epoch: mean loss (None without one), seconds, and the validation NDCG@20 by set where measured."""

    epoch: int
    loss: float | None
    valid: dict[str, float]
    train_seconds: float
    valid_seconds: float


@dataclass(frozen=True)
class Notice:
    """Something about a training that its user should know, in a sentence or two."""

    text: str
