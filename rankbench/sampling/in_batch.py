"""Negatives from the batch: the positives of its other examples, as a function of (key, row, draw)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.parallel import over_rows
from rankbench.sampling.hashing import Key, high_bits, unsigned
from rankbench.sampling.kernels import draw_from_batch
from rankbench.sampling.weighted import WeightedNegatives


@dataclass(frozen=True, eq=False)
class InBatchNegatives:
    """Draws negatives of a user among the positives of the batch, with replacement, outside the user's train items.

    An item is among them as often as it is in train, so this is a draw by popularity, of items that the batch has
    looked up anyway. Where a batch has no negative for a user, they are drawn by popularity from all items.

    Args:
        train: the train interactions.
        popular: the draw by popularity.
    """

    train: Interactions
    popular: WeightedNegatives
    _on_device: dict[torch.device, Tensor] = field(default_factory=dict)

    @classmethod
    def outside(cls, train: Interactions) -> InBatchNegatives:
        """Return the sampler of negatives outside `train`; raises UserError for a user who has every item."""
        return cls(train, WeightedNegatives.by_popularity(train, 1.0))

    def draw(self, key: Key, row: Tensor, user: Tensor, pos: Tensor, N: int) -> Tensor:
        """Return negatives (B, N) int32, a function of (key, row, draw), the user and the positives of the batch.

        Args:
            key: the key of the stream.
            row: (B,) int64, what the draws are counted by, such as the train interaction.
            user: (B,) int64, users.
            pos: (B,) int64, positives.
            N: negatives a row.
        """
        if user.device.type != "cpu":
            return self.draw_by_torch(key, row, user, pos, N)
        out = np.empty((len(user), N), np.int32)  # (B, N)
        tables = (self.train.indptr, self.train.items, self.train.n_items)
        over_rows(draw_from_batch, len(user), unsigned(key), row.numpy(), user.numpy(), pos.numpy(), *tables, out)
        return self._filled(torch.from_numpy(out), key, row, user, pos)

    def draw_by_torch(self, key: Key, row: Tensor, user: Tensor, pos: Tensor, N: int) -> Tensor:
        """Return what `draw` returns, computed by torch on the users' device."""
        owned = self._owned(user.device)  # (nnz,)
        wanted = user[:, None] * self.train.n_items + pos  # (B, B)
        place = torch.searchsorted(owned, wanted).clamp_max(len(owned) - 1)  # (B, B)
        order = (owned[place] != wanted).cumsum(dim=1)  # (B, B) how many may be drawn up to each
        rank = (high_bits(key, row, N) * order[:, -1:]) >> 32  # (B, N)
        chosen = torch.searchsorted(order, rank, right=True).clamp_max(len(pos) - 1)  # (B, N)
        popular = self.popular.draw(key, row, user, pos, N)  # (B, N) for all: the host is not told who needs it
        return torch.where(order[:, -1:] > 0, pos[chosen].to(torch.int32), popular)  # (B, N)

    def _owned(self, device: torch.device) -> Tensor:
        """Return each train pair as user * I + item (nnz,) int64, ascending."""
        if device not in self._on_device:
            self._on_device[device] = torch.from_numpy(self.train.keys).to(device)
        return self._on_device[device]

    def log_probability(self, user: Tensor, item: Tensor) -> Tensor:
        """Return the log-probability (B, M) float32 of each item, over all batches: that of a draw by popularity."""
        return self.popular.log_probability(user, item)

    def _filled(self, drawn: Tensor, key: Key, row: Tensor, user: Tensor, pos: Tensor) -> Tensor:
        """Return the draws (B, N), those of rows without any drawn by popularity."""
        without = (drawn[:, 0] < 0).nonzero()[:, 0]  # (rows,)
        if len(without):
            drawn[without] = self.popular.draw(key, row[without], user[without], pos[without], drawn.shape[1])
        return drawn
