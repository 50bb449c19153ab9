"""Leaderboards: queries over the stored runs.

A leaderboard shows, for one test set of one `Setting`, every loss on every backbone: the configuration that validation
chose (`compare_choice`) and what it reaches on the test (`compare_tests`). Each line keeps its runs, so whatever else
is stored of them, per-user values included, can be asked for.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rankbench.results.compare_choice import Choice, choose
from rankbench.results.compare_runs import Run, Setting, setting_of
from rankbench.results.compare_tests import Measured, Metric, Score, measure
from rankbench.results.leaderboard import (
    BASELINE,
    BEYOND_ACCURACY,
    PLAIN,
    SHIFTED,
    Key,
    Leaderboard,
    Line,
    Query,
    key_of,
)
from rankbench.spec import Part


@dataclass(frozen=True)
class Comparison:
    """The leaderboards that answer a query, and in words what could not be answered."""

    leaderboards: tuple[Leaderboard, ...]
    omitted: tuple[str, ...]


def compare(runs: Iterable[Run], query: Query) -> Comparison:
    """Return a leaderboard for every data set and protocol; of a protocol with several tests, that of `iid`."""
    boards, omitted = [], []
    for (dataset, protocol), same in by_protocol(runs, query).items():
        setting = setting_of(same)
        if query.select not in setting.valids:
            omitted.append(no_validation(dataset, protocol, query.select))
            continue
        found = leaderboards(setting, query)
        board = next((b for b in found if b.test == PLAIN), found[0])
        if board.lines:
            boards.append(board)
    return Comparison(tuple(boards), tuple(omitted))


def by_protocol(runs: Iterable[Run], query: Query) -> dict[tuple[str, str], list[Run]]:
    """Return the runs asked for by (data set, protocol), of all losses and backbones: the baseline may be needed."""
    found: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        if run.dataset in (query.datasets or (run.dataset,)) and run.protocol in (query.protocols or (run.protocol,)):
            found[run.dataset, run.protocol].append(run)
    return dict(sorted(found.items()))


def no_validation(dataset: str, protocol: str, select: str) -> str:
    """Return the sentence for a protocol that lacks the validation set asked for."""
    return f"{dataset}, split {protocol}: left out, it has no validation set {select!r}."


def leaderboards(setting: Setting, query: Query) -> list[Leaderboard]:
    """Return the leaderboard of every test set of a setting, by name; at least one, whatever diverged."""
    by_key: dict[Key, list[Run]] = defaultdict(list)
    for run in setting.runs:
        by_key[key_of(run)].append(run)
    choices = {key: choose(same, query.select) for key, same in by_key.items()}
    metrics = (*query.metrics, *(query.beside if setting.numbers >= BEYOND_ACCURACY else ()))
    measured = {
        key: {} if choice.failed else measure(choice.runs, metrics, query.select, query.convention)
        for key, choice in choices.items()
    }
    tests = tuple(sorted({test for found in measured.values() for test in found})) or _tests(setting)
    return [_leaderboard(setting, query, test, tests, choices, measured) for test in tests]


def _leaderboard(
    setting: Setting,
    query: Query,
    test: str,
    tests: tuple[str, ...],
    choices: dict[Key, Choice],
    measured: dict[Key, dict[str, Measured]],
) -> Leaderboard:
    clashing = _clashing(choices)
    lines = [
        Line(
            loss=_label(choice.runs[0].loss_label, choice.loss, clashing),
            backbone=_label(choice.runs[0].backbone_name, choice.backbone, clashing),
            choice=choice,
            scores=_with_gains(key, test, measured),
        )
        for key, choice in choices.items()
    ]
    return Leaderboard(
        dataset=setting.dataset,
        protocol=setting.protocol,
        digest=setting.digest,
        numbers=setting.numbers,
        test=test,
        tests=tests,
        query=query,
        users=max((found[test].users for found in measured.values() if test in found), default=0),
        lines=ranked(lines, query),
        baselines=tuple(line for line in lines if line.key == line.baseline_key),
        left_out=setting.left_out,
        unshown=sum(query.asks_for(line) and not query.shows(line) for line in lines),
    )


def ranked(lines: Sequence[Line], query: Query) -> tuple[Line, ...]:
    """Return the lines asked for, by the first metric, best first; those without numbers last, then by name."""
    kept = [line for line in lines if query.shows(line)]

    def order(line: Line) -> tuple[bool, float, str, str]:
        value = line.scores[query.metrics[0]].mean if line.scores else 0.0
        merit = query.metrics[0].merit(value)
        return not line.scores, -value if merit is None else -merit, line.backbone, line.loss

    return tuple(sorted(kept, key=order))


def _with_gains(key: Key, test: str, measured: dict[Key, dict[str, Measured]]) -> dict[Metric, Score]:
    """Return the scores of a line on a test with their gains over the built-in softmax, as it is, on its backbone."""
    if test not in measured[key]:
        return {}
    baseline = (*key[:3], BASELINE, "", False)
    reference = measured.get(baseline, {}).get(test)
    scores = dict(measured[key][test].scores)
    if reference is None or key == baseline:
        return scores
    return {metric: replace(s, gain=_gain(s.mean, reference.scores[metric].mean)) for metric, s in scores.items()}


def _gain(mean: float, reference: float) -> float | None:
    gain = 100 * (mean - reference) / reference if reference else math.nan
    return gain if math.isfinite(gain) else None


def _tests(setting: Setting) -> tuple[str, ...]:
    """Return the test sets of a setting in which every loss diverged: nothing is measured, the protocol is known."""
    return (PLAIN, SHIFTED) if setting.protocol == "shift" else (setting.protocol,)


def _clashing(choices: Iterable[Key]) -> set[str]:
    """Return the names that files of different content, or a file and a built-in part, have in common."""
    sources: dict[str, set[str]] = defaultdict(set)
    for backbone, backbone_source, _, loss, loss_source, _ in choices:
        sources[backbone].add(backbone_source)
        sources[loss].add(loss_source)
    return {name for name, found in sources.items() if len(found) > 1}


def _label(label: str, part: Part, clashing: set[str]) -> str:
    """Return a label, with the start of the file's hash behind a name that would be ambiguous."""
    if not part.source or part.name not in clashing:
        return label
    return f"{part.name}@{part.source[:7]}{label.removeprefix(part.name)}"
