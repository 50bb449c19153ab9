"""What is filtered out before a split, as data: a threshold of ratings, and how often users and items must occur."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Order = Literal["iterative", "together", "items-users", "users-items"]

ORDERS: Mapping[Order, str] = {
    "iterative": "users and items, again and again until all that are left have enough",
    "together": "users and items once, by counts over the same rows",
    "items-users": "items once, then users once, by counts over what the items left",
    "users-items": "users once, then items once, by counts over what the users left",
}
"""What an order of filtering means."""


@dataclass(frozen=True)
class Filter:
    """What is left out of a data set before it is split.

    Args:
        threshold: least rating of a positive; None takes all rows.
        users: least number of rows of a user, k.
        items: least number of rows of an item, k.
        order: a key of `ORDERS`. Filtered once, items or users that come first can end with fewer rows than k.
    """

    threshold: float | None = None
    users: int = 1
    items: int = 1
    order: Order = "iterative"

    def __str__(self) -> str:
        positives = "all interactions" if self.threshold is None else f"ratings >= {self.threshold:g}"
        return f"{positives}, users >= {self.users}, items >= {self.items}, {self.order}"

    @classmethod
    def core(cls, k: int, threshold: float | None = None) -> Filter:
        """Return the iterative k-core, of ratings from a threshold up."""
        return cls(threshold, k, k)

    def rows(self, user: NDArray[np.int32], item: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return the rows that are kept, ascending; the outcome does not depend on the order of the rows.

        Args:
            user, item: (n,) numbered from 0, of the rows that reach the threshold.
        """
        import numpy as np  # the catalogue, which reads filters, is read without it

        rows = np.arange(len(user))  # (n,)
        if self.order in ("iterative", "together"):
            while True:
                enough = _enough(user, self.users) & _enough(item, self.items)  # (m,)
                rows, user, item = rows[enough], user[enough], item[enough]  # (m,) each
                if enough.all() or self.order == "together":
                    return rows
        by_item, by_user = (item, self.items), (user, self.users)
        for number, k in (by_item, by_user) if self.order == "items-users" else (by_user, by_item):
            rows = rows[_enough(number[rows], k)]
        return rows


def _enough(number: NDArray[np.int32], k: int) -> NDArray[np.bool_]:
    """Return which rows (n,) have a number that occurs k times or more."""
    import numpy as np

    return (np.bincount(number) >= k)[number]
