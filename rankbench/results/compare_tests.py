"""What a chosen configuration reaches on the test sets: the only reader of test numbers.

`measure` reads metrics.parquet and `group_recall` groups.parquet, of the chosen runs only and once each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rankbench.errors import UserError
from rankbench.results.compare_runs import Run
from rankbench.results.store import StoredRun


@dataclass(frozen=True)
class Metric:
    """A metric at a cut-off, `str(metric)` is how it is typed: ndcg@20."""

    name: str
    K: int

    def __str__(self) -> str:
        return f"{self.name}@{self.K}"


@dataclass(frozen=True)
class Score:
    """A metric on a test set over the seeds.

    Args:
        mean: the mean.
        sd: the sample standard deviation; None with one seed.
        gain: how much greater the mean is than that of softmax with the same backbone, in percent of the latter; None
            for softmax itself and where there is none.
    """

    mean: float
    sd: float | None
    gain: float | None = None


@dataclass(frozen=True)
class Group:
    """A popularity group of items, summed over the seeds: how much of what was relevant in it was found.

    Args:
        items: items in the group.
        relevant: test interactions with them.
        hits: how many of these are in the first K.
    """

    items: int
    relevant: int
    hits: int

    @property
    def recall(self) -> float | None:
        """Share of the group's test interactions that were found; None without any."""
        return self.hits / self.relevant if self.relevant else None


@dataclass(frozen=True)
class Measured:
    """The metrics of a configuration on one test set, and how many users the means are over."""

    scores: Mapping[Metric, Score]
    users: int


def measure(runs: Iterable[Run], metrics: Iterable[Metric], select: str, convention: str) -> dict[str, Measured]:
    """Return, by test set, what the runs of one configuration reach at the epochs that `select` chose."""
    metrics = tuple(metrics)
    rows = [(run.stored, row) for run in runs for row in _rows(run.stored, "metrics", select, convention)]
    values: dict[str, dict[Metric, list[float]]] = {}
    users: dict[str, int] = {}
    for _, row in rows:
        by_metric = values.setdefault(row["test"], {})
        by_metric.setdefault(Metric(row["metric"], row["k"]), []).append(row["value"])
        users[row["test"]] = row["users"]
    found = {}
    for test, by_metric in values.items():
        if absent := [str(metric) for metric in metrics if metric not in by_metric]:
            raise _lacking(rows[0][0], f"{absent[0]} on {test}")
        found[test] = Measured({metric: _score(by_metric[metric]) for metric in metrics}, users[test])
    return found


def group_recall(runs: Iterable[Run], test: str, K: int, select: str, convention: str) -> tuple[Group, ...]:
    """Return the popularity groups of a test set, from head to tail, hits and relevant items summed over the runs."""
    sums: dict[int, Group] = {}
    for run in runs:
        for row in _rows(run.stored, "groups", select, convention):
            if row["test"] == test and row["k"] == K:
                so_far = sums.get(row["group"], Group(row["items"], 0, 0))
                sums[row["group"]] = Group(so_far.items, so_far.relevant + row["relevant"], so_far.hits + row["hits"])
    return tuple(sums[group] for group in sorted(sums))


def _score(values: list[float]) -> Score:
    return Score(fmean(values), stdev(values) if len(values) > 1 else None)


def _rows(stored: StoredRun, name: str, select: str, convention: str) -> list[dict[str, Any]]:
    """Return the rows of a table measured at the epoch that `select` chose, under a convention."""
    table = stored.table(name)
    try:
        rows: list[dict[str, Any]] = table.filter(
            (pc.field("selected_by") == select) & (pc.field("convention") == convention)
        ).to_pylist()
    except pa.ArrowException as error:
        raise _lacking(stored, f"columns ({error})") from error
    if not rows:
        raise _lacking(stored, f"rows of {name} selected by {select} under the convention {convention}")
    return rows


def _lacking(stored: StoredRun, what: str) -> UserError:
    return UserError(
        f"The stored run {stored.path} is damaged: it lacks {what}.",
        "Delete that folder; `rankbench run` makes the run again.",
    )
