"""What it takes to say what a metric means."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

SYMBOLS = (
    r"$L_u$ is the list of user u up to K, $T_u$ the user's test items, $d_r = 1/\log_2(r+1)$, $pop_i$ the train "
    "interactions of item i, $p_i$ their share of all, $I$ and $U$ the numbers of items and users. Means run over the "
    "users for whom a metric is defined."
)
"""What the formulas of all metrics have in common."""

GAMMAS = (0.25, 0.5, 0.75, 1.0)
"""The exponents of the graded popularity shift, beside 0, which is the test as it is."""

TAIL = {
    "": "the tail is all items but the 20 % most popular ones, rounded up",
    "_mass80": "the tail is all items but the fewest that hold 80 % of the train interactions",
    "_groups": "the tail is the last of five groups of items with as many train interactions each",
}
"""The tail sets by the ends of the names of the metrics."""

Better = Literal["higher", "lower", "near 0", "neither"]


@dataclass(frozen=True)
class Meaning:
    """What a metric means.

    Args:
        title: its name as tables print it.
        text: formula, a sentence with the formula in TeX.
        better: which direction is better, "neither" where it depends.
        note: what to know when reading it.
        source: who defined it; empty for a plain count.
        of: "users", a mean over users; "lists", of all lists together; "model" or "test", without a cut-off.
        derived: whether it is not stored, but made of what is (`rankbench.results.derived`).
        only_at: the one cut-off that it is known at; 0 for all.
    """

    title: str
    text: str
    better: Better
    note: str = ""
    source: str = ""
    of: Literal["users", "lists", "model", "test"] = "users"
    derived: bool = False
    only_at: int = 0

    @property
    def has_cut_off(self) -> bool:
        """Whether the metric is given with a K."""
        return self.of in ("users", "lists")

    def merit(self, value: float) -> float | None:
        """Return a number that is the greater the better a value is; None where there is none or it cannot be said."""
        if math.isnan(value):
            return None
        return {"higher": value, "lower": -value, "near 0": -abs(value), "neither": None}[self.better]
