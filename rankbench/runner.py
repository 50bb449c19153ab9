"""From a RunSpec to a stored run: skip what is stored, resume what was interrupted, isolate what fails."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
from filelock import Timeout

from rankbench.backbones import Backbone, LossFree, RowBackbone
from rankbench.data.interactions import Split
from rankbench.device import explained, release_memory
from rankbench.errors import UserError
from rankbench.evaluation.evaluate import CONVENTIONS, Evaluation, evaluate
from rankbench.evaluation.metrics import KS
from rankbench.losses import Loss, VectorLoss
from rankbench.params import Configurable, Value, resolve
from rankbench.registry import find, label, names
from rankbench.rerank import named
from rankbench.results.documents import curve, environment, outcome
from rankbench.results.measured import Measured, tables_of
from rankbench.results.models import has_models, keep_models
from rankbench.results.store import Store, StoredRun
from rankbench.sampling import WeightedNegatives
from rankbench.spec import RunSpec, TrainSpec
from rankbench.tables.form import asked_tables
from rankbench.tables.placing import check_tables
from rankbench.training.fit import fit
from rankbench.training.loop import Trained, Training
from rankbench.training.progress import EpochEnd, Notice, Step
from rankbench.training.reranked import reranked
from rankbench.training.rows import needs_vectors


@dataclass(frozen=True, eq=False)
class Job:
    """A run to be made: its spec, the classes of its parts and its data; the loss is None where there is none."""

    spec: RunSpec
    loss: type[Loss] | None
    backbone: type[Backbone]
    split: Split

    @property
    def labels(self) -> dict[str, str]:
        """How loss and backbone are typed; a dash for no loss."""
        loss = label(self.loss, self.spec.loss) if self.loss else "-"
        return {"loss": loss, "backbone": label(self.backbone, self.spec.backbone)}

    @property
    def names(self) -> tuple[str, str]:
        """The labels, behind that of the backbone its embedding tables that are not full and its re-ranking."""
        tables = asked_tables(dict(self.spec.train))
        return self.labels["loss"], named(self.labels["backbone"], tables, self.spec.rerank)


@dataclass(frozen=True)
class Started:
    """A run begins."""

    job: Job


@dataclass(frozen=True)
class Waiting:
    """A run is being made by another process; this one waits for it."""

    job: Job


@dataclass(frozen=True)
class Finished:
    """A run is stored; `cached` if it had been before."""

    job: Job
    run: StoredRun
    cached: bool


@dataclass(frozen=True)
class Failed:
    """A run ended with an error; the others go on."""

    job: Job
    error: Exception


Event = Started | Waiting | Finished | Failed | Step | EpochEnd | Notice


def run_all(
    jobs: Iterable[Job], store: Store, device: torch.device, force: bool = False, models: bool = False
) -> Generator[Event, None, None]:
    """Make every run that is not stored yet, and yield what happens.

    A run that another process is making is left to it and looked at again at the end.

    Args:
        jobs: the runs.
        store: where they are kept.
        device: where to train.
        force: make runs again that are stored.
        models: keep the trained parameters with the runs, and make runs again whose were not kept.
    """
    elsewhere: list[Job] = []
    last = _Last()
    for job in jobs:
        if _is_there(job, store, models) and not force:
            yield Finished(job, store.get(job.spec), cached=True)
            continue
        try:
            with store.lock(job.spec).acquire(blocking=False):
                yield from _run_locked(job, store, device, force, models, last)
        except Timeout:
            elsewhere.append(job)
    for job in elsewhere:
        yield Waiting(job)
        with store.lock(job.spec):
            yield from _run_locked(job, store, device, False, models, last)


def _is_there(job: Job, store: Store, models: bool) -> bool:
    return store.has(job.spec) and (not models or job.loss is None or has_models(store.get(job.spec)))


def _run_locked(
    job: Job, store: Store, device: torch.device, force: bool, models: bool, last: _Last
) -> Generator[Event, None, None]:
    if _is_there(job, store, models) and not force:  # another process finished it in the meantime
        yield Finished(job, store.get(job.spec), cached=True)
        return
    yield Started(job)
    try:
        yield Finished(job, (yield from _make(job, store, device, models, last)), cached=False)
    except UserError:
        raise  # what the user must mend would fail the other runs too
    except OSError as error:
        raise store.unwritable(error) from error
    except Exception as error:  # a loss from outside may raise anything
        yield Failed(job, explained(device, error))


class _Last:
    """The last training, kept for the re-rankings of the same model that follow it."""

    def __init__(self) -> None:
        self._plain: RunSpec | None = None
        self._trained: Trained | None = None

    def of(self, job: Job, device: torch.device, checkpoint: Path) -> Generator[Event, None, Trained]:
        """Return the training of a run, whatever it is re-ranked by."""
        plain = replace(job.spec, rerank="")
        if self._trained is None or plain != self._plain:
            self._plain, self._trained = plain, None  # the one before is let go first
            self._trained = yield from _train(job, device, checkpoint)
        return self._trained


def _make(job: Job, store: Store, device: torch.device, models: bool, last: _Last) -> Generator[Event, None, StoredRun]:
    spec, started = job.spec, time.perf_counter()
    trained = yield from last.of(job, device, store.working_folder(spec) / "checkpoint.pt")
    trained = reranked(trained, job.split, spec.rerank)
    evaluations = _evaluate(trained, job.split)
    documents = {
        "spec": {**spec.to_json(), "id": spec.id, "labels": job.labels, "recipe": recipe_of(job.loss, job.backbone)},
        "outcome": outcome(trained, time.perf_counter() - started),
        "env": environment(device),
    }
    tables = {"curve": curve(trained, job.split), **tables_of(evaluations)}
    if models and job.loss is not None:
        states = {name: best.state for name, best in trained.best.items() if best.state}
        keep_models(store.working_folder(spec), job.loss.score, states)
    return store.write(spec, documents, tables)


def _train(job: Job, device: torch.device, checkpoint: Path) -> Generator[Event, None, Trained]:
    spec, backbone = job.spec, job.backbone(**dict(job.spec.backbone.params))
    if isinstance(backbone, LossFree):
        return fit(job.split, backbone, spec.seed)
    assert job.loss is not None
    release_memory(device)  # of the run before, which refers to itself
    loss = job.loss(**dict(spec.loss.params))
    training = Training(job.split, loss, backbone, spec.train_spec(), spec.seed, device, checkpoint)
    return (yield from training.run())


def _evaluate(trained: Trained, split: Split) -> dict[Measured, Evaluation]:
    found: dict[Measured, Evaluation] = {}
    chosen: dict[int, str] = {}
    for name, scorer in trained.scorers.items():
        epoch = trained.best[name].epoch
        for convention in CONVENTIONS:
            for test in split.tests:
                same = chosen.get(epoch)  # both validation sets may have chosen one epoch
                found[name, convention, test] = (
                    found[same, convention, test] if same else evaluate(scorer, split, test, convention)
                )
        chosen.setdefault(epoch, name)
    return found


def check_split(split: Split) -> None:
    """Raise UserError if the metrics or the negatives of a split cannot be had."""
    if split.n_items < max(KS):
        raise UserError(
            f"{split.dataset}/{split.protocol} has {split.n_items} items; metrics at K = {max(KS)} need as many.",
            "Choose a data set with more items.",
        )
    WeightedNegatives.uniform(split.train)


def recipe_of(loss: type[Configurable] | None, backbone: type[Configurable]) -> dict[str, Value]:
    """Return the training values of a loss on a backbone where no others are asked for: the backbone's come first.

    There are none without a loss.
    """
    if loss is None:
        return {}
    recipes = [getattr(part, "recipe", {}) for part in (loss, backbone)]
    return resolve(TrainSpec, {**recipes[0], **recipes[1]}, "training")


def job_of(spec: RunSpec, loss: type | None, backbone: type, split: Split) -> Job:
    """Return the job of a spec and the classes that the registry found.

    Raises:
        UserError: the split has users that the backbone cannot know, or it has not got the vectors that the loss needs,
            or the embedding table that another one is to take the place of.
    """
    job = Job(spec, cast(type[Loss] | None, loss), cast(type[Backbone], backbone), split)
    if asked_tables(dict(spec.train)):
        check_tables(job.backbone(**dict(spec.backbone.params)), spec.train_spec())
    if job.loss and issubclass(job.loss, VectorLoss) and issubclass(job.backbone, RowBackbone):
        raise needs_vectors(spec.loss.name, spec.backbone.name)
    if split.fold_in is not None and not job.backbone.folds_in:
        can = [name for name in names("backbone") if cast(type[Backbone], find("backbone", name)).folds_in]
        raise UserError(
            f"{split.dataset}/{split.protocol} tests users that are not in train; "
            f"the backbone {spec.backbone.name} has vectors of train users only.",
            f"Backbones that take in new users by their items: {', '.join(can) or 'none is built in'}. Or choose "
            "another split, for example iid.",
        )
    return job
