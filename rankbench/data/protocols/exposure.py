"""Protocol `exposure`: trained on what a recommender showed, tested on what chance (or everything) showed.

Train and validation are the positives of the logged part; validation is cut from it as everywhere. The test set are the
positives of the uniform or full part, and only the items that a user was exposed to there are ranked: of the others
nobody knows whether the user would have liked them. Pairs of train or validation are not ranked again.
"""

from __future__ import annotations

import numpy as np

from rankbench.data.interactions import Interactions
from rankbench.data.protocols.parts import Exposed, Pairs, Parts
from rankbench.data.protocols.validation import SEED, SHARE, cut_validation


def exposure(pairs: Pairs, exposed: Exposed) -> Parts:
    """Return the parts.

    Args:
        pairs: the positives of the logged part.
        exposed: what was shown in the uniform or full part, of users and items that the logged part has.
    """
    everything = pairs.select(np.ones(len(pairs), np.bool_))
    shown, liked = (
        Interactions.from_pairs(exposed.user[rows], exposed.item[rows], pairs.n_users, pairs.n_items)
        for rows in (np.ones(len(exposed.user), np.bool_), exposed.positive)
    )
    new = shown.without(everything)
    train, valid = cut_validation(everything)
    dropped = {**exposed.dropped, "pairs that are positives of the logged part": len(shown) - len(new)}
    return Parts(
        train=train,
        valids={"iid": valid},
        tests={"exposure": liked.without(everything)},
        parameters={
            "test": "positives of the uniform or full part, among the exposed items of each user",
            "valid iid share of a user's train pairs": SHARE,
            "generator": "SplitMix64 of (seed, stream, pair)",
            "seed": SEED,
        },
        warnings=tuple(f"{n} {what} were left out of the exposed part." for what, n in dropped.items() if n),
        exposed=new,
    )
