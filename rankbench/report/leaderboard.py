"""Leaderboards as tables, ready to be drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from rankbench.report import captions
from rankbench.report.notes import notes_on
from rankbench.report.table import Cell, Column, Table, decimals, mark_best, percent
from rankbench.results.compare_tests import Metric
from rankbench.results.leaderboard import Leaderboard, Line


def table_of(board: Leaderboard) -> Table:
    """Return the table of a leaderboard: a line each, metrics, gain over softmax, seeds and configurations tried."""
    first, *others = board.query.metrics
    differing = captions.varying(board.lines)
    rows = [
        (
            loss_cell(line, differing),
            Cell(line.backbone),
            score_cell(line, first),
            *(score_cell(line, metric) for metric in others),
            gain_cell(line, first),
            *budget_cells([line]),
        )
        for line in board.lines
    ]
    columns = (
        Column("loss", number=False),
        Column("backbone", number=False),
        Column(captions.title_of(first)),
        *(Column(captions.title_of(metric), spare=2 + i) for i, metric in enumerate(others, start=1)),
        Column("gain"),
        Column("seeds", spare=1),
        Column("tried", spare=2),
    )
    test = "" if len(board.tests) == 1 else f", test {board.test}"
    return Table(
        title=f"{board.dataset}, split {board.protocol}{test}",
        columns=columns,
        rows=mark_best(rows),
        caption=captions.of_leaderboard(board),
        notes=tuple(notes_on(board.lines, board)),
    )


def loss_cell(line: Line, differing: Iterable[str]) -> Cell:
    """Return the loss as it is typed, and the training values in which the lines of the table differ."""
    return Cell(line.loss, detail=captions.spelled(line.choice.asked, differing))


def label_of(lines: Iterable[Line], differing: Iterable[str]) -> Cell:
    """Return the loss of a line, both ways where it was chosen twice, differently."""
    cells = [loss_cell(line, differing) for line in lines]
    details = list(dict.fromkeys(cell.detail for cell in cells))
    detail = " | ".join(one or "default" for one in details) if any(details) else ""
    return Cell(both_ways([cell.text for cell in cells]), detail=detail)


def both_ways(labels: Iterable[str]) -> str:
    """Return the label, or both of them where the two choices differ."""
    return " | ".join(dict.fromkeys(labels))


def score_cell(line: Line | None, metric: Metric) -> Cell:
    """Return mean and standard deviation of a metric, `diverged` where there is none."""
    if line is None:
        return Cell()
    if not line.scores:
        return Cell("diverged")
    score = line.scores[metric]
    spread = "" if score.sd is None or math.isnan(score.sd) else decimals(score.sd, score.mean)
    return Cell(decimals(score.mean), spread=spread, value=metric.merit(score.mean))


def gain_cell(line: Line | None, metric: Metric) -> Cell:
    """Return the gain over softmax in percent; it competes with no other, as its metric does."""
    return replace(percent(line.scores[metric].gain if line and line.scores else None, signed=True), value=None)


def budget_cells(lines: Iterable[Line]) -> tuple[Cell, Cell]:
    """Return how many seeds and how many configurations tried there were, for each of the trainings of a line."""
    lines = list(lines)
    seeds = "/".join(dict.fromkeys(str(len(line.choice.seeds)) for line in lines))
    return Cell(seeds), Cell("/".join(dict.fromkeys(str(line.choice.tried) for line in lines)))
