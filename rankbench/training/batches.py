"""What an epoch passes over, what a batch of it is and what is done with one: by what the loss sees."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rankbench.backbones import Batch, RowBackbone
from rankbench.data.interactions import Interactions
from rankbench.losses import ListLoss, Loss, VectorLoss, Vectors
from rankbench.randomness import bits, key, mix
from rankbench.sampling import Sampler
from rankbench.spec import TrainSpec
from rankbench.training.lists import backward_of_lists
from rankbench.training.rows import backward_of_rows, backward_of_samples, needs_vectors
from rankbench.training.step import backward


class Batches(Protocol):
    """The batches of a training: `size` rows an epoch, of which `draw` makes a batch and `backward` takes its step."""

    size: int

    def draw(self, epoch: int, row: NDArray[np.int64]) -> tuple[Tensor, ...]:
        """Return the batch of some rows (B,): the users (B,) int64 first. Called ahead of time, on another thread."""

    def draw_there(self, key: Tensor, row: Tensor) -> tuple[Tensor, ...]:
        """Return the same, of rows (B,) int64 on the device; `key` () int64 has the bits of the negatives' key."""

    def seen(self, batch: tuple[Tensor, ...], drawn: int) -> Batch:
        """Return what a backbone sees of a batch; `drawn` is the key of the step's random numbers."""

    def backward(self, loss: Any, query: Tensor, item_vec: Tensor, batch: tuple[Tensor, ...]) -> Tensor:
        """Add the gradients of a batch's mean loss to all parameters and return the mean loss ().

        Args:
            loss: the loss.
            query: (B, d) float, the vectors of the batch's users.
            item_vec: (I, d) float, those of all items.
            batch: what was drawn.
        """

    def backward_rows(self, loss: Any, backbone: RowBackbone, batch: tuple[Tensor, ...], drawn: int) -> Tensor:
        """Do the same for a backbone whose score is not an inner product, and for its penalty; `drawn` as in `seen`."""


def batches_of(
    loss: Loss, train: Interactions, sampler: Sampler, spec: TrainSpec, seed: int, device: torch.device
) -> Batches:
    """Return the batches that a loss is trained on."""
    if isinstance(loss, ListLoss):
        return _Users(train, device)
    if isinstance(loss, VectorLoss):
        return _Pairs(train, device)
    return _Sampled(train, device, sampler, spec, seed)


@dataclass
class _Pairs:
    """Train interactions: users (B,) and positives (B,)."""

    train: Interactions
    device: torch.device

    def __post_init__(self) -> None:
        self.size = len(self.train)

    def draw(self, epoch: int, row: NDArray[np.int64]) -> tuple[Tensor, ...]:
        user = self.train.users[row].astype(np.int64)  # (B,)
        pos = self.train.items[row].astype(np.int64)  # (B,)
        return torch.from_numpy(user).to(self.device), torch.from_numpy(pos).to(self.device)

    def draw_there(self, key: Tensor, row: Tensor) -> tuple[Tensor, ...]:
        user, pos = self._there  # (rows,), (rows,)
        return user.index_select(0, row), pos.index_select(0, row)  # (B,), (B,)

    @cached_property
    def _there(self) -> tuple[Tensor, Tensor]:
        """The users and the positives of all rows on the device, (rows,) int64 each."""
        user, pos = (torch.from_numpy(a.astype(np.int64)) for a in (self.train.users, self.train.items))
        return user.to(self.device), pos.to(self.device)

    def seen(self, batch: tuple[Tensor, ...], drawn: int) -> Batch:
        return Batch(batch[0], batch[1], drawn)

    def backward(self, loss: VectorLoss, query: Tensor, item_vec: Tensor, batch: tuple[Tensor, ...]) -> Tensor:
        user, pos = batch  # (B,), (B,)
        target = item_vec.index_select(0, pos)  # (B, d)
        mean: Tensor = loss(Vectors(query, target, item_vec, user, pos)).mean()  # ()
        torch.autograd.backward(mean)
        return mean.detach()

    def backward_rows(self, loss: VectorLoss, backbone: RowBackbone, batch: tuple[Tensor, ...], drawn: int) -> Tensor:
        raise needs_vectors(type(loss).__name__.lower(), type(backbone).__name__.lower())


@dataclass
class _Sampled(_Pairs):
    """Train interactions with negatives: users (B,), positives (B,) and negatives (B, N)."""

    sampler: Sampler
    spec: TrainSpec
    seed: int

    def draw(self, epoch: int, row: NDArray[np.int64]) -> tuple[Tensor, ...]:
        user, pos = super().draw(epoch, row)  # (B,), (B,)
        counted = torch.from_numpy(row).to(self.device)  # (B,)
        stream = key(self.seed, "negatives", epoch)
        return user, pos, self.sampler.draw(stream, counted, user, pos, self.spec.negatives)

    def draw_there(self, key: Tensor, row: Tensor) -> tuple[Tensor, ...]:
        user, pos = super().draw_there(key, row)  # (B,), (B,)
        return user, pos, self.sampler.draw(key, row, user, pos, self.spec.negatives)

    def backward(self, loss: Loss, query: Tensor, item_vec: Tensor, batch: tuple[Tensor, ...]) -> Tensor:
        user, pos, neg = batch  # (B,), (B,), (B, N)
        sampler = self.sampler.log_probability
        return backward(loss, query, item_vec, user, pos, neg, sampler, self.spec.precision)

    def backward_rows(self, loss: Loss, backbone: RowBackbone, batch: tuple[Tensor, ...], drawn: int) -> Tensor:
        seen, log_probability = self.seen(batch, drawn), self.sampler.log_probability
        return backward_of_samples(loss, backbone, self.train, seen, batch[2], log_probability)


@dataclass
class _Users:
    """Users with a train item: users (B,)."""

    train: Interactions
    device: torch.device

    def __post_init__(self) -> None:
        self.users = np.flatnonzero(self.train.user_counts)  # (size,)
        self.size = len(self.users)

    def draw(self, epoch: int, row: NDArray[np.int64]) -> tuple[Tensor, ...]:
        return (torch.from_numpy(self.users[row]).to(self.device),)

    def draw_there(self, key: Tensor, row: Tensor) -> tuple[Tensor, ...]:
        return (self._there.index_select(0, row),)

    @cached_property
    def _there(self) -> Tensor:
        """The users of all rows on the device, (rows,) int64."""
        return torch.from_numpy(self.users).to(self.device)

    def seen(self, batch: tuple[Tensor, ...], drawn: int) -> Batch:
        return _UserBatch(batch[0], drawn, self.train)

    def backward(self, loss: ListLoss, query: Tensor, item_vec: Tensor, batch: tuple[Tensor, ...]) -> Tensor:
        return backward_of_lists(loss, query, item_vec, batch[0], self.train)

    def backward_rows(self, loss: ListLoss, backbone: RowBackbone, batch: tuple[Tensor, ...], drawn: int) -> Tensor:
        return backward_of_rows(loss, backbone, self.train, self.seen(batch, drawn))


class _UserBatch(Batch):
    """What a backbone sees of a batch of users (B,): a positive of each is drawn, on the host, if it looks at it."""

    train: Interactions

    def __init__(self, user: Tensor, key: int, train: Interactions) -> None:
        for name, value in {"user": user, "key": key, "train": train}.items():
            object.__setattr__(self, name, value)

    @cached_property
    def pos(self) -> Tensor:
        """A train item (B,) int64 of each user."""
        user = self.user.cpu().numpy()  # (B,)
        start, count = self.train.indptr[user], self.train.user_counts[user]  # (B,), (B,)
        place = (bits(mix(self.key), len(user)) % count.astype(np.uint64)).astype(np.int64)  # (B,)
        return torch.from_numpy(self.train.items[start + place].astype(np.int64)).to(self.user.device)  # (B,)
