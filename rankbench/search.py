"""Which settings of a loss, or of a backbone without one, are tried: a whole grid, or as many as of every other.

A setting is a point on axes: values of parameters and of training. A grid is the product of the axes. Trials are N
points of it, the defaults among them, so that losses with large grids and small ones have equal chances to look well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod

from rankbench.params import Value
from rankbench.randomness import key, permutation
from rankbench.spec import TrainSpec

Setting = tuple[dict[str, Value], dict[str, Value]]
"""(values of parameters, values of training)."""

LEARNING_RATES = (1 / 3, 1.0, 3.0)
"""Multiples of the usual learning rate that trials go through where a loss has few settings of its own."""


@dataclass(frozen=True)
class Axes:
    """The axes of a search: values to try, by name.

    Args:
        own: of parameters of the loss, or of the backbone that has none.
        train: of training values.
    """

    own: Mapping[str, Sequence[Value]] = field(default_factory=dict)
    train: Mapping[str, Sequence[Value]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many settings there are."""
        return prod(len(values) for values in (*self.own.values(), *self.train.values()))

    def grid(self) -> Iterator[Setting]:
        """Yield all settings: values of parameters, and of training; those of training vary fastest."""
        for point in product(*self.own.values(), *self.train.values()):
            yield self._named(point)

    def trials(self, n: int, name: str, usual: Mapping[str, Value]) -> list[Setting]:
        """Return n settings, or all if there are no more: first the usual one, then others, all values in turn.

        Each axis goes through all of its values in a random order before it comes to one again, and the first time it
        leaves the usual value to the end. The order depends on nothing but `name` and the axes, on which fewer trials
        are the first of more.

        Args:
            n: how many.
            name: of the loss or backbone.
            usual: the values that are not searched for otherwise, by name.
        """
        axes = [*self.own.items(), *self.train.items()]
        first = tuple(usual[axis] if axis in self.own or usual[axis] in values else values[0] for axis, values in axes)
        turns = [_in_turn(f"{name}:{axis}", values, begun) for (axis, values), begun in zip(axes, first, strict=True)]
        found = {first: None}
        while len(found) < min(n, self.size):
            found[tuple(next(turn) for turn in turns)] = None
        return [self._named(point) for point in found]

    def _named(self, point: Sequence[Value]) -> Setting:
        n = len(self.own)
        return dict(zip(self.own, point[:n], strict=True)), dict(zip(self.train, point[n:], strict=True))


def widened(axes: Axes, n: int, typed: Mapping[str, Value], usual: Mapping[str, Value]) -> Axes:
    """Return axes with n settings: where there are fewer, those of learning rate and of weight decay are added.

    Args:
        axes: those of the loss's own grid and of what was asked for.
        n: how many settings are wanted.
        typed: training values that are fixed.
        usual: the training values of the loss on its backbone.
    """
    rate, decays = float(usual["lr"]), TrainSpec.params["weight_decay"].grid
    more: dict[str, Sequence[Value]] = {
        "lr": [float(f"{rate * multiple:.2g}") for multiple in LEARNING_RATES],
        "weight_decay": list(dict.fromkeys([usual["weight_decay"], *decays])),
    }
    for name, values in more.items():
        if axes.size < n and name not in axes.train and name not in typed:
            axes = Axes(axes.own, {**axes.train, name: values})
    return axes


def _in_turn(name: str, values: Sequence[Value], begun: Value) -> Iterator[Value]:
    """Yield the values of an axis over and over, in a new order each time; the first time `begun` comes last."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    turn = 0
    while True:
        order = [values[i] for i in permutation(key(seed, "trials", turn), len(values))]
        yield from sorted(order, key=lambda value: value == begun) if turn == 0 else order
        turn += 1
