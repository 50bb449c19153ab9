"""The same lines as two validation sets choose them: what one of them hides.

Both choices come from the same trainings: each validation set has chosen its own epoch in them, and here chooses among
the configurations.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Generic, TypeVar

from rankbench.results.compare import compare, no_validation
from rankbench.results.compare_runs import Run
from rankbench.results.compare_shift import Robustness, compare_shift
from rankbench.results.leaderboard import PLAIN, SHIFTED, Leaderboard, Line, Query

SETS = (PLAIN, SHIFTED)
"""The validation sets, drawn like the two tests."""

Found = TypeVar("Found")


@dataclass(frozen=True)
class BothChoices(Generic[Found]):
    """What each of `SETS` chooses.

    Args:
        found: by data set and protocol, what each set that the protocol has chooses.
        omitted: in words, what could not be answered.
    """

    found: tuple[tuple[Found, ...], ...]
    omitted: tuple[str, ...]


def compare_both(runs: Iterable[Run], query: Query) -> BothChoices[Leaderboard]:
    """Return every leaderboard as each validation set chooses it, see `compare`."""
    runs = list(runs)
    answers = [compare(runs, replace(query, select=select)) for select in SETS]
    found = _joined([answer.leaderboards for answer in answers], lambda board: (board.dataset, board.protocol))
    return BothChoices(found, _said([answer.omitted for answer in answers], [boards[0] for boards in found]))


def compare_shift_both(runs: Iterable[Run], query: Query) -> BothChoices[Robustness]:
    """Return every table of robustness as each validation set chooses it, see `compare_shift`."""
    runs = list(runs)
    answers = [compare_shift(runs, replace(query, select=select)) for select in SETS]
    found = _joined([answer.tables for answer in answers], lambda table: (table.plain.dataset, table.one_model))
    boards = [board for tables in found for board in (tables[0].plain, tables[0].shifted)]
    return BothChoices(found, _said([answer.omitted for answer in answers], boards))


def epoch_of(line: Line, select: str) -> float | None:
    """Return the mean over the seeds of the epoch that a validation set chose; None where nothing is trained by it."""
    epochs = [run.epochs[select] for run in line.choice.runs if select in run.epochs]
    return fmean(epochs) if epochs and line.scores and line.has_loss else None


def change(first: Line | None, second: Line | None, query: Query) -> float | None:
    """Return how much greater the first metric is as the second set chooses, in percent; None without both."""
    if not (first and second and first.scores and second.scores):
        return None
    before, after = (line.scores[query.metrics[0]].mean for line in (first, second))
    return 100 * (after - before) / before if before else None


def _joined(answers: Sequence[Sequence[Found]], place: Callable[[Found], Hashable]) -> tuple[tuple[Found, ...], ...]:
    by_place: dict[Hashable, list[Found]] = defaultdict(list)
    for answer in answers:
        for one in answer:
            by_place[place(one)].append(one)
    return tuple(map(tuple, by_place.values()))


def _said(omitted: Sequence[Sequence[str]], boards: Iterable[Leaderboard]) -> tuple[str, ...]:
    """Return what is left out by both sets, and which boards have one of them only."""
    alone = {
        no_validation(board.dataset, board.protocol, select): (
            f"{board.dataset}, split {board.protocol}: it has no validation set {select!r}, so there is one choice."
        )
        for board in boards
        for select in SETS
    }
    return tuple(dict.fromkeys(alone.get(sentence, sentence) for of_set in omitted for sentence in of_set))
