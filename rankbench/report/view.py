"""The views of a report of robustness: the table of both tests, or one of what is behind it."""

from __future__ import annotations

from collections.abc import Sequence

from rankbench.report.by_cut_off import cut_off_table
from rankbench.report.by_group import group_tables
from rankbench.report.graded import curve_table
from rankbench.report.shift import recall_tables, tables_of
from rankbench.report.table import Table
from rankbench.report.trade_off import front_tables, matched_table
from rankbench.results.compare_runs import Run
from rankbench.results.compare_shift import Robustness
from rankbench.results.leaderboard import BEYOND_ACCURACY


def tables_of_view(table: Robustness, view: str, runs: Sequence[Run]) -> tuple[Table, ...]:
    """Return the tables of a view, of which there may be none.

    Args:
        table: the table of both tests.
        view: "group", "k", "gamma", "pareto", "arp" or "ndcg"; "" for the table of both tests.
        runs: the runs that it was made of.
    """
    if view == "group":
        return (*recall_tables(table), *group_tables(table))
    if view == "k":
        return (cut_off_table(table),)
    if view == "gamma":
        return tuple(filter(None, (curve_table(table),)))
    if view in ("pareto", "arp", "ndcg"):
        if not table.one_model or table.plain.numbers < BEYOND_ACCURACY:
            return ()
        return front_tables(runs, table) if view == "pareto" else (matched_table(runs, table, view),)
    return tables_of(table)
