"""The notes under a table: on single lines, on runs left out, on budgets that differ."""

from __future__ import annotations

from collections.abc import Iterable

from rankbench.report.embeddings import hashed, in_words
from rankbench.results.compare_runs import LeftOut
from rankbench.results.leaderboard import BASELINE, Leaderboard, Line

NAMED = 3
"""Lines that a note names; more are counted."""


def notes_on(lines: Iterable[Line], board: Leaderboard) -> list[str]:
    """Return the notes on single lines and on runs left out of a leaderboard."""
    notes = []
    lines = list(lines)
    by_seeds: dict[tuple[int, ...], list[str]] = {}
    for line in lines:
        choice = line.choice
        if choice.failure:
            notes.append(f"{line.title} diverged: {choice.failure}.")
        elif choice.seeds_differ:
            by_seeds.setdefault(choice.shared_seeds, []).append(line.title)
    notes += [_on_seeds(seeds, titles) for seeds, titles in by_seeds.items()]
    notes += dict.fromkeys(_tables(line) for line in lines if hashed(line.choice.runs[0].tables))
    notes += [_left_out(left, board) for left in board.left_out]
    if board.unshown:
        lines_of = "1 re-ranked line" if board.unshown == 1 else f"{board.unshown} re-ranked lines"
        notes.append(f"Not shown: {lines_of} of other losses than {BASELINE}; --reranked shows them.")
    return notes


def _on_seeds(seeds: tuple[int, ...], titles: list[str]) -> str:
    """Return on which seeds lines were chosen whose configurations were not all run with the same."""
    which = ", ".join(titles) if len(titles) <= NAMED else f"{len(titles)} of the lines"
    if not seeds:
        return f"{which}: the configurations share no seed; each was judged by its own."
    shared = f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
    return f"{which}: chosen on {shared}, which all configurations share."


def of_budget(lines: Iterable[Line]) -> list[str]:
    """Return a warning if losses on one backbone were given different numbers of configurations."""
    found = []
    by_backbone: dict[str, list[Line]] = {}
    for line in lines:
        if line.has_loss and not line.reranked:
            by_backbone.setdefault(line.choice.backbone.name, []).append(line)
    for backbone, same in by_backbone.items():
        least, most = (choose(same, key=lambda line: line.choice.tried) for choose in (min, max))
        if least.choice.tried != most.choice.tried:
            found.append(
                f"Budgets differ on {backbone}: {least.choice.loss.name} had {least.choice.tried} and "
                f"{most.choice.loss.name} {most.choice.tried} configurations to choose from; more tries win by chance."
            )
    return found


def _tables(line: Line) -> str:
    run = line.choice.runs[0]
    return f"{line.backbone} with d = {dict(run.configuration.train)['dim']}: {in_words(run.tables)}."


def _left_out(left: LeftOut, board: Leaderboard) -> str:
    if left.numbers == board.numbers:
        why = f"another split of the same name (digest {left.digest[:7]}, here {board.digest[:7]})"
    else:
        why = f"another version of the numerics ({left.numbers}, here {board.numbers})"
    runs = "1 run" if left.runs == 1 else f"{left.runs} runs"
    return f"Left out: {runs} of {board.dataset}, split {board.protocol}, made with {why}."
