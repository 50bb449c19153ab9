"""The views of a report of robustness for other programs: records of one level, the columns of a CSV.

`--json` prints a list of {dataset, view, plain, shifted, records}, the leaderboards as in `rankbench.report.json`, and
`--csv` the records. `--by k` has no records: it is the report itself, at every K. All records begin with

    dataset, protocol, backbone, loss    the line, or the configuration; loss a dash without one

and go on

    by group    test, by ("items", "activity" or "mainstreamness"), group (0 the head, or the lowest), name, k, measure
                ("recall", "ndcg" or "contribution"), value; null where undefined
    gamma       test, k, gamma_0, gamma_0.25 and so on (NDCG under that graded shift), slope, slope_low, slope_high
    pareto      of every configuration train (key=value), chosen (by validation), on_front, front_share (in how many
                draws of the seeds; null with one seed), and of the first metric M with its cut-off K plain_M,
                plain_tail_ndcg@K, plain_arp_ratio@K, plain_gini@K, shifted_M
    arp, ndcg   matched (the metric), configurations, low, high (its range over them), target (that of tuned softmax),
                arp, plain, plain_gain_percent, shifted, shifted_gain_percent (all at the target); null where it is not
                reached

The columns of a view only grow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rankbench.evaluation.meanings import GAMMAS
from rankbench.evaluation.metrics import AT
from rankbench.params import show
from rankbench.report.by_group import VIEWS, sides_with_numbers
from rankbench.report.json import board_json, finite, written
from rankbench.report.trade_off import gains_over, values_of
from rankbench.results.compare_graded import curves_of
from rankbench.results.compare_groups import by_group
from rankbench.results.compare_runs import Run
from rankbench.results.compare_shift import Robustness
from rankbench.results.leaderboard import BEYOND_ACCURACY, Leaderboard, Line, Query
from rankbench.results.sweep import front_of, matched, points_of

Record = dict[str, Any]

_LINE = ("dataset", "protocol", "backbone", "loss")


def columns_of_view(view: str, query: Query) -> tuple[str, ...]:
    """Return the names of the columns of a view's records, in their order."""
    first, K = query.metrics[0], query.metrics[0].K or AT
    gains = ("plain", "plain_gain_percent", "shifted", "shifted_gain_percent")
    swept = ("matched", "configurations", "low", "high", "target", "arp", *gains)
    return (
        *_LINE,
        *{
            "group": ("test", "by", "group", "name", "k", "measure", "value"),
            "gamma": ("test", "k", *(f"gamma_{gamma:g}" for gamma in (0, *GAMMAS)), "slope", "slope_low", "slope_high"),
            "pareto": (
                *(
                    "train",
                    "chosen",
                    "on_front",
                    "front_share",
                    f"plain_{first}",
                    f"plain_tail_ndcg@{K}",
                    f"plain_arp_ratio@{K}",
                ),
                *(f"plain_gini@{K}", f"shifted_{first}"),
            ),
            "arp": swept,
            "ndcg": swept,
        }[view],
    )


def records_of_view(table: Robustness, view: str, runs: Sequence[Run]) -> list[Record]:
    """Return the records of a view; none of runs that do not store what it takes.

    Args:
        table: the table of both tests.
        view: "group", "gamma", "pareto", "arp" or "ndcg".
        runs: the runs that it was made of.
    """
    if table.plain.numbers < BEYOND_ACCURACY or (view in ("pareto", "arp", "ndcg") and not table.one_model):
        return []
    if view == "group":
        return list(_groups(table))
    if view == "gamma":
        return list(_curves(table))
    return list(_front(runs, table) if view == "pareto" else _matched(runs, table, view))


def json_of_records(found: Sequence[tuple[Robustness, list[Record]]], view: str) -> str:
    """Return the records of a view as JSON, data set by data set."""
    return written(
        [
            {
                "dataset": table.plain.dataset,
                "view": view,
                "plain": board_json(table.plain),
                "shifted": board_json(table.shifted),
                "records": records,
            }
            for table, records in found
        ]
    )


def _line(table: Robustness, backbone: str, loss: str) -> Record:
    protocols = dict.fromkeys((table.plain.protocol, table.shifted.protocol))
    return dict(zip(_LINE, (table.plain.dataset, " and ".join(protocols), backbone, loss), strict=True))


def _groups(table: Robustness) -> Iterator[Record]:
    sides = (
        (table.plain, [(pair.plain, pair.plain_groups) for pair in table.pairs]),
        (table.shifted, [(pair.shifted, pair.shifted_groups) for pair in table.pairs]),
    )
    for board, lines in sides:
        for line, groups in lines:
            if line and line.scores:
                yield from _of_groups(table, line, board, "items", "recall", [group.recall for group in groups])
    for view in VIEWS:
        by, measure = view.grouping.by or "items", view.grouping.column
        for board, having in sides_with_numbers(table):
            for line in having:
                values = by_group(line, view.grouping, board.test, table.cut_off, board.query)
                yield from _of_groups(table, line, board, by, measure, values)


def _of_groups(
    table: Robustness, line: Line, board: Leaderboard, by: str, measure: str, values: Sequence[float | None]
) -> Iterator[Record]:
    names = next(view.names for view in VIEWS if by == (view.grouping.by or "items"))
    for group, (name, value) in enumerate(zip(names, values, strict=True)):
        yield {
            **_line(table, line.backbone, line.loss),
            "test": board.test,
            "by": by,
            "group": group,
            "name": name,
            "k": table.cut_off,
            "measure": measure,
            "value": finite(value),
        }


def _curves(table: Robustness) -> Iterator[Record]:
    for curve in curves_of(table.plain, [pair.plain for pair in table.pairs if pair.plain]):
        yield {
            **_line(table, curve.line.backbone, curve.line.loss),
            "test": table.plain.test,
            "k": AT,
            **{f"gamma_{gamma:g}": value for gamma, value in zip((0.0, *GAMMAS), curve.values, strict=True)},
            "slope": finite(curve.slope),
            "slope_low": finite(curve.low),
            "slope_high": finite(curve.high),
        }


def _front(runs: Sequence[Run], table: Robustness) -> Iterator[Record]:
    front = front_of(points_of(runs, table), table)
    for i, point in enumerate(front.points):
        values = values_of(point, table.plain.query.metrics[0], table.cut_off)
        yield {
            **_line(table, point.backbone, point.loss),
            "train": " ".join(f"{key}={show(value)}" for key, value in point.train.items()),
            "chosen": point.chosen,
            "on_front": bool(front.there[i]),
            "front_share": front.share(i),
            **{name: finite(value) for name, (_, value) in values.items()},
        }


def _matched(runs: Sequence[Run], table: Robustness, by: str) -> Iterator[Record]:
    found = matched(points_of(runs, table), table, by)
    base = {one.pair.line.key: one for one in found}
    for one in found:
        line = one.pair.line
        plain_gain, shifted_gain = gains_over(one, base.get(line.baseline_key))
        yield {
            **_line(table, line.backbone, line.choice.loss.name if line.has_loss else line.loss),
            "matched": f"arp@{table.cut_off}" if by == "arp" else str(table.plain.query.metrics[0]),
            **{name: getattr(one, name) for name in ("configurations", "low", "high", "target", "arp", "plain")},
            "plain_gain_percent": plain_gain,
            "shifted": one.shifted,
            "shifted_gain_percent": shifted_gain,
        }
