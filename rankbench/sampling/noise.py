"""Negatives some of which are positives: those that a split took out of train, as a function of (key, row, draw)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from rankbench.data.interactions import FalseNegatives
from rankbench.parallel import over_rows
from rankbench.sampling.hashing import Key, high_and_low_bits, next_key, unsigned
from rankbench.sampling.kernels import replace_some

if TYPE_CHECKING:
    from rankbench.sampling import Sampler


@dataclass(frozen=True, eq=False)
class NoisyNegatives:
    """Draws negatives as another sampler does, but each with some probability among the user's false negatives.

    The others are the very draws of that sampler, so a larger probability only adds to the noise. For users without
    false negatives nothing changes.

    Args:
        sampler: the other sampler.
        false_negatives: the positives and the probability.
    """

    sampler: Sampler
    false_negatives: FalseNegatives
    _on_device: dict[torch.device, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def draw(self, key: Key, row: Tensor, user: Tensor, pos: Tensor, N: int) -> Tensor:
        """Return negatives (B, N) int32, a function of (key, row, draw), the user and the positives of the batch.

        Args:
            key: the key of the stream; the noise has one of its own that follows from it.
            row: (B,) int64, what the draws are counted by, such as the train interaction.
            user: (B,) int64, users.
            pos: (B,) int64, positives.
            N: negatives a row.
        """
        drawn = self.sampler.draw(key, row, user, pos, N)  # (B, N)
        if user.device.type != "cpu":
            return self.replace_by_torch(drawn, key, row, user)
        pairs, out = self.false_negatives.pairs, drawn.numpy()  # out: (B, N)
        tables = (pairs.indptr, pairs.items, np.uint64(self._threshold))
        over_rows(replace_some, len(user), unsigned(next_key(key)), row.numpy(), user.numpy(), *tables, out)
        return drawn

    def replace_by_torch(self, drawn: Tensor, key: Key, row: Tensor, user: Tensor) -> Tensor:
        """Return what `draw` makes of draws (B, N) of the other sampler, computed by torch on the users' device."""
        indptr, items = self._tables(user.device)
        if not len(items):
            return drawn
        first, count = indptr[user][:, None], indptr[user + 1][:, None] - indptr[user][:, None]  # (B, 1), (B, 1)
        high, low = high_and_low_bits(next_key(key), row, drawn.shape[1])  # (B, N), (B, N)
        place = (first + (low * count >> 32)).clamp_max(len(items) - 1)  # (B, N)
        return torch.where((high < self._threshold) & (count > 0), items[place], drawn)  # (B, N)

    def log_probability(self, user: Tensor, item: Tensor) -> Tensor:
        """Return the log-probability (B, M) float32 of the other sampler: a loss does not know of the noise."""
        return self.sampler.log_probability(user, item)

    @property
    def _threshold(self) -> int:
        """The probability in units of 2^-32."""
        return round(self.false_negatives.probability * 2**32)

    def _tables(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return the rows and the items of the false negatives."""
        if device not in self._on_device:
            pairs = self.false_negatives.pairs
            indptr, items = (torch.from_numpy(a).to(device) for a in (pairs.indptr, pairs.items))
            self._on_device[device] = indptr, items
        return self._on_device[device]
