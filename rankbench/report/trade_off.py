"""What losses trade against what: the Pareto front of all configurations, and losses at matched popularity or NDCG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rankbench.report import captions
from rankbench.report.shift_table import name_of
from rankbench.report.table import NOTHING, Cell, Column, Table, decimals, mark_best, number, percent
from rankbench.results.compare_runs import Run
from rankbench.results.compare_shift import Robustness
from rankbench.results.compare_tests import Metric
from rankbench.results.leaderboard import PLAIN, SHIFTED
from rankbench.results.sweep import Front, Matched, Point, front_of, matched, points_of
from rankbench.spec import NO_LOSS

_ALL = (
    "Every configuration is measured on the tests here, so nothing is selected: this shows what lies around a choice."
)


def front_tables(runs: Sequence[Run], table: Robustness) -> tuple[Table, Table]:
    """Return the configurations on the Pareto front, and what those of each loss cover."""
    front = front_of(points_of(runs, table), table)
    first, K = table.plain.query.metrics[0], table.cut_off
    rows = [
        (
            Cell(point.loss, detail="chosen" if point.chosen else ""),
            Cell(point.backbone),
            *(_cell(metric, value) for metric, value in values_of(point, first, K).values()),
            _share(front.share(i)),
        )
        for i, point in enumerate(front.points)
        if front.there[i]
    ]
    columns = (
        Column("loss", number=False),
        Column("backbone", number=False),
        *(Column(title, above=PLAIN) for title in (captions.title_of(first), f"tail@{K}", "ARP×", "Gini")),
        Column(captions.title_of(first), above=SHIFTED),
        Column("seeds drawn", spare=1),
    )
    best = Table(
        title=f"{name_of(table)}: the Pareto front of {len(front.points)} configurations",
        columns=columns,
        rows=mark_best(rows),
        caption=f"No configuration is as good as one of these in all of NDCG on both tests, tail and Gini. {_ALL} "
        f"Chosen: by validation `{table.plain.query.select}`. Seeds drawn: in how many draws of the seeds, with "
        "replacement, it is on the front; a dash where it has one seed.",
    )
    return best, _covered_table(front, table)


def _covered_table(front: Front, table: Robustness) -> Table:
    rows = [
        (
            Cell(one.key[3] if one.key[3] != NO_LOSS.name else NOTHING),
            Cell(one.backbone),
            Cell(str(one.configurations)),
            Cell(str(one.on_front)),
            _share(one.often),
            number(one.volume),
            replace(number(one.alone), value=None),
        )
        for one in front.covered()
    ]
    return Table(
        title=f"{name_of(table)}: what the configurations of each loss cover",
        columns=(
            Column("loss", number=False),
            Column("backbone", number=False),
            Column("configurations", spare=1),
            Column("on the front"),
            Column("seeds drawn", spare=2),
            Column("hypervolume"),
            Column("alone"),
        ),
        rows=mark_best(rows),
        caption="Hypervolume: what the configurations of a loss dominate in NDCG on both tests, tail NDCG and 1 - "
        "Gini, each divided by its maximum here; all together "
        f"{front.volume():.4f}. Alone: what nothing else dominates. Seeds drawn: in how many draws of the seeds any of "
        "them is on the front. Losses with more configurations cover more.",
    )


def _share(value: float | None) -> Cell:
    return Cell() if value is None else Cell(f"{100 * value:.0f}%")


def values_of(point: Point, first: Metric, K: int) -> dict[str, tuple[Metric, float]]:
    """Return the metrics of a configuration that the front is shown with, by side and metric as in plain_ndcg@20."""
    of_plain = (first, Metric("tail_ndcg", K), Metric("arp_ratio", K), Metric("gini", K))
    found = {f"plain_{metric}": (metric, point.plain[metric]) for metric in of_plain}
    return {**found, f"shifted_{first}": (first, point.shifted[first])}


def matched_table(runs: Sequence[Run], table: Robustness, by: str) -> Table:
    """Return the losses where their sweeps have the popularity, or the NDCG, of tuned softmax."""
    first = table.plain.query.metrics[0]
    found = matched(points_of(runs, table), table, by)
    base = {one.pair.line.key: one for one in found}
    what = "ARP" if by == "arp" else captions.title_of(first)
    rows = [_matched_row(one, base.get(one.pair.line.baseline_key)) for one in found]
    columns = (
        Column("loss", number=False),
        Column("backbone", number=False),
        Column(f"{what} range", number=False),
        Column("configurations", spare=1),
        Column("ARP", above=PLAIN),
        Column(captions.title_of(first), above=PLAIN),
        Column("gain", above=PLAIN),
        Column(captions.title_of(first), above=SHIFTED),
        Column("gain", above=SHIFTED),
    )
    return Table(
        title=f"{name_of(table)}: at the {what} of tuned softmax",
        columns=columns,
        rows=mark_best(rows),
        caption=f"Between the configurations of each loss, linearly; a dash where its sweep does not reach the {what} "
        f"of the softmax that validation chose. Gain: over softmax there. {_ALL}",
    )


def _matched_row(one: Matched, base: Matched | None) -> tuple[Cell, ...]:
    line = one.pair.line
    gains = gains_over(one, base)
    return (
        Cell(line.choice.loss.name if line.has_loss else line.loss),
        Cell(line.backbone),
        Cell(f"{decimals(one.low)}..{decimals(one.high)}"),
        Cell(str(one.configurations)),
        Cell() if one.arp is None else Cell(decimals(one.arp)),
        number(one.plain),
        percent(gains[0], signed=True),
        number(one.shifted),
        percent(gains[1], signed=True),
    )


def gains_over(one: Matched, base: Matched | None) -> tuple[float | None, float | None]:
    """Return the gains over softmax at the target on both tests, in percent; None where there is none."""
    if base is None or base is one:
        return None, None
    sides = ((one.plain, base.plain), (one.shifted, base.shifted))
    plain, shifted = (None if a is None or not b else 100 * (a - b) / b for a, b in sides)
    return plain, shifted


def _cell(metric: Metric, value: float) -> Cell:
    return Cell(decimals(value), value=metric.merit(value))
