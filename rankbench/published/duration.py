"""How long runs will take, guessed before they are made: from stored runs like them, else from a second of training."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch

from rankbench.results.documents import environment
from rankbench.results.sound import read_sound
from rankbench.results.store import Store
from rankbench.runner import Job
from rankbench.training.loop import Training
from rankbench.training.progress import EpochEnd, Step

SECONDS = 1.0
"""What one kind of run is trained for to be measured."""

_WARMING = 2
"""Steps before that: the first ones compile."""

_SAME = ("batch_size", "dim", "negatives", "sampler", "precision", "item_table", "user_table")
"""Training values that decide how long an epoch takes."""

Kind = tuple[Any, ...]
"""What runs have in common that take as long an epoch."""


@dataclass(frozen=True)
class Guess:
    """How long some runs will take.

    Args:
        seconds: all that are not stored, one after the other, without evaluation where it had to be measured.
        missing: how many are not stored.
        known: how many kinds of these were made before on such a machine.
        measured: how many kinds had to be measured.
    """

    seconds: float
    missing: int
    known: int
    measured: int


def guess(jobs: Sequence[Job], store: Store, device: torch.device) -> Guess:
    """Return how long the runs that are not stored will take on this machine."""
    missing = [job for job in jobs if not store.has(job.spec)]
    by_kind: dict[Kind, list[Job]] = {}
    for job in missing:
        by_kind.setdefault(_kind(job.spec.to_json()), []).append(job)
    stored = _stored(store, device) if missing else {}
    seconds, known = 0.0, 0
    for kind, same in by_kind.items():
        an_epoch = stored.get(kind)
        known += an_epoch is not None
        if an_epoch is None:
            an_epoch = _measured(same[0], device)
        seconds += an_epoch * sum(int(cast(int, dict(job.spec.train).get("epochs", 0))) for job in same)
    return Guess(seconds, len(missing), known, len(by_kind) - known)


def _kind(spec: dict[str, Any]) -> Kind:
    """Return data, loss and backbone by name, and what of the training decides the time."""
    train = spec["train"]
    return (
        *(spec[key] for key in ("dataset", "protocol", "numbers")),
        *(spec[key]["name"] for key in ("loss", "backbone")),
        *(train.get(key) for key in _SAME),
    )


def _stored(store: Store, device: torch.device) -> dict[Kind, float]:
    """Return the seconds of an epoch, validation and the end of the run in them, of runs made on such a machine."""
    here = {key: environment(device)[key] for key in ("device", "threads")}
    found: dict[Kind, list[float]] = {}
    for run in read_sound(store).runs:
        outcome, made = run.stored.outcome, run.stored.environment
        if all(made.get(key) == value for key, value in here.items()) and outcome.get("epochs"):
            found.setdefault(_kind(run.stored.spec), []).append(outcome["seconds"] / outcome["epochs"])
    return {kind: _middle(values) for kind, values in found.items()}


def _middle(values: Iterable[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def _measured(job: Job, device: torch.device) -> float:
    """Return the seconds of an epoch, by training for about a second; what was trained is thrown away."""
    if job.loss is None:
        return 0.0
    spec = job.spec
    loss, backbone = job.loss(**dict(spec.loss.params)), job.backbone(**dict(spec.backbone.params))
    training = Training(job.split, loss, backbone, spec.train_spec(), spec.seed, device)
    steps, started, before = 0, 0.0, 0
    for event in training.run():
        if isinstance(event, EpochEnd):  # it took less than a second
            return event.train_seconds
        if not isinstance(event, Step):
            continue
        steps, now = steps + 1, time.perf_counter()
        if steps == _WARMING:
            started, before = now, event.done
        elif steps > _WARMING and now - started >= SECONDS:
            return (now - started) * event.total / (event.done - before)
    return 0.0
