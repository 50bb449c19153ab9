"""What a chosen configuration reaches on the test sets: the only reader of test numbers.

`measure` reads metrics.parquet and `group_recall` groups.parquet, of the chosen runs only and once each.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from statistics import fmean, stdev
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rankbench.evaluation.groups import GROUPS
from rankbench.evaluation.meanings import MEANINGS
from rankbench.evaluation.metrics import METRICS
from rankbench.results.compare_runs import Run
from rankbench.results.derived import DERIVED, At
from rankbench.results.per_user import Place
from rankbench.results.store import DamagedRunError, StoredRun

_KEY = ("selected_by", "convention", "test")
_COLUMNS = {
    "metrics": (*_KEY, "metric", "k", "value", "users"),
    "groups": (*_KEY, "group", "items", "relevant", "k", "hits"),
}


@dataclass(frozen=True)
class Metric:
    """A metric at a cut-off, 0 where it has none; `str(metric)` is how it is typed: ndcg@20."""

    name: str
    K: int

    def __str__(self) -> str:
        return f"{self.name}@{self.K}" if self.K else self.name

    def merit(self, value: float) -> float | None:
        """Return a number that is the greater the better a value is; None where that cannot be said."""
        return MEANINGS[self.name].merit(value)


@dataclass(frozen=True)
class Score:
    """A metric on a test set over the seeds.

    Args:
        mean: the mean.
        sd: the sample standard deviation; None with one seed.
        gain: how much greater the mean is than that of softmax with the same backbone, in percent of the latter; None
            for softmax itself and where there is none.
        by_seed: the values that the mean is of, by seed.
    """

    mean: float
    sd: float | None
    gain: float | None = None
    by_seed: Mapping[int, float] = field(default_factory=dict)


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
    """Return, by test set, what the runs of one configuration reach at the epochs that `select` chose.

    Raises:
        DamagedRunError: a run lacks a value, has it twice or has one that is no number.
    """
    runs, metrics = list(runs), tuple(metrics)
    found = [_of_run(run.stored, metrics, select, convention) for run in runs]
    tests = dict.fromkeys(test for one in found for test in one)
    for run, one in zip(runs, found, strict=True):
        if absent := [test for test in tests if test not in one]:
            raise _lacking(run.stored, f"numbers on the test {absent[0]}")
    return {
        test: Measured(
            {m: _score({run.seed: one[test].values[m] for run, one in zip(runs, found, strict=True)}) for m in metrics},
            found[-1][test].users,
        )
        for test in tests
    }


def group_recall(runs: Iterable[Run], test: str, K: int, select: str, convention: str) -> tuple[Group, ...]:
    """Return the popularity groups of a test set, from head to tail, hits and relevant items summed over the runs."""
    sums: dict[int, Group] = {}
    for run in runs:
        rows = [r for r in _group_rows(run.stored, select, convention) if (r["test"], r["k"]) == (test, K)]
        if sorted(row["group"] for row in rows) != list(range(GROUPS)):
            raise DamagedRunError(run.stored.path, f"groups.parquet does not hold each popularity group of {test} once")
        for row in rows:
            so_far = sums.get(row["group"], Group(row["items"], 0, 0))
            sums[row["group"]] = Group(so_far.items, so_far.relevant + row["relevant"], so_far.hits + row["hits"])
    return tuple(sums[group] for group in sorted(sums))


@dataclass(frozen=True)
class _OnTest:
    """What one run reaches on a test: values, how many users each is over, and how many those of accuracy are over."""

    values: dict[Metric, float]
    over: dict[Metric, int]
    users: int


def _of_run(stored: StoredRun, metrics: tuple[Metric, ...], select: str, convention: str) -> dict[str, _OnTest]:
    needed = tuple(dict.fromkeys(source for metric in metrics for source in _sources(metric)))
    found: dict[str, _OnTest] = {}
    names = pa.array({metric.name for metric in needed} | set(METRICS))
    for row in _rows(stored, "metrics", select, convention, pc.field("metric").isin(names)):
        metric = Metric(row["metric"], row["k"])
        on_test = found.setdefault(row["test"], _OnTest({}, {}, row["users"]))
        if metric not in needed:
            continue
        if metric in on_test.values:
            raise DamagedRunError(stored.path, f"metrics.parquet holds {metric} on {row['test']} twice")
        on_test.over[metric] = row["users"]
        undefined = row["value"] is None and metric.name not in METRICS
        on_test.values[metric] = math.nan if undefined else row["value"]
    for test, on_test in found.items():
        _check(stored, test, on_test, needed)
        for metric in metrics:
            if metric.name in DERIVED:
                on_test.values[metric] = _derived(stored, metric, (select, convention, test), on_test)
    return found


def _sources(metric: Metric) -> tuple[Metric, ...]:
    """Return the stored metrics that a metric is made of, itself if it is stored."""
    if metric.name not in DERIVED:
        return (metric,)
    return tuple(Metric(name, metric.K) for name in DERIVED[metric.name].of)


def _check(stored: StoredRun, test: str, on_test: _OnTest, needed: Iterable[Metric]) -> None:
    for metric in needed:
        value = on_test.values.get(metric)
        if value is None:
            older = "" if metric.name in METRICS else "; an earlier version of rankbench may have measured it"
            raise _lacking(stored, f"{metric} on {test}{older}")
        if metric.name in METRICS and not math.isfinite(value):
            raise DamagedRunError(stored.path, f"its {metric} on {test} is {value}")


def _derived(stored: StoredRun, metric: Metric, place: Place, on_test: _OnTest) -> float:
    sources = _sources(metric)
    values = {source.name: on_test.values[source] for source in sources}
    users = on_test.over[sources[0]] if sources else on_test.users
    return DERIVED[metric.name].value(At(stored, place, metric.K, values, users))


def _score(by_seed: dict[int, float]) -> Score:
    values = list(by_seed.values())
    known = all(map(math.isfinite, values))
    spread = (stdev(values) if known else math.nan) if len(values) > 1 else None
    return Score(fmean(values), spread, by_seed=by_seed)


@lru_cache(maxsize=16)
def _group_rows(stored: StoredRun, select: str, convention: str) -> list[dict[str, Any]]:
    """Return the rows of the groups of a run: both tests of a line ask for them, one after the other."""
    return _rows(stored, "groups", select, convention)


def _rows(
    stored: StoredRun, name: str, select: str, convention: str, also: pc.Expression | None = None
) -> list[dict[str, Any]]:
    """Return the rows of a table measured at the epoch that `select` chose, under a convention."""
    table = stored.table(name)
    if absent := [column for column in _COLUMNS[name] if column not in table.schema.names]:
        raise _lacking(stored, f"the column {absent[0]} of {name}.parquet")
    if strange := [column for column in _KEY if not pa.types.is_string(table.schema.field(column).type)]:
        raise DamagedRunError(stored.path, f"the column {strange[0]} of {name}.parquet is no text")
    chosen = (pc.field("selected_by") == select) & (pc.field("convention") == convention)
    try:
        rows: list[dict[str, Any]] = table.filter(chosen if also is None else chosen & also).to_pylist()
    except pa.ArrowException as error:
        raise _lacking(stored, f"columns ({error})") from error
    if not rows:
        raise _lacking(stored, f"rows of {name} selected by {select} under the convention {convention}")
    return rows


def _lacking(stored: StoredRun, what: str) -> DamagedRunError:
    return DamagedRunError(stored.path, f"it lacks {what}")
