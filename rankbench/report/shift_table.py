"""The table of robustness: what each line reaches on both tests, whether that is real, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rankbench.evaluation.metrics import AT
from rankbench.report import captions
from rankbench.report.leaderboard import both_ways, budget_cells, gain_cell, label_of, score_cell
from rankbench.report.notes import notes_on, of_budget
from rankbench.report.table import NOTHING, Cell, Column, Table, mark_best, percent
from rankbench.results.compare_shift import Pair, Robustness
from rankbench.results.compare_tests import Metric
from rankbench.results.contrast import Contrast
from rankbench.results.evidence import Evidence
from rankbench.results.leaderboard import PLAIN, SHIFTED, Key, Leaderboard, Line
from rankbench.results.paired import letters

NOISE = "≈"
"""The mark of a gain that is within noise."""


def table_of_both(table: Robustness) -> Table:
    """Return the table of both tests."""
    lines = [line for pair in table.pairs for line in sides_of(pair)]
    differing = captions.varying(lines)
    letter = {pair.line.key: letters(i) for i, pair in enumerate(table.pairs)}
    rows = [
        (
            label_of(sides_of(pair), differing),
            Cell(both_ways([line.backbone for line in sides_of(pair)])),
            *side_cells(pair.plain, table.plain, table),
            *side_cells(pair.shifted, table.shifted, table),
            percent(pair.kept),
            *_cost(pair, table),
            Cell(letter[pair.line.key]),
            _beaten(pair.plain, table.plain, table, letter),
            _beaten(pair.shifted, table.shifted, table, letter),
            *budget_cells(sides_of(pair)),
        )
        for pair in table.pairs
    ]
    return Table(
        title=f"{name_of(table)}: tests {PLAIN} and {SHIFTED}",
        columns=_columns(table),
        rows=mark_best(rows),
        caption=captions.of_shift(table),
        notes=_notes(table),
    )


def _columns(table: Robustness) -> tuple[Column, ...]:
    K = table.plain.query.metrics[0].K or AT
    return (
        Column("loss", number=False),
        Column("backbone", number=False),
        *_side_columns(PLAIN, table.plain.query.metrics),
        *_side_columns(SHIFTED, table.plain.query.metrics),
        Column("kept", spare=1),
        Column(f"tail@{K}", above=PLAIN, spare=2),
        Column("ARP×", above=PLAIN, spare=4),
        Column("Gini", above=PLAIN, spare=3),
        Column("front", number=False, spare=5),
        Column("line", number=False, spare=6),
        Column("beats", above=PLAIN, number=False, spare=6),
        Column("beats", above=SHIFTED, number=False, spare=6),
        Column("seeds", spare=7),
        Column("tried", spare=8),
    )


def _side_columns(test: str, metrics: tuple[Metric, ...]) -> tuple[Column, ...]:
    first, *others = metrics
    return (
        Column(captions.title_of(first), above=test),
        Column("gain", above=test),
        *(Column(captions.title_of(metric), above=test, spare=8 + i) for i, metric in enumerate(others, start=1)),
    )


def side_cells(line: Line | None, board: Leaderboard, table: Robustness) -> tuple[Cell, ...]:
    """Return the first metric on a test, its gain over softmax with its interval, and the other metrics."""
    first, *others = board.query.metrics
    evidence = table.evidence.by_test.get(board.test) if table.evidence else None
    return (
        score_cell(line, first),
        _gain_cell(line, first, evidence),
        *(score_cell(line, metric) for metric in others),
    )


def _beaten(line: Line | None, board: Leaderboard, table: Robustness, letter: dict[Key, str]) -> Cell:
    """Return the letters of the lines that are significantly worse on a test."""
    evidence = table.evidence.by_test.get(board.test) if table.evidence else None
    beaten = evidence.beats.get(line.key) if line and evidence else None
    return Cell() if beaten is None else Cell(ranges([letter[key] for key in beaten], list(letter.values())) or "none")


def _gain_cell(line: Line | None, metric: Metric, evidence: Evidence | None) -> Cell:
    """Return the gain over softmax in percent with its interval, marked where it is within noise."""
    cell = gain_cell(line, metric)
    contrast = evidence.contrasts.get(line.key) if line and evidence else None
    if contrast is None:
        return cell
    marked = replace(cell, detail=interval_of(contrast))
    return replace(marked, text=f"{cell.text} {NOISE}", faint=True) if contrast.within_noise else marked


def interval_of(contrast: Contrast) -> str:
    """Return the interval of a gain as tables print it."""
    return f"[{contrast.low:.1f},{contrast.high:.1f}]"


def _cost(pair: Pair, table: Robustness) -> tuple[Cell, ...]:
    """Return NDCG of tail items, popularity and evenness of the lists, and whether the line is on the Pareto front."""
    K = table.plain.query.metrics[0].K or AT
    metrics = (Metric("tail_ndcg", K), Metric("arp_ratio", K), Metric("gini", K))
    known = pair.plain.scores if pair.plain else {}
    cells = [replace(score_cell(pair.plain, metric), spread="") if metric in known else Cell() for metric in metrics]
    share = "" if not pair.front_share else f"{100 * pair.front_share:.0f}%"
    return (*cells, Cell(NOTHING if pair.on_front is None else "yes" if pair.on_front else "no", detail=share))


def ranges(chosen: Sequence[str], order: Sequence[str]) -> str:
    """Return letters in their order, three or more in a row as the first and the last of them: `a c-f`."""
    places = sorted(order.index(letter) for letter in chosen)
    runs: list[list[int]] = []
    for place in places:
        if runs and runs[-1][-1] == place - 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    words = []
    for run in runs:
        words += [f"{order[run[0]]}-{order[run[-1]]}"] if len(run) > 2 else [order[place] for place in run]
    return " ".join(words)


def sides_of(pair: Pair) -> list[Line]:
    """Return the lines of a pair that there are."""
    return [line for line in (pair.plain, pair.shifted) if line]


def name_of(table: Robustness) -> str:
    """Return data set and splits as titles have them."""
    protocols = dict.fromkeys((table.plain.protocol, table.shifted.protocol))
    return f"{table.plain.dataset}, split{'s' if len(protocols) > 1 else ''} {' and '.join(protocols)}"


def _notes(table: Robustness) -> tuple[str, ...]:
    plain = notes_on((pair.plain for pair in table.pairs if pair.plain), table.plain)
    shifted = notes_on((pair.shifted for pair in table.pairs if pair.shifted), table.shifted)
    budget = of_budget([pair.line for pair in table.pairs])
    if table.one_model:
        return (*budget, *plain)
    return (*budget, *(f"Split {PLAIN}: {note}" for note in plain), *(f"Split {SHIFTED}: {note}" for note in shifted))
