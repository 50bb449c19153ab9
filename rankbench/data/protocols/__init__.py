"""Split protocols: one file each. `divide` makes the train, validation and test sets of a protocol."""

from __future__ import annotations

from rankbench.data.interactions import Interactions
from rankbench.data.protocols.iid import iid
from rankbench.data.protocols.parts import Pairs, Parts
from rankbench.data.protocols.popularity import popularity
from rankbench.data.protocols.shift import shift
from rankbench.data.protocols.temporal import temporal
from rankbench.data.protocols.validation import SEED, SHARE, cut_validation

_PYTHON = "Python random.Random(0)"
_HASH = "SplitMix64 of (seed, stream, pair)"


def divide(protocol: str, pairs: Pairs) -> Parts:
    """Return the parts that `protocol` makes of filtered pairs."""
    if protocol == "shift":
        parts = shift(pairs)
        parameters = {**parts.parameters, "valid iid share of a user's train pairs": SHARE, "generator": _HASH}
        return Parts(parts.train, parts.valids, parts.tests, {**parameters, "seed": SEED}, parts.warnings)
    train, test = {"iid": iid, "popularity": popularity, "temporal": temporal}[protocol](pairs)
    generator = "none: rows by time" if protocol == "temporal" else _PYTHON
    return with_validation(protocol, train, test, generator)


def with_validation(protocol: str, train: Interactions, test: Interactions, generator: str) -> Parts:
    """Return the parts of a split into train and test, with a validation set cut from train.

    Args:
        protocol: its name, also that of the test set.
        train, test: what the protocol makes, or what was published.
        generator: what drew the test set.
    """
    rest, valid = cut_validation(train)
    return Parts(
        train=rest,
        valids={"iid": valid},
        tests={protocol: test},
        parameters={
            "test set drawn by": generator,
            "valid iid share of a user's train pairs": SHARE,
            "generator": _HASH,
            "seed": SEED,
        },
    )
