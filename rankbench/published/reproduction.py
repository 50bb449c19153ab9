"""A published table made again: the runs of each line, and what they reach beside the figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from rankbench.data.interactions import Split
from rankbench.errors import unknown
from rankbench.plan import Request, plan
from rankbench.published import Line, PublishedTable
from rankbench.results.compare_choice import Choice, choose
from rankbench.results.compare_runs import run_of
from rankbench.results.compare_tests import Metric, Score, measure
from rankbench.results.store import Store
from rankbench.runner import Job

SELECT = "iid"
"""The validation set that chooses the epoch, and what the source of the table leaves open."""


@dataclass(frozen=True)
class Reproduced:
    """A line of a published table, and what was reached here.

    Args:
        line: the line.
        choice: the configuration that validation chose; None if none of its runs is stored.
        scores: by metric, over the seeds; empty if there is nothing to measure.
    """

    line: Line
    choice: Choice | None
    scores: dict[Metric, Score]

    def difference(self, metric: Metric) -> float | None:
        """Return how much greater our figure is than the published one, in percent of it; None without either."""
        published = self.line.published.get(metric)
        if not published or metric not in self.scores:
            return None
        return 100 * (self.scores[metric].mean - published) / published


def lines_of(parts: Sequence[PublishedTable], table: PublishedTable, wanted: Sequence[str]) -> tuple[Line, ...]:
    """Return the lines of a part of a table with the given names, in the table's order; all if none is given.

    Raises:
        UserError: no part of the table has a line of a name.
    """
    known = {line.name.lower(): line.name for part in parts for line in part.lines}
    for name in wanted:
        if name.lower() not in known:
            raise unknown(f"line of {table.name}", name, known.values())
    chosen = {name.lower() for name in wanted}
    return tuple(line for line in table.lines if line.name.lower() in chosen or not chosen)


def jobs_of(table: PublishedTable, line: Line, splits: Sequence[Split], seeds: Sequence[int]) -> list[Job]:
    """Return the runs that a line needs: its training values, those that the source leaves open varied."""
    fixed = {key: values[0] for key, values in line.train.items() if len(values) == 1}
    open_values = {key: values for key, values in line.train.items() if len(values) > 1}
    return plan(Request(line.loss, table.backbone, seeds, fixed, open_values), splits)


def reproduced(table: PublishedTable, line: Line, jobs: Iterable[Job], store: Store) -> Reproduced:
    """Return what the stored runs of a line reach."""
    runs = [run_of(store.get(job.spec)) for job in jobs if store.has(job.spec)]
    if not runs:
        return Reproduced(line, None, {})
    choice = choose(runs, SELECT)
    if choice.failed:
        return Reproduced(line, choice, {})
    measured = measure(choice.runs, table.metrics, SELECT, table.convention)
    return Reproduced(line, choice, cast(dict[Metric, Score], dict(measured[table.protocol].scores)))
