"""Split protocols: one file each. `divide` makes the train, validation and test sets of a protocol."""

from __future__ import annotations

from rankbench.data.interactions import Interactions
from rankbench.data.protocol import FALSE_NEGATIVE, FALSE_POSITIVE, Protocol, read_protocol
from rankbench.data.protocols.exposure import exposure
from rankbench.data.protocols.false_negative import take_false_negatives
from rankbench.data.protocols.false_positive import add_false_positives
from rankbench.data.protocols.iid import iid
from rankbench.data.protocols.leave_one_out import leave_one_out
from rankbench.data.protocols.parts import Exposed, Pairs, Parts
from rankbench.data.protocols.popularity import popularity
from rankbench.data.protocols.popularity_inverse import popularity_inverse
from rankbench.data.protocols.shift import shift
from rankbench.data.protocols.strong import strong
from rankbench.data.protocols.temporal import temporal
from rankbench.data.protocols.validation import SEED, SHARE, cut_validation

_PYTHON = "Python random.Random(0)"
_HASH = "SplitMix64 of (seed, stream, pair)"

_TRAIN_AND_TEST = {
    "iid": (iid, _PYTHON),
    "popularity": (popularity, _PYTHON),
    "popularity-inverse": (popularity_inverse, _HASH),
    "temporal": (temporal, "none: rows by time"),
}
"""The protocols that make a train and a test set, and what draws the latter."""


def divide(protocol: str, pairs: Pairs, *, held_out: int | None = None, exposed: Exposed | None = None) -> Parts:
    """Return the parts that a protocol makes of filtered pairs, its noise included.

    Args:
        protocol: as it is typed, such as `iid+false-positive:0.2`.
        pairs: the filtered pairs; with times if the protocol is timed.
        held_out: for `strong`, see there.
        exposed: for `exposure`, what was shown in the uniform part; `pairs` are the logged part.

    Raises:
        UserError: the data set is too small for the protocol, or the protocol is not one.
    """
    wanted = read_protocol(protocol)
    return with_noise(_divide(wanted.name, pairs, held_out, exposed), wanted, pairs)


def _divide(name: str, pairs: Pairs, held_out: int | None, exposed: Exposed | None) -> Parts:
    if name == "shift":
        parts = shift(pairs)
        parameters = {**parts.parameters, "valid iid share of a user's train pairs": SHARE, "generator": _HASH}
        return Parts(parts.train, parts.valids, parts.tests, {**parameters, "seed": SEED}, parts.warnings)
    if name == "strong":
        return strong(pairs, held_out)
    if name == "leave-one-out":
        return leave_one_out(pairs)
    if name == "exposure":
        if exposed is None:
            raise ValueError("an exposure split needs the exposed part")
        return exposure(pairs, exposed)
    make, generator = _TRAIN_AND_TEST[name]
    return with_validation(name, *make(pairs), generator)


def with_noise(parts: Parts, protocol: Protocol, pairs: Pairs) -> Parts:
    """Return the parts with the noise of the protocol, false negatives first; without any, the parts themselves.

    Args:
        parts: without noise.
        protocol: says which noise.
        pairs: what the parts were made of.
    """
    if (probability := protocol.noise_of(FALSE_NEGATIVE)) is not None:
        parts = take_false_negatives(parts, probability)
    if (rate := protocol.noise_of(FALSE_POSITIVE)) is not None:
        parts = add_false_positives(parts, rate, pairs)
    return parts


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
