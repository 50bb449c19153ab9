"""NDCG under a graded popularity shift as a table: a column for each exponent, and the slope."""

from __future__ import annotations

from rankbench.evaluation.meanings import GAMMAS
from rankbench.evaluation.metrics import AT
from rankbench.report import captions
from rankbench.report.shift_table import name_of
from rankbench.report.table import Cell, Column, Table, mark_best, number
from rankbench.results.compare_graded import Curve, curves_of
from rankbench.results.compare_shift import Robustness


def curve_table(table: Robustness) -> Table | None:
    """Return the table of NDCG(gamma) on the test in distribution; None where no run stores it."""
    curves = curves_of(table.plain, [pair.plain for pair in table.pairs if pair.plain])
    if not curves:
        return None
    rows = [
        (
            Cell(curve.line.loss),
            Cell(curve.line.backbone),
            *(number(value) for value in curve.values),
            _slope_cell(curve),
        )
        for curve in curves
    ]
    return Table(
        title=f"{name_of(table)}, test {table.plain.test}: NDCG@{AT} under a graded popularity shift",
        columns=(
            Column("loss", number=False),
            Column("backbone", number=False),
            *(Column(f"γ={gamma:g}") for gamma in (0, *GAMMAS)),
            Column("slope"),
        ),
        rows=mark_best(rows),
        caption=" ".join(
            [
                "Test pairs weighted by popularity in train to the power of -γ: 0 is the test as it is, 1 counts its "
                "items alike. Slope: by least squares, NDCG for each unit of γ, with its 95 % interval over users.",
                captions.of_size(table),
            ]
        ).strip(),
    )


def _slope_cell(curve: Curve) -> Cell:
    return Cell(f"{curve.slope:+.4f}", detail=f"[{curve.low:.4f},{curve.high:.4f}]", value=curve.slope)
