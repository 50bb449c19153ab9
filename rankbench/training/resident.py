"""Epochs on a CUDA device: data, order, negatives, loss and optimiser stay there, and the host waits once an epoch.

The batches are those of the CPU: the same rows in the same order with the same negatives. A step finds its rows by a
counter on the device, so all whole batches of an epoch are the same step, which is captured as a graph and replayed.
The first few steps, the last batch if it is smaller, and steps that cannot be captured are launched one by one.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, cast

import torch

from rankbench.randomness import key
from rankbench.sampling.hashing import bits_on, derived, permutation
from rankbench.training.capture import CaptureError, Graphs, HostNumber, HostState, Replay, captured, host_state
from rankbench.training.progress import Notice, Step

if TYPE_CHECKING:
    from rankbench.training.loop import Training

_WARM = 3
"""Steps that are launched one by one before a capture, so that everything that a first step makes is there."""

_TOLD = 64
"""How often an epoch tells how far it is: not after every step, which takes less time than drawing a bar."""


class Resident:
    """Takes the steps of a training on its device.

    Args:
        training: the training.
        graphs: what runs and captures steps.
    """

    def __init__(self, training: Training, graphs: Graphs) -> None:
        self.training, self.graphs = training, graphs
        device, size = training.device, training.batches.size
        self.order = torch.empty(size, dtype=torch.int64, device=device)  # (rows,) of the epoch
        self.place = torch.zeros((), dtype=torch.int64, device=device)  # () the first row of the next batch
        self.key = torch.zeros((), dtype=torch.int64, device=device)  # () the bits of the key of the negatives
        self.steps_key = torch.zeros((), dtype=torch.int64, device=device)  # () from which those of steps follow
        self.total = torch.zeros((), dtype=torch.float64, device=device)  # () the sum of the losses
        self.replay: Replay | None = None
        self.refused = False
        self._state: HostState = {}
        self._warm = 0

    def epoch(self, epoch: int) -> Generator[Step | Notice, None, float]:
        """Take one pass over the rows and return the mean loss."""
        training, size, B = self.training, self.training.batches.size, self.training.spec.batch_size
        self._begin(epoch)
        whole, rest = divmod(size, B)
        every = max(1, whole // _TOLD)
        for number in range(whole):
            refused = self._advance(B, key(training.seed, "backbone", epoch, number))
            if refused:
                yield Notice(f"Steps are launched one by one, which is slower: they cannot be captured, {refused}.")
            if number % every == 0:
                yield Step(epoch + 1, training.spec.epochs, (number + 1) * B, size)
        if rest:
            self.graphs.run(lambda: self._take(rest, key(training.seed, "backbone", epoch, whole)))
        yield Step(epoch + 1, training.spec.epochs, size, size)
        return float(self.total) / size  # the host waits here

    def _begin(self, epoch: int) -> None:
        """Set what the steps of an epoch read; capture anew if the state on the host is another one."""
        training = self.training
        shuffled, drawn = (key(training.seed, stream, epoch) for stream in ("shuffle", "negatives"))
        self.order.copy_(permutation(bits_on(training.device, shuffled), len(self.order)))
        self.key.copy_(bits_on(training.device, drawn))
        self.steps_key.copy_(bits_on(training.device, key(training.seed, "backbone", epoch)))
        self.place.zero_()
        self.total.zero_()
        state = host_state(self._modules)
        if state != self._state:
            self.replay, self._state, self._warm = None, state, 0

    def _advance(self, rows: int, drawn: int) -> str:
        """Take the step of a whole batch; return why it cannot be captured when that has just been found out."""
        refused = ""
        if self._warm == _WARM and self.replay is None and not self.refused:
            self.training.optimiser.zero_grad(set_to_none=True)
            try:
                self.replay = captured(self.graphs, lambda: self._take(rows, self._key_there(rows)), self._modules)
            except CaptureError as error:
                self.refused, refused = True, str(error)
        if self.replay is not None:
            self.replay()
        else:
            self.graphs.run(lambda: self._take(rows, drawn))
            self._warm = min(self._warm + 1, _WARM)
        return refused

    def _take(self, rows: int, drawn: int) -> None:
        """Take the step of the next rows."""
        place = self.place + torch.arange(rows, device=self.place.device)  # (B,)
        batch = self.training.batches.draw_there(self.key, self.order.index_select(0, place))
        self.total += self.training.step(batch, drawn) * rows
        self.place += rows

    def _key_there(self, rows: int) -> int:
        """Return the next step's key for a capture: its bits on the device, if the backbone takes them for a number."""
        if self.training.backbone.key_on_device:
            return cast(int, derived(self.steps_key, self.place // rows))
        return cast(int, HostNumber())

    @property
    def _modules(self) -> list[torch.nn.Module]:
        return [self.training.loss, self.training.backbone]
