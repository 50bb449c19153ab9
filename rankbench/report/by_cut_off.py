"""Both tests at every cut-off: whether a gain is one of the first few places or of the long list."""

from __future__ import annotations

from dataclasses import replace

from rankbench.evaluation.metrics import KS
from rankbench.report import captions
from rankbench.report.leaderboard import both_ways, label_of, score_cell
from rankbench.report.shift_table import name_of, sides_of
from rankbench.report.table import Cell, Column, Table, mark_best
from rankbench.results.compare_shift import Robustness
from rankbench.results.compare_tests import Metric
from rankbench.results.leaderboard import Query


def at_every_cut_off(query: Query) -> Query:
    """Return the query for the first metric at every K, that which was asked for first."""
    first = query.metrics[0]
    return replace(query, metrics=(first, *(Metric(first.name, K) for K in KS if first.K and first.K != K)))


def cut_off_table(table: Robustness) -> Table:
    """Return the table of one metric at every K on both tests."""
    metrics = sorted(table.plain.query.metrics, key=lambda metric: metric.K)
    boards = (table.plain, table.shifted)
    differing = captions.varying(line for pair in table.pairs for line in sides_of(pair))
    rows = [
        (
            label_of(sides_of(pair), differing),
            Cell(both_ways(line.backbone for line in sides_of(pair))),
            *(replace(score_cell(side, m), spread="") for side in (pair.plain, pair.shifted) for m in metrics),
        )
        for pair in table.pairs
    ]
    return Table(
        title=f"{name_of(table)}: {captions.title_of(metrics[0]).partition('@')[0]} at every K",
        columns=(
            Column("loss", number=False),
            Column("backbone", number=False),
            *(Column(f"@{metric.K}", above=board.test) for board in boards for metric in metrics),
        ),
        rows=mark_best(rows),
        caption=captions.of_shift(table),
    )
