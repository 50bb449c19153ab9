"""What the report knows of each stored run, and which runs may stand in one table.

Runs are compared only within a `Setting`: the same data set, the same split to the last interaction (its digest) and
the same version of the numerics. Only spec.json and outcome.json are read here, nothing that was measured on a test.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rankbench.params import Value
from rankbench.rerank import named
from rankbench.results.store import DamagedRunError, Store, StoredRun
from rankbench.spec import Part
from rankbench.tables.form import asked_tables


@dataclass(frozen=True)
class Configuration:
    """What a search tries: a loss and a backbone with their parameters, the training values, the re-ranking if any."""

    loss: Part
    backbone: Part
    train: tuple[tuple[str, Value], ...]
    rerank: str = ""


@dataclass(frozen=True, eq=False)
class Run:
    """A stored run as the report sees it.

    Args:
        stored: the run, for its tables.
        dataset, protocol, digest, numbers, seed: as in its spec.
        configuration: loss, backbone and training values.
        asked: the training values that are not the loss's own.
        tables: what its embedding tables take, by side; nothing is known of those of older runs.
        loss_label, backbone_label: how loss and backbone are typed, defaults left out.
        valid: the best validation NDCG@20, by validation set.
        epochs: the epoch that reached it, by validation set.
        diverged: whether training ended with a loss that is not finite.
        reason: why it diverged; empty if it did not.
        last_finite_loss: the mean loss of the last epoch before that.
    """

    stored: StoredRun
    dataset: str
    protocol: str
    digest: str
    numbers: int
    seed: int
    configuration: Configuration
    asked: dict[str, Value]
    tables: dict[str, dict[str, Any]]
    loss_label: str
    backbone_label: str
    valid: dict[str, float]
    epochs: dict[str, int]
    diverged: bool
    reason: str
    last_finite_loss: float | None

    @property
    def asked_tables(self) -> str:
        """The embedding tables that are not full, as in `item_table=hash:50%`; empty if all are."""
        return asked_tables(dict(self.configuration.train))

    @property
    def backbone_name(self) -> str:
        """The backbone's label with tables and re-ranking behind it: what a line of a leaderboard is about."""
        return named(self.backbone_label, self.asked_tables, self.configuration.rerank)


@dataclass(frozen=True)
class LeftOut:
    """Runs of the same data set and protocol that were kept out of a table: older numerics or another split."""

    numbers: int
    digest: str
    runs: int


@dataclass(frozen=True, eq=False)
class Setting:
    """All runs that may be compared with each other, and what was left out of them."""

    dataset: str
    protocol: str
    digest: str
    numbers: int
    runs: tuple[Run, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def valids(self) -> set[str]:
        """The validation sets that any of the runs was followed on."""
        return {name for run in self.runs for name in run.valid}


def read_runs(store: Store) -> list[Run]:
    """Return every finished run of a store.

    Raises:
        UserError: a run's documents cannot be read.
    """
    return [run_of(stored) for stored in store.runs()]


def setting_of(runs: Iterable[Run], numbers: int | None = None) -> Setting:
    """Return the setting that is shown of the runs of one data set and protocol, at least one.

    Of several versions of the numerics it is the newest (or the one given), of several splits under the same name the
    one with the most runs.
    """
    runs = list(runs)
    count = Counter((run.numbers, run.digest) for run in runs)
    wanted = [key for key in count if numbers is None or key[0] == numbers]
    shown = max(wanted, key=lambda key: (key[0], count[key], key[1]))
    left_out = tuple(LeftOut(*key, count[key]) for key in sorted(count) if key != shown)
    same = tuple(run for run in runs if (run.numbers, run.digest) == shown)
    return Setting(runs[0].dataset, runs[0].protocol, shown[1], shown[0], same, left_out)


def run_of(stored: StoredRun) -> Run:
    """Return what the report knows of one finished run.

    Raises:
        UserError: its documents cannot be read.
    """
    spec, outcome = stored.spec, stored.outcome
    try:
        return Run(
            stored=stored,
            dataset=spec["dataset"],
            protocol=spec["protocol"],
            digest=spec["digest"],
            numbers=spec["numbers"],
            seed=spec["seed"],
            configuration=Configuration(
                _part(spec["loss"]), _part(spec["backbone"]), _sorted(spec["train"]), spec.get("rerank", "")
            ),
            asked={key: value for key, value in spec["train"].items() if spec["recipe"].get(key) != value},
            tables=outcome.get("tables", {}),
            loss_label=spec["labels"]["loss"],
            backbone_label=spec["labels"]["backbone"],
            valid=outcome["best_valid_ndcg@20"],
            epochs=outcome["best_epoch"],
            diverged=stored.diverged,
            reason=outcome["reason"] or "",
            last_finite_loss=outcome["last_finite_loss"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise DamagedRunError(stored.path, f"spec.json or outcome.json lacks {error}") from error


def _part(content: dict[str, Any]) -> Part:
    return Part(content["name"], _sorted(content["params"]), content["source"])


def _sorted(values: dict[str, Value]) -> tuple[tuple[str, Value], ...]:
    return tuple(sorted(values.items()))
