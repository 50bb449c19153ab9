"""User-item interactions as sorted rows, and the splits made of them. Arrays only: no data frame is needed to train."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Interactions:
    """A set of (user, item) pairs in compressed rows.

    Args:
        indptr: (U + 1,) int64, the items of user u are `items[indptr[u]:indptr[u + 1]]`.
        items: (nnz,) int32, ascending and distinct within each user.
        n_items: number of items, I.
    """

    indptr: NDArray[np.int64]
    items: NDArray[np.int32]
    n_items: int

    @classmethod
    def from_pairs(
        cls, user: NDArray[np.integer], item: NDArray[np.integer], n_users: int, n_items: int
    ) -> Interactions:
        """Return the interactions of the pairs (user, item), in any order; a pair given twice is one interaction."""
        key = np.sort(user.astype(np.int64) * n_items + item.astype(np.int64))  # (n,), ten times as fast as np.unique
        key = key[np.diff(key, prepend=-1) > 0]  # (nnz,)
        indptr = np.zeros(n_users + 1, np.int64)  # (U + 1,)
        np.cumsum(np.bincount(key // n_items, minlength=n_users), out=indptr[1:])
        return cls(indptr, (key % n_items).astype(np.int32), n_items)

    @property
    def n_users(self) -> int:
        """Number of users, U, those without interactions included."""
        return len(self.indptr) - 1

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def users(self) -> NDArray[np.int32]:
        """(nnz,) int32, the user of each interaction, in row order."""
        return np.repeat(np.arange(self.n_users, dtype=np.int32), self.user_counts)

    @cached_property
    def user_counts(self) -> NDArray[np.int64]:
        """(U,) int64, number of interactions of each user."""
        return np.diff(self.indptr)

    @cached_property
    def item_counts(self) -> NDArray[np.int64]:
        """(I,) int64, number of interactions of each item: its popularity."""
        return np.bincount(self.items, minlength=self.n_items)

    def row(self, user: int) -> NDArray[np.int32]:
        """Return the items of one user, ascending."""
        return self.items[self.indptr[user] : self.indptr[user + 1]]

    def relevant(self, users: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Return which items each of some users (B,) has: (B, I) bool."""
        owned = np.zeros((len(users), self.n_items), np.bool_)  # (B, I)
        row = np.repeat(np.arange(len(users)), self.user_counts[users])  # (pairs,)
        owned[row, np.concatenate([self.row(int(u)) for u in users] or [self.items[:0]])] = True
        return owned

    @property
    def keys(self) -> NDArray[np.int64]:
        """(nnz,) int64, each pair as user * I + item, ascending."""
        return self.users.astype(np.int64) * self.n_items + self.items

    def without(self, other: Interactions) -> Interactions:
        """Return the pairs that do not occur in `other`."""
        place = np.searchsorted(other.keys, self.keys)  # (nnz,)
        kept = np.append(other.keys, -1)[place] != self.keys  # (nnz,)
        before = np.append(0, np.cumsum(kept))  # (nnz + 1,)
        return Interactions(before[self.indptr], self.items[kept], self.n_items)

    def union(self, *others: Interactions) -> Interactions:
        """Return the pairs that occur here or in any of `others`."""
        parts = (self, *others)
        user = np.concatenate([p.users for p in parts])  # (nnz,)
        item = np.concatenate([p.items for p in parts])  # (nnz,)
        return Interactions.from_pairs(user, item, self.n_users, self.n_items)


@dataclass(frozen=True, eq=False)
class FalseNegatives:
    """Positives that were taken out of train to be drawn as negatives: noise in what is sampled.

    Args:
        pairs: the positives.
        probability: that a negative of a user who has some is one of them.
    """

    pairs: Interactions
    probability: float


@dataclass(frozen=True, eq=False)
class Split:
    """One train set with its validation and test sets, all over the same users and items.

    Args:
        dataset: name of the data set.
        protocol: name of the split protocol.
        train: what models learn from.
        valids: validation sets by name; `iid`, made without regard to popularity, is always there.
        tests: test sets by name.
        fold_in: what is known of the users of validation and test sets, where train has none of them.
        exposed: the items that a test ranks for each user, where it does not rank the whole catalogue.
        false_negatives: positives that are drawn as negatives, if there is such noise.
    """

    dataset: str
    protocol: str
    train: Interactions
    valids: Mapping[str, Interactions]
    tests: Mapping[str, Interactions]
    fold_in: Interactions | None = None
    exposed: Interactions | None = None
    false_negatives: FalseNegatives | None = None

    @property
    def n_users(self) -> int:
        """Number of users, U."""
        return self.train.n_users

    @property
    def n_items(self) -> int:
        """Number of items, I."""
        return self.train.n_items

    @cached_property
    def digest(self) -> str:
        """The sha256 of the content: sizes, names and pairs of every part, whatever file they were read from."""
        sha = hashlib.sha256()
        for name, part in self.parts().items():
            sha.update(f"{name} {part.n_users} {part.n_items} {len(part)}\n".encode())
            sha.update(part.indptr.astype("<i8").tobytes())
            sha.update(part.items.astype("<i4").tobytes())
        if self.false_negatives:
            sha.update(f"probability {self.false_negatives.probability!r}\n".encode())
        return sha.hexdigest()

    def parts(self) -> dict[str, Interactions]:
        """Return all parts by file name: `train`, `valid-NAME`..., `test-NAME`..., names sorted.

        Behind them come `exposed`, `false-negatives` and `fold-in`, where there are any.
        """
        taken_out = self.false_negatives.pairs if self.false_negatives else None
        others = {"exposed": self.exposed, "false-negatives": taken_out, "fold-in": self.fold_in}
        return {
            "train": self.train,
            **{f"valid-{name}": self.valids[name] for name in sorted(self.valids)},
            **{f"test-{name}": self.tests[name] for name in sorted(self.tests)},
            **{name: part for name, part in others.items() if part is not None},
        }

    @cached_property
    def inputs(self) -> Interactions:
        """What a model knows of each user: train, and what is to be folded in of users that train lacks."""
        return self.train if self.fold_in is None else self.train.union(self.fold_in)

    @cached_property
    def _never_ranked(self) -> Interactions:
        return self.inputs if self.false_negatives is None else self.inputs.union(self.false_negatives.pairs)

    def mask_of_valid(self) -> Interactions:
        """Return what is not ranked on a validation set: the inputs, and the positives that were taken out of train."""
        return self._never_ranked

    def mask_of_test(self, name: str) -> Interactions:
        """Return what is not ranked on a test set: as on a validation set, and all validation and other test sets."""
        if name not in self._masks:
            others = [test for other, test in self.tests.items() if other != name]
            self._masks[name] = self._never_ranked.union(*self.valids.values(), *others)
        return self._masks[name]

    @cached_property
    def _masks(self) -> dict[str, Interactions]:
        return {}
