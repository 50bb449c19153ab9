"""Trained parameters, kept with a run where that is asked for, in a file for each validation set's choice."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from rankbench.errors import UserError
from rankbench.results.store import StoredRun

State = Mapping[str, Tensor]


@dataclass(frozen=True)
class Model:
    """A trained model.

    Args:
        score: that of the loss, "cosine" or "dot".
        state: the parameters of the backbone.
    """

    score: str
    state: State


def keep_models(folder: Path, score: str, states: Mapping[str, State]) -> None:
    """Write the parameters of the epoch that each validation set chose.

    Args:
        folder: that of the run in the making.
        score: that of the loss.
        states: parameters by validation set.

    Raises:
        OSError: they cannot be written.
    """
    for name, state in states.items():
        try:
            torch.save({"score": score, "state": dict(state)}, _file(folder, name))
        except RuntimeError as error:  # what torch makes of a full disk
            raise OSError(f"{_file(folder, name).name} cannot be written: {error}") from error


def has_models(stored: StoredRun) -> bool:
    """Return whether the parameters of a run were kept."""
    return any(stored.path.glob("model-*.pt"))


def model_of(stored: StoredRun, valid: str, device: torch.device) -> Model:
    """Return the parameters of the epoch that a validation set chose.

    Raises:
        UserError: they were not kept, or the file is damaged.
    """
    file = _file(stored.path, valid)
    again = "Make the run again with `rankbench run ... --save-model`; `rankbench runs show` has its command."
    if not file.is_file():
        kept = sorted(f.stem.removeprefix("model-") for f in stored.path.glob("model-*.pt"))
        if kept:
            raise UserError(f"The run {stored.id} has no model that {valid} chose.", f"It has: {', '.join(kept)}.")
        raise UserError(f"The trained model of the run {stored.id} was not kept.", again)
    try:
        return Model(**torch.load(file, map_location=device, weights_only=True))
    except (OSError, RuntimeError, TypeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).split("\n", 1)[0].rstrip(".")
        raise UserError(f"{file} is damaged: {reason}.", again) from error


def _file(folder: Path, valid: str) -> Path:
    return folder / f"model-{valid}.pt"
