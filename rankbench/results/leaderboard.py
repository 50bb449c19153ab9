"""What a leaderboard is: the question, its lines, and what they have in common."""

from __future__ import annotations

from dataclasses import dataclass

from rankbench.results.compare_choice import Choice
from rankbench.results.compare_runs import LeftOut, Run
from rankbench.results.compare_tests import Metric, Score
from rankbench.spec import NO_LOSS

BASELINE = "softmax"
BEYOND_ACCURACY = 3
"""The version of the numerics since which runs are measured beyond accuracy."""
PLAIN, SHIFTED = "iid", "popularity"
"""The test in distribution, and the one under popularity shift."""

Key = tuple[str, str, str, str, str, bool]
"""(backbone, its source, its tables, loss, its source, whether re-ranked): what a line is about. Files of one name and
different content differ; tables are empty where they are full."""


@dataclass(frozen=True)
class Query:
    """What is asked of the stored runs; an empty tuple of names asks for all.

    Args:
        metrics: the metrics shown; the first one ranks.
        beside: metrics that are measured beside them, where the runs' version knows them.
        select: the validation set that chooses parameters and epoch.
        convention: how the test was measured, "standard" or "ir-benchmark".
        datasets, protocols, backbones, losses: names to keep; lines without a loss stay whatever the losses.
        all_reranked: whether re-ranked lines of other losses than softmax are kept, too.
    """

    metrics: tuple[Metric, ...] = (Metric("ndcg", 20), Metric("recall", 20))
    beside: tuple[Metric, ...] = ()
    select: str = "iid"
    convention: str = "standard"
    datasets: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()
    backbones: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    all_reranked: bool = False

    def asks_for(self, line: Line) -> bool:
        """Return whether a line has the names that are asked for."""
        loss, backbone = line.choice.loss.name, line.choice.backbone.name
        of_losses = not self.losses or not line.has_loss or loss in self.losses
        return of_losses and (not self.backbones or backbone in self.backbones)

    def shows(self, line: Line) -> bool:
        """Return whether a line is asked for, and no re-ranked one of another loss than softmax that stays out."""
        other = line.reranked and line.has_loss and line.choice.loss.name != BASELINE
        return self.asks_for(line) and (self.all_reranked or not other)


@dataclass(frozen=True, eq=False)
class Line:
    """A loss on a backbone, or a backbone that needs none.

    Args:
        loss, backbone: how they are typed with the parameters chosen; files of one name carry the start of their hash,
            and no loss is a dash.
        choice: the configuration that stands for it.
        scores: by metric, over the seeds; empty if no configuration got to the end.
    """

    loss: str
    backbone: str
    choice: Choice
    scores: dict[Metric, Score]

    @property
    def key(self) -> Key:
        """What the line is about, whatever the parameters chosen."""
        return key_of(self.choice.runs[0])

    @property
    def baseline_key(self) -> Key:
        """What the line is compared with: the built-in softmax, as it is, on the same backbone."""
        return (*self.key[:3], BASELINE, "", False)

    @property
    def has_loss(self) -> bool:
        """Whether a loss was trained."""
        return self.choice.loss != NO_LOSS

    @property
    def reranked(self) -> bool:
        """Whether its models are re-ranked."""
        return bool(self.choice.runs[0].configuration.rerank)

    @property
    def title(self) -> str:
        """The line in words: softmax on mf, or ease."""
        return f"{self.loss} on {self.backbone}" if self.has_loss else self.backbone


@dataclass(frozen=True, eq=False)
class Leaderboard:
    """The losses and backbones on one test set, best first, those that diverged last.

    Args:
        dataset, protocol, digest, numbers: what the lines have in common.
        test: the test set; `tests` are all that the protocol has.
        query: what was asked.
        users: how many users the means are over; 0 if every line diverged.
        lines: the lines.
        baselines: softmax on every backbone, asked for or not.
        left_out: runs of the same name that may not stand in the same table.
        unshown: how many re-ranked lines of other losses than softmax stay out.
    """

    dataset: str
    protocol: str
    digest: str
    numbers: int
    test: str
    tests: tuple[str, ...]
    query: Query
    users: int
    lines: tuple[Line, ...]
    baselines: tuple[Line, ...]
    left_out: tuple[LeftOut, ...]
    unshown: int = 0


def key_of(run: Run) -> Key:
    """Return what a run is about, whatever its parameters and seed."""
    backbone, loss = run.configuration.backbone, run.configuration.loss
    rerank = bool(run.configuration.rerank)
    return backbone.name, backbone.source, run.asked_tables, loss.name, loss.source, rerank
