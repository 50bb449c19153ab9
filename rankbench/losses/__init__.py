"""Ranking losses: what a loss sees (`Scores`, `Lists`, `Vectors`, `Epoch`) and what it is. One file here is one loss.

A `Loss` sees scores of positives and sampled negatives, a `ListLoss` the scores of all items for some users, a
`VectorLoss` the vectors of some positive pairs. None sees the model: it gathers nothing, knows no optimiser and takes
no step. `d_j = s_j - s_i` below is the score of negative j minus the score of the positive, so a negative `d_j` is a
well-ordered pair.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple

from torch import Tensor, nn

from rankbench.data.interactions import Interactions
from rankbench.lazy import lazy
from rankbench.params import Configurable, Value, param

__all__ = [
    "Epoch",
    "ListLoss",
    "Lists",
    "LogSumExp",
    "Loss",
    "Scores",
    "VectorLoss",
    "Vectors",
    "param",
    "says_its_exponent",
]


@dataclass
class Scores:
    """The scores of one batch of B positives with N negatives each.

    Args:
        pos: (B,) float, score of the positive; carries gradients.
        neg: (B, N) float, scores of the negatives; carries gradients.
        user: (B,) int64, the user of each example.
        pos_item: (B,) int64, the positive item.
        neg_item: (B, N) int32, the negative items.
        measure_similarity: computes `similarity` when a loss asks for it, anew each time and into memory of its own.
        log_q: `log_q(item)` gives the log-probability (B, M) of a draw to be each of the items (B, M) of an example.
        measured: what the loss's `settle` returned for the whole batch, one row an example, when these scores are a
            piece of it; None when they are the whole batch and nothing has been measured yet.
        rows: which rows of the batch these scores are.
        kept: what a loss has found out in `measure` and needs again in `forward`; the loss fills it.
    """

    pos: Tensor
    neg: Tensor
    user: Tensor
    pos_item: Tensor
    neg_item: Tensor
    measure_similarity: Callable[[], Tensor]
    log_q: Callable[[Tensor], Tensor]
    measured: Tensor | None = None
    rows: slice = field(default_factory=lambda: slice(None))
    kept: dict[str, Tensor] = field(default_factory=dict)

    @lazy
    def similarity(self) -> Tensor:
        """(B, N) cosine of the item vectors of the positive and each negative, detached; computed on first use."""
        return self.measure_similarity()


class LogSumExp(NamedTuple):
    r"""What a loss $\log \sum_j e^{\beta_b d_j + o_j}$ consists of.

    Args:
        sharpness: $\beta$, one number or (B,) float without gradients.
        offset: (B, N) float without gradients, the $o_j$; None for 0.
    """

    sharpness: Tensor | float
    offset: Tensor | None = None


@dataclass
class Lists:
    """The scores of all items for one batch of B users, each of whom has a train item.

    Args:
        score: (B, I) float; carries gradients.
        relevant: (B, I) bool, the train items of each user.
        user: (B,) int64, the users.
    """

    score: Tensor
    relevant: Tensor
    user: Tensor


@dataclass
class Vectors:
    """The vectors of one batch of B positive pairs, normalised where the loss's score is the cosine.

    Args:
        user_vec: (B, d) float, user of each example; carries gradients.
        item_vec: (B, d) float, positive of each example; carries gradients.
        catalogue: (I, d) float, all items; carries gradients.
        user: (B,) int64, the user of each example.
        item: (B,) int64, the positive item.
    """

    user_vec: Tensor
    item_vec: Tensor
    catalogue: Tensor
    user: Tensor
    item: Tensor


@dataclass(frozen=True)
class Epoch:
    """What a loss may look at between two epochs; nothing in it carries gradients.

    Args:
        number: the epoch about to begin, from 0.
        train: the train interactions.
        draw: `draw(user)` gives (b, N) int32 fresh negatives of the users (b,) int64, uniform whatever the sampler.
        score: `score(user, item)` gives the (b, M) scores of the items (b, M), int32 or int64.
    """

    number: int
    train: Interactions
    draw: Callable[[Tensor], Tensor]
    score: Callable[[Tensor, Tensor], Tensor]


class Loss(Configurable, nn.Module, ABC):
    """A ranking loss: `forward` returns one value per example, whose mean is minimised.

    Class attributes:
        family: losses of one kind, such as "softmax" or "listwise".
        score: "cosine" (vectors are normalised first, in training and in evaluation) or "dot".
        provenance: "paper", or "reading" for our reading of a paper whose formulas are not known to us.
        paper: the source.
        recipe: the `TrainSpec` values that the loss is trained with unless others are asked for.
    """

    family: ClassVar[str] = ""
    score: ClassVar[Literal["cosine", "dot"]] = "cosine"
    provenance: ClassVar[Literal["paper", "reading"]] = "paper"
    paper: ClassVar[str] = ""
    recipe: ClassVar[Mapping[str, Value]] = {}

    def __init__(self, **values: Value) -> None:
        nn.Module.__init__(self)
        Configurable.__init__(self, **values)

    def bind(self, train: Interactions, seed: int) -> None:
        """Create the buffers that depend on the data; called once before training.

        Args:
            train: the train interactions.
            seed: what to seed the loss's own randomness with.
        """

    def refresh(self, epoch: Epoch) -> None:
        """Update state between epochs; called without gradients before each epoch."""

    @property
    def divisible(self) -> bool:
        """Whether a batch may be given in pieces of rows, which is faster.

        It may if the loss of an example depends on its own row only, or on other rows through `measure` alone, and if
        `forward` moves no state but by `settled`. False unless a loss says otherwise, with `divisible = True`.
        """
        return False

    def measure(self, s: Scores) -> Tensor | None:
        """Return what the whole batch must know of each example (B, ...), which is detached then; None for nothing.

        It moves no state. What `forward` goes on with, also with gradients, it may put into `s.kept`.
        """
        return None

    def settle(self, user: Tensor, pos_item: Tensor, measured: Tensor) -> Tensor:
        """Return what each example is to know of the whole batch (B, ...), in training with the state moved.

        Called once a batch, between `measure` and `forward`. A new state is stored only in training, which is where
        `self.training and torch.is_grad_enabled()`.

        Args:
            user: (B,) int64, the user of each example.
            pos_item: (B,) int64, the positive item.
            measured: (B, ...), what `measure` returned.
        """
        return measured

    def settled(self, s: Scores) -> Tensor:
        """Return what the examples know of their batch (B, ...); `forward` of a loss that measures asks for it once."""
        if s.measured is not None:
            return s.measured[s.rows]  # (B, ...)
        measured = self.measure(s)
        if measured is None:
            raise TypeError(f"{type(self).__name__} measures nothing that could be settled.")
        return self.settle(s.user, s.pos_item, measured.detach())  # (B, ...)

    def as_log_sum_exp(self, s: Scores) -> LogSumExp | None:
        r"""Return $\beta$ and $o$ of a loss that is $\log \sum_j e^{\beta_b d_j + o_j}$ as it stands, else None.

        On the CPU score, loss and gradient of a row are then taken in one pass, without `forward`, if the loss is
        divisible and trains nothing. Best look at no `s.neg` here: scores of negatives need not be stored then. A class
        that replaces `forward` replaces this, or is not asked.
        """
        return None

    @abstractmethod
    def forward(self, s: Any) -> Tensor:
        """Return the loss (B,) of each example of the `Scores` s."""


def says_its_exponent(loss: type[Loss]) -> bool:
    """Return whether what `as_log_sum_exp` says is meant of the class's own `forward`, not of one that it replaced."""
    defines = (name for owner in loss.__mro__ for name in ("as_log_sum_exp", "forward") if name in vars(owner))
    return next(defines) == "as_log_sum_exp"


class ListLoss(Loss):
    """A loss on whole lists: its batches are users, and it sees the scores of all items for them.

    An epoch is one pass over the users with a train item, `batch_size` of them a step; no negatives are drawn. With
    `divisible = True` the users of a batch may be given in pieces; `measure` and `settle` are not asked for.
    """

    @abstractmethod
    def forward(self, s: Lists) -> Tensor:
        """Return the loss (B,) of each user."""


class VectorLoss(Loss):
    """A loss on vectors: it sees those of the batch's users and positives, and of all items; no negatives are drawn."""

    @abstractmethod
    def forward(self, s: Vectors) -> Tensor:
        """Return the loss (B,) of each example."""
