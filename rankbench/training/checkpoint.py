"""Checkpoints: a training that was interrupted goes on from its last saved epoch, to the same numbers as without it.

What is trained on another device than the CPU is copied from there and then written by a thread, so that the training
waits for the copy alone.
"""

from __future__ import annotations

import math
import pickle
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from rankbench.training.progress import EpochEnd

if TYPE_CHECKING:
    from rankbench.training.loop import Training

SECONDS_BETWEEN = 10.0
"""Least time between two saves: how often only decides how much is computed again, never the result."""


class Checkpoint:
    """The file of a training's parameters, optimiser, loss state, selection and curve; tensors and plain data only.

    As a context, it is written to the end when the context is left.

    Args:
        path: the file; written beside and renamed, so it is always whole.
        training: the training to save and to resume.
    """

    def __init__(self, path: Path, training: Training) -> None:
        self.path = path
        self.training = training
        self.saved_at = -math.inf
        self._writer = ThreadPoolExecutor(1, "rankbench-checkpoint")
        self._writing: Future[None] | None = None

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(self, *error: object) -> None:
        self._wait()
        self._writer.shutdown()

    def resume(self) -> None:
        """Take over what the file holds, if there is one that can be read."""
        try:
            saved = torch.load(self.path, map_location="cpu", weights_only=True)
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
        self._wait()
        training = self.training
        state = {
            "backbone": training.backbone.state_dict(),
            "loss": training.loss.state_dict(),
            "optimiser": training.optimiser.state_dict(),
            "selection": training.selection.to_state(),
            "curve": [asdict(end) for end in training.curve],
        }
        if training.device.type == "cpu":
            self._write(state)
        else:
            self._writing = self._writer.submit(self._write, on_cpu(state))
        self.saved_at = time.monotonic()

    def _write(self, state: dict[str, Any]) -> None:
        partial = self.path.with_suffix(".partial")
        try:
            torch.save(state, partial)
        except RuntimeError as error:  # what torch makes of a full disk
            raise OSError(f"{partial.name} cannot be written: {error}") from error
        partial.replace(self.path)

    def _wait(self) -> None:
        """Wait for what is being written; raise OSError if it could not be."""
        writing, self._writing = self._writing, None
        if writing:
            writing.result()


def on_cpu(state: Any) -> Any:
    """Return plain data with its tensors copied to the CPU."""
    if isinstance(state, Tensor):
        return state.to("cpu", copy=True)
    if isinstance(state, dict):
        return {name: on_cpu(value) for name, value in state.items()}
    return [on_cpu(value) for value in state] if isinstance(state, list) else state
