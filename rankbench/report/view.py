"""The views of a report of robustness: the table of both tests, or one of what is behind it."""

from __future__ import annotations

from rankbench.report.by_cut_off import cut_off_table
from rankbench.report.by_group import group_tables
from rankbench.report.graded import curve_table
from rankbench.report.shift import tables_of
from rankbench.report.table import Table
from rankbench.results.compare_shift import Robustness


def tables_of_view(table: Robustness, view: str) -> tuple[Table, ...]:
    """Return the tables of a view: "group", "k", "gamma", or "" for that of both tests."""
    if view == "group":
        return (*tables_of(table)[1:], *group_tables(table))
    if view == "k":
        return (cut_off_table(table),)
    if view == "gamma":
        return tuple(filter(None, (curve_table(table),)))
    return tables_of(table)[:1]
