"""Protocol `strong`: strong generalisation, where the users of validation and test are not in train.

A held-out user has fold-in items, from which a model that knows no vector of the user makes its ranking, and target
items, which it is measured on. The protocol of Liang, Krishnan, Hoffman, Jebara: Variational autoencoders for
collaborative filtering. WWW 2018, arXiv 1802.05814; compatible by seed where users and items are numbered in the order
of their ids as numbers: numpy's legacy generator, seed 98765, once for the order of the users, again for the targets of
validation, and again for those of test.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rankbench.data.interactions import Interactions
from rankbench.data.protocols.parts import Pairs, Parts
from rankbench.errors import UserError

SEED = 98765
SHARE = 0.1
TARGETS = 0.2
LEAST = 5
"""Items that a held-out user must have to be measured."""


def strong(pairs: Pairs, held_out: int | None = None) -> Parts:
    """Return the users in random order: train, the last but `held_out` for validation, the last `held_out` for test.

    The items are those of the users in train; other pairs of held-out users are dropped. Of a held-out user's n items,
    floor(0.2 n) are targets and the rest is folded in; users with fewer than 5 items are folded in only.

    Args:
        pairs: the filtered pairs.
        held_out: users in validation, and in test: 10,000 on MovieLens 20M, 40,000 on the Netflix Prize, 50,000 on the
            Million Song Dataset; None: 10 % of all users, at least one.

    Raises:
        UserError: no users are left to train on, or none are held out.
    """
    n = max(int(SHARE * pairs.n_users), 1) if held_out is None else held_out
    if n < 1 or 2 * n >= pairs.n_users:
        raise UserError(
            f"Two groups of {n} users cannot be held out of {pairs.n_users} so that some are left to train on.",
            "Hold out fewer users, or use a larger data set.",
        )
    order = np.random.RandomState(SEED).permutation(pairs.n_users)  # (U,)
    of_train, of_valid, of_test = order[: -2 * n], order[-2 * n : -n], order[-n:]
    items = np.unique(pairs.item[np.isin(pairs.user, of_train)]).astype(np.int64)  # (I,)
    known = pairs.of_items(items)
    (valid_input, valid), (test_input, test) = (_fold(known, np.sort(users)) for users in (of_valid, of_test))
    unmeasured = int(((valid.user_counts == 0) & (test.user_counts == 0))[order[-2 * n :]].sum())
    warning = f"{unmeasured} of {2 * n} held-out users have fewer than {LEAST} items and are not measured."
    return Parts(
        train=_of_rows(known, np.isin(known.users, of_train)),
        valids={"iid": valid},
        tests={"strong": test},
        parameters={
            "users held out for validation, and as many for test": n,
            "target share of a held-out user's items": TARGETS,
            "least items of a user that is measured": LEAST,
            "valid iid": "targets of other held-out users",
            "generator": f"numpy RandomState({SEED})",
            "seed": SEED,
        },
        warnings=(warning,) if unmeasured else (),
        fold_in=valid_input.union(test_input),
        items=items,
    )


def _fold(known: Interactions, users: NDArray[np.int64]) -> tuple[Interactions, Interactions]:
    """Return the fold-in input and the targets of some users, ascending."""
    random = np.random.RandomState(SEED)
    is_target = np.zeros(len(known), np.bool_)  # (nnz,)
    for start, n in zip(known.indptr[users].tolist(), known.user_counts[users].tolist(), strict=True):
        if n >= LEAST:
            is_target[start + random.choice(n, size=int(TARGETS * n), replace=False)] = True
    held_out = np.isin(known.users, users)  # (nnz,)
    return _of_rows(known, held_out & ~is_target), _of_rows(known, is_target)


def _of_rows(known: Interactions, rows: NDArray[np.bool_]) -> Interactions:
    return Interactions.from_pairs(known.users[rows], known.items[rows], known.n_users, known.n_items)
