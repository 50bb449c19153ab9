"""Two stored runs beside each other: what differs in how they were made, in what they reached, and for whom.

Users are compared one by one (`by_user`), which needs the same split to the last interaction.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from rankbench.errors import unknown
from rankbench.results.by_user import ByUser, by_user
from rankbench.results.compare_runs import Run
from rankbench.results.store import StoredRun


@dataclass(frozen=True)
class Difference:
    """A field that the runs differ in, as `loss.tau`; None where a run has none of the name."""

    field: str
    a: Any
    b: Any


@dataclass(frozen=True)
class Reached:
    """A metric on a test set; None where a run has not measured it."""

    test: str
    metric: str
    a: float | None
    b: float | None

    @property
    def change(self) -> float | None:
        """How much greater B's value is, in percent of A's."""
        return None if self.a is None or self.b is None or not self.a else 100 * (self.b - self.a) / self.a


@dataclass(frozen=True)
class TwoRuns:
    """Two runs beside each other.

    Args:
        spec, environment: what differs in them.
        reached: the metrics on every test.
        by_user: a comparison for every test; empty if the runs are not of the same split.
        why_not: why there is none; empty if there is one.
    """

    spec: tuple[Difference, ...]
    environment: tuple[Difference, ...]
    reached: tuple[Reached, ...]
    by_user: tuple[ByUser, ...]
    why_not: str


def beside(a: Run, b: Run, metric: str, select: str, convention: str, most: int) -> TwoRuns:
    """Return two runs beside each other.

    Args:
        a, b: the runs; changes go from A to B.
        metric: METRIC@K, by which users are compared.
        select: the validation set that chose the epochs.
        convention: how the tests were measured.
        most: how many users and items to name that gain and lose most.

    Raises:
        UserError: the metric is not stored by user, or nothing was chosen on the validation set.
    """
    numbers = [_numbers(run.stored, select, convention) for run in (a, b)]
    fields = ("dataset", "protocol", "digest", "numbers", "seed", "loss", "backbone", "train")
    specs = [_flat({key: run.stored.spec[key] for key in fields}) for run in (a, b)]
    environments = [_flat(run.stored.environment) for run in (a, b)]
    why_not = _why_not(a, b)
    tests = () if why_not else tuple(dict.fromkeys(test for test, _ in numbers[0]))
    return TwoRuns(
        spec=_differences(*specs),
        environment=_differences(*environments),
        reached=tuple(Reached(*key, numbers[0].get(key), numbers[1].get(key)) for key in {**numbers[0], **numbers[1]}),
        by_user=tuple(by_user(a.stored, b.stored, metric, (select, convention, test), most) for test in tests),
        why_not=why_not,
    )


def _why_not(a: Run, b: Run) -> str:
    if (a.dataset, a.protocol) != (b.dataset, b.protocol):
        return "They are of different data or splits, so there are no users to compare."
    if a.digest != b.digest:
        return "They are of two splits of the same name, so there are no users to compare."
    for run in (a, b):
        if run.diverged:
            return f"The run {run.stored.id} diverged: {run.reason or 'no reason is stored'}."
    return ""


def _flat(content: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in content.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping):
            found.update(_flat(value, f"{name.removesuffix('.params')}."))
        else:
            found[name] = value
    return found


def _differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[Difference, ...]:
    return tuple(Difference(key, a.get(key), b.get(key)) for key in {**a, **b} if a.get(key) != b.get(key))


def _numbers(stored: StoredRun, select: str, convention: str) -> dict[tuple[str, str], float]:
    """Return the means by test and METRIC@K, those that are no number left out."""
    if stored.diverged:
        return {}
    table = stored.table("metrics")
    by = pc.field("selected_by") == select
    rows = table.filter(by & (pc.field("convention") == convention)).to_pylist()
    if not rows:
        known = sorted(set(table["selected_by"].to_pylist()))
        raise unknown(f"validation set of run {stored.id}", select, known, "--select names the one that chose.")
    named = {(row["test"], f"{row['metric']}@{row['k']}" if row["k"] else row["metric"]): row["value"] for row in rows}
    return {key: value for key, value in named.items() if value is not None and math.isfinite(value)}
