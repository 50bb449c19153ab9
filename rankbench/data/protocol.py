"""How a split protocol is typed, `NAME[+NOISE:VALUE]...`: its name, then noise in the train set.

For example `iid+false-positive:0.2`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rankbench.errors import UserError, unknown
from rankbench.params import Param, show

PROTOCOLS = (
    *("shift", "iid", "popularity", "popularity-inverse"),
    *("temporal", "leave-one-out", "strong", "exposure"),
)
"""Names of the split protocols, in the order in which they are shown."""

FALSE_NEGATIVE = "false-negative"
FALSE_POSITIVE = "false-positive"

NOISE: Mapping[str, Param] = {
    FALSE_NEGATIVE: Param(
        default=0.1,
        help="probability that a negative is one of the user's positives that were taken out of train",
        at_least=0,
        at_most=1,
        name=FALSE_NEGATIVE,
    ),
    FALSE_POSITIVE: Param(
        default=0.1,
        help="random items added to a user's train items, per train item",
        above=0,
        at_most=1,
        name=FALSE_POSITIVE,
    ),
}
"""Noise by name, in the order in which it is made."""

_TIMED = ("temporal", "leave-one-out")
_EXAMPLE = "Type it as in iid+false-positive:0.2."


@dataclass(frozen=True)
class Protocol:
    """A split protocol; `str(protocol)` is its canonical spelling.

    Args:
        name: one of `PROTOCOLS`.
        noise: each noise and its value, in the order of `NOISE`.
    """

    name: str
    noise: tuple[tuple[str, float], ...] = ()

    def __str__(self) -> str:
        return "+".join([self.name, *(f"{name}:{show(value)}" for name, value in self.noise)])

    @property
    def timed(self) -> bool:
        """Whether the protocol needs the time of each interaction."""
        return self.name in _TIMED

    def noise_of(self, name: str) -> float | None:
        """Return the value of a noise, None without it."""
        return dict(self.noise).get(name)


def read_protocol(text: str) -> Protocol:
    """Return the protocol that `text` stands for, whatever the order and spelling of its noise.

    Raises:
        UserError: an unknown name or noise, a value that is missing or out of range, the same noise twice.
    """
    name, *typed = (word.strip() for word in text.split("+"))
    if name not in PROTOCOLS:
        raise unknown("split", name, PROTOCOLS)
    noise: dict[str, float] = {}
    for word in typed:
        kind, _, value = (part.strip() for part in word.partition(":"))
        if kind not in NOISE:
            raise unknown(f"noise of split {name}", kind, NOISE, _EXAMPLE)
        if not value:
            raise UserError(f"Split {text!r}: {kind} has no value.", f"{NOISE[kind].describe()} {_EXAMPLE}")
        if kind in noise:
            raise UserError(f"Split {text!r} has {kind} twice.", "Name two splits, separated by a comma, to make both.")
        noise[kind] = float(NOISE[kind].parse(value, f"split {text}"))
    return Protocol(name, tuple((kind, noise[kind]) for kind in NOISE if kind in noise))


def folder_of(protocol: str) -> str:
    """Return the name of a protocol's folders, which every file system takes: without the colon."""
    return protocol.replace(":", "=")
