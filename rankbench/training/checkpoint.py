"""Checkpoints: a training that was interrupted goes on from its last saved epoch, to the same numbers as without it."""

from __future__ import annotations

import math
import pickle
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from rankbench.training.progress import EpochEnd

if TYPE_CHECKING:
    from rankbench.training.loop import Training

SECONDS_BETWEEN = 10.0
"""Least time between two saves: how often only decides how much is computed again, never the result."""


class Checkpoint:
    """The file of a training's parameters, optimiser, loss state, selection and curve; tensors and plain data only.

    Args:
        path: the file; written beside and renamed, so it is always whole.
        training: the training to save and to resume.
    """

    def __init__(self, path: Path, training: Training) -> None:
        self.path = path
        self.training = training
        self.saved_at = -math.inf

    def resume(self) -> None:
        """Take over what the file holds, if there is one that can be read."""
        try:
            saved = torch.load(self.path, map_location=self.training.device, weights_only=True)
        except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError):
            return  # nothing to resume from: the training starts anew, to the same numbers
        training = self.training
        training.backbone.load_state_dict(saved["backbone"])
        training.loss.load_state_dict(saved["loss"])
        training.optimiser.load_state_dict(saved["optimiser"])
        training.selection.load(saved["selection"])
        training.curve = [EpochEnd(**end) for end in saved["curve"]]

    def save(self) -> None:
        """Save the training after an epoch, unless this process has saved it very recently."""
        if time.monotonic() - self.saved_at < SECONDS_BETWEEN:
            return
        training = self.training
        state = {
            "backbone": training.backbone.state_dict(),
            "loss": training.loss.state_dict(),
            "optimiser": training.optimiser.state_dict(),
            "selection": training.selection.to_state(),
            "curve": [asdict(end) for end in training.curve],
        }
        partial = self.path.with_suffix(".partial")
        try:
            torch.save(state, partial)
        except RuntimeError as error:  # what torch makes of a full disk
            raise OSError(f"{partial.name} cannot be written: {error}") from error
        partial.replace(self.path)
        self.saved_at = time.monotonic()
