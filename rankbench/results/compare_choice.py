r"""The law of selection: which configuration of a loss stands for it. It reads validation values only.

Among the configurations of one loss on one backbone the best mean validation NDCG@20 wins. The mean is taken over the
seeds that all of them were run with: no lucky seed decides, and a winner that was then run with more seeds keeps its
place. If they share no seed, each is judged by the mean of its own.

A configuration of which any seed diverged (or never reached a validation) cannot win while another is sound. It still
counts as tried.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

from rankbench.params import Value
from rankbench.results.compare_runs import Configuration, Run
from rankbench.spec import Part
from rankbench.tables.form import TRAIN_VALUES

NEVER_VALIDATED = "training ended before the first validation"


@dataclass(frozen=True, eq=False)
class Choice:
    """The configuration that stands for a loss on a backbone, and how it was chosen.

    Args:
        runs: its runs, by seed.
        tried: how many configurations there were to choose from, those that diverged included.
        shared_seeds: the seeds that the choice was made on; empty if the configurations share none, or none is sound.
        seeds_differ: whether the configurations that could win were run with different seeds.
        valid: mean validation NDCG@20 over the seeds of `runs`; None if one of them has none.
        failed: the runs among `runs` that diverged or were never validated; not empty if no configuration is sound.
    """

    runs: tuple[Run, ...]
    tried: int
    shared_seeds: tuple[int, ...]
    seeds_differ: bool
    valid: float | None
    failed: tuple[Run, ...]

    @property
    def loss(self) -> Part:
        """The loss with the parameters chosen."""
        return self.runs[0].configuration.loss

    @property
    def backbone(self) -> Part:
        """The backbone with the parameters chosen."""
        return self.runs[0].configuration.backbone

    @property
    def train(self) -> dict[str, Value]:
        """The training values chosen."""
        return dict(self.runs[0].configuration.train)

    @property
    def asked(self) -> dict[str, Value]:
        """The training values that are not the loss's own, but for tables, which are named with the backbone."""
        return {key: value for key, value in self.runs[0].asked.items() if key not in TRAIN_VALUES}

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the runs."""
        return tuple(run.seed for run in self.runs)

    @property
    def failure(self) -> str:
        """Why there are no test numbers, in a sentence without a full stop; empty when there are."""
        if not self.failed:
            return ""
        first = self.failed[0]
        text = first.reason or NEVER_VALIDATED
        if first.last_finite_loss is not None:
            text += f"; the last finite loss was {first.last_finite_loss:.6g}"
        return f"{text} (seed {first.seed}; {len(self.failed)} of {len(self.runs)} seeds)"


def choose(runs: Iterable[Run], select: str) -> Choice:
    """Return the choice among all runs of one loss on one backbone, at least one, by the validation set `select`."""
    by_configuration: dict[Configuration, list[Run]] = {}
    for run in runs:
        by_configuration.setdefault(run.configuration, []).append(run)
    for same in by_configuration.values():
        same.sort(key=lambda run: run.seed)
    candidates = list(by_configuration.values())
    sound = [same for same in candidates if not _failed(same, select)]
    if not sound:
        return _least_bad(candidates, select)
    seeds = [{run.seed for run in same} for same in sound]
    shared = set.intersection(*seeds)

    def merit(same: list[Run]) -> tuple[float, int, str]:
        value = fmean(run.valid[select] for run in same if run.seed in shared or not shared)
        return -value, -len(same), repr(same[0].configuration)  # a tie goes to more seeds, then to the order of names

    best = min(sound, key=merit)
    return Choice(
        runs=tuple(best),
        tried=len(candidates),
        shared_seeds=tuple(sorted(shared)),
        seeds_differ=any(s != seeds[0] for s in seeds),
        valid=fmean(run.valid[select] for run in best),
        failed=(),
    )


def _failed(same: list[Run], select: str) -> tuple[Run, ...]:
    return tuple(run for run in same if run.diverged or select not in run.valid)


def _least_bad(candidates: list[list[Run]], select: str) -> Choice:
    """Return, where every configuration failed, the one that failed with the fewest seeds."""
    least = min(candidates, key=lambda same: (len(_failed(same, select)), repr(same[0].configuration)))
    values = [run.valid[select] for run in least if select in run.valid]
    valid = fmean(values) if len(values) == len(least) else None
    return Choice(tuple(least), len(candidates), (), False, valid, _failed(least, select))
