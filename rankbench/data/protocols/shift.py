"""Protocol `shift`: one train set with two tests and two validations, `iid` and `popularity`.

Robustness to popularity shift is then measured on one trained model, and selection can be honest about which validation
it reads. The draws come in this order, each from what the one before left: test `popularity` (10 % of all pairs),
test `iid` (10 % of each user's), validation `popularity` (5 % of all), validation `iid` (10 % of each user's).
Every user and every item of a test or validation set occurs in train.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rankbench.data.protocols.hashing import below, hashed
from rankbench.data.protocols.parts import Pairs, Parts
from rankbench.data.protocols.validation import SEED, take_by_user, validation_sizes

TEST_POPULARITY = 0.10
TEST_IID = 0.10
VALID_POPULARITY = 0.05
ITEM_KEEPS = 2
USER_KEEPS = 5
DRAWS = 50
"""Drawing by item stops after so many draws a pair of the data set."""

_BLOCK = 1 << 20


def shift(pairs: Pairs) -> Parts:
    """Return train, two tests and two validations of distinct pairs."""
    left = _Left(pairs)
    test_popularity, warning_of_test = left.take_by_item(int(TEST_POPULARITY * len(pairs)), "test-popularity")
    test_iid = left.take_by_user(_test_sizes(left.user_counts_at_first, left.user_counts()), "test-iid")
    valid_popularity, warning_of_valid = left.take_by_item(int(VALID_POPULARITY * len(pairs)), "valid-popularity")
    valid_iid = left.take_by_user(validation_sizes(left.user_counts()), "valid-iid")
    return Parts(
        train=pairs.select(left.rows()),
        valids={"iid": pairs.select(valid_iid), "popularity": pairs.select(valid_popularity)},
        tests={"iid": pairs.select(test_iid), "popularity": pairs.select(test_popularity)},
        parameters={
            "test popularity share of all pairs": TEST_POPULARITY,
            "test iid share of a user's pairs": TEST_IID,
            "valid popularity share of all pairs": VALID_POPULARITY,
            "pairs an item keeps when drawn by item": ITEM_KEEPS,
            "pairs a user keeps when drawn by item": USER_KEEPS,
            "most draws by item a pair": DRAWS,
        },
        warnings=tuple(filter(None, (warning_of_test, warning_of_valid))),
    )


def _test_sizes(at_first: NDArray[np.int64], now: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many pairs of each user go to test `iid`, (U,): one at least where 5 remain, and never all."""
    share = (at_first * TEST_IID).astype(np.int64)  # (U,)
    return np.minimum(np.where(now >= USER_KEEPS, np.maximum(share, 1), share), np.maximum(now - 1, 0))


class _Left:
    """The pairs that are not taken yet."""

    def __init__(self, pairs: Pairs) -> None:
        self._pairs = pairs
        self._left = np.ones(len(pairs), np.bool_)  # (n,)
        self.user_counts_at_first = self.user_counts()

    def rows(self) -> NDArray[np.int64]:
        """Return the rows that are left, ascending."""
        return np.flatnonzero(self._left)

    def user_counts(self) -> NDArray[np.int64]:
        """Return how many pairs of each user are left, (U,)."""
        return np.bincount(self._pairs.user[self._left], minlength=self._pairs.n_users)

    def item_counts(self) -> NDArray[np.int64]:
        """Return how many pairs of each item are left, (I,)."""
        return np.bincount(self._pairs.item[self._left], minlength=self._pairs.n_items)

    def take_by_user(self, quota: NDArray[np.int64], stream: str) -> NDArray[np.int64]:
        """Take up to `quota` (U,) pairs of each user at random, never an item's last one."""
        rows = self.rows()
        user, item = self._pairs.user[rows], self._pairs.item[rows]
        taken = rows[take_by_user(user, item, quota, self.item_counts(), stream)]
        self._left[taken] = False
        return taken

    def take_by_item(self, quota: int, stream: str) -> tuple[NDArray[np.int64], str]:
        """Take `quota` pairs, each by drawing an item uniformly and then one of its users uniformly.

        A draw is discarded when the item would keep fewer than 2 or the user fewer than 5 pairs.

        Returns:
            the rows, and a warning if the draws ran out before the quota was reached.
        """
        from rankbench.data.protocols.taking import rows_taken_by_item  # it needs numba, the names of protocols do not

        rows, left = self._rows_by_item(), self.item_counts()  # (m,), (I,)
        start, user_left = np.cumsum(left) - left, self.user_counts()  # (I,), (U,)
        taken, limit = np.empty(0, np.int64), DRAWS * len(self._pairs)
        for first in range(0, limit, _BLOCK):
            if len(taken) == quota:
                break
            item, chance = self._draws(stream, first, min(first + _BLOCK, limit))  # (n,), (n,)
            state = (rows, start, left, self._pairs.user, user_left)
            new = rows_taken_by_item(item, chance, *state, (ITEM_KEEPS, USER_KEEPS), quota - len(taken))
            taken = np.concatenate([taken, new])  # (taken,)
        self._left[taken] = False
        stopped = f"{stream}: stopped early with {len(taken)} of {quota} pairs after {limit} draws."
        return taken, stopped if len(taken) < quota else ""

    def _draws(self, stream: str, first: int, end: int) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """Return, for the draws numbered `first` to `end`, the item, and the number below 2^32 that chooses its row."""
        draw = np.arange(first, end)  # (n,)
        item = below(hashed(SEED, f"{stream} item", draw), self._pairs.n_items)  # (n,)
        return item, hashed(SEED, f"{stream} user", draw) >> np.uint64(32)

    def _rows_by_item(self) -> NDArray[np.int64]:
        """Return the rows that are left, those of each item together and ascending."""
        rows = self.rows()
        return rows[np.argsort(self._pairs.item[rows], kind="stable")]
