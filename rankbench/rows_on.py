"""Interactions on a device: the rows of users as tensors, copied there once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from rankbench.data.interactions import Interactions


@dataclass(frozen=True, eq=False)
class Rows:
    """The items of users, on a device.

    Args:
        indptr: (U + 1,) int64, the items of user u are `items[indptr[u]:indptr[u + 1]]`.
        items: (nnz,) int32, ascending within each user.
        n_items: number of items, I.
        longest: the most items of a user.
    """

    indptr: Tensor
    items: Tensor
    n_items: int
    longest: int

    def pairs(self, user: Tensor) -> tuple[Tensor, Tensor]:
        """Return the items of users (b,) as places (pairs,) in the batch and items (pairs,), both int64."""
        first, count = self.indptr[user], self.indptr[user + 1] - self.indptr[user]  # (b,), (b,)
        row = torch.repeat_interleave(count)  # (pairs,)
        within = torch.arange(len(row), device=user.device) - (count.cumsum(0) - count)[row]  # (pairs,)
        return row, self.items[first[row] + within].long()

    def has(self, user: Tensor, item: Tensor) -> Tensor:
        """Return which of some items (b, L), -1 for none, are among those of their users (b,): (b, L) bool."""
        if not len(self.items):
            return torch.zeros_like(item, dtype=torch.bool)  # (b, L)
        wanted = user[:, None] * self.n_items + item  # (b, L)
        place = torch.searchsorted(self._keys, wanted).clamp_max(len(self._keys) - 1)  # (b, L)
        return (self._keys[place] == wanted) & (item >= 0)  # (b, L)

    @cached_property
    def _keys(self) -> Tensor:
        """(nnz,) int64, each pair as user * I + item, ascending."""
        user = torch.repeat_interleave(self.indptr.diff())  # (nnz,)
        return user * self.n_items + self.items  # (nnz,)

    def relevant(self, user: Tensor) -> Tensor:
        """Return which items each of some users (b,) has: (b, I) bool, without asking the device how many there are."""
        first, count = self.indptr[user], self.indptr[user + 1] - self.indptr[user]  # (b,), (b,)
        place = torch.arange(max(self.longest, 1), device=user.device)  # (longest,)
        index = (first[:, None] + place).clamp_max(max(len(self.items) - 1, 0))  # (b, longest)
        there = place < count[:, None]  # (b, longest)
        item = torch.where(there, self.items[index].long(), self.n_items)  # (b, longest) others go to a column too many
        owned = torch.zeros((len(user), self.n_items + 1), dtype=torch.bool, device=user.device)  # (b, I + 1)
        return owned.scatter_(1, item, True)[:, : self.n_items]  # (b, I)


_on_device: WeakKeyDictionary[Interactions, dict[torch.device, Rows]] = WeakKeyDictionary()


def rows_on(device: torch.device, interactions: Interactions) -> Rows:
    """Return the rows of interactions on a device; they stay there as long as the interactions are in use."""
    there = _on_device.setdefault(interactions, {})
    if device not in there:
        indptr, items = (torch.from_numpy(a).to(device) for a in (interactions.indptr, interactions.items))
        longest = int(interactions.user_counts.max(initial=0))
        there[device] = Rows(indptr, items, interactions.n_items, longest)
    return there[device]


def relevant(interactions: Interactions, user: Tensor) -> Tensor:
    """Return which items each of some users (B,) has, (B, I) bool, on the users' device."""
    if user.device.type == "cpu":
        return torch.from_numpy(interactions.relevant(user.numpy()))  # (B, I)
    return rows_on(user.device, interactions).relevant(user)  # (B, I)
