"""The loss that is checked: fresh instances of it, its values and its gradients on batches."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal, cast

import torch
from torch import Tensor

from rankbench.contract.batches import Batch
from rankbench.contract.cases import TRAIN, epoch_of, listed, paired, sampled
from rankbench.contract.source import Source
from rankbench.contract.verdict import Sees
from rankbench.errors import UserError
from rankbench.losses import ListLoss, Loss, VectorLoss
from rankbench.params import Value

B, N, DIM = 8, 40, 4
"""The usual shape of a batch: more negatives than most losses look at one by one."""

COLD = 0.01
"""The lowest temperature that is published."""

Pairs = Literal["in order", "random", "out of order"]
"""How the scores of positives and negatives lie to one another."""

PAIRS: tuple[Pairs, ...] = ("in order", "random", "out of order")

_ANY, _LOW, _HIGH = (-1.0, 1.0), (-1.0, 0.0), (0.0, 1.0)
_RANGES = {"in order": (_HIGH, _LOW), "random": (_ANY, _ANY), "out of order": (_LOW, _HIGH)}
_NOTHING: Mapping[str, Value] = {}

EPOCHS = 21
"""Epochs in which a loss is looked at, enough for what is done every 20th."""


@torch.no_grad()
def refresh(loss: Loss, number: int) -> None:
    """Let a loss look at the model before an epoch, as training does."""
    loss.refresh(epoch_of(number))


class Subject(Source[Loss]):
    """A loss class with the values of its parameters."""

    @property
    def sees(self) -> Sees:
        """What the loss sees."""
        if issubclass(self.owner, ListLoss):
            return "lists"
        return "vectors" if issubclass(self.owner, VectorLoss) else "negatives"

    def bound(self, dtype: torch.dtype = torch.float64, changed: Mapping[str, Value] = _NOTHING) -> Loss:
        """Return a fresh loss bound to data, in eval mode; two with the same values are alike."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            loss = self.owner(**{**self.values, **changed})
            loss.bind(TRAIN, 0)
        moved: Loss = loss.to(dtype).eval()
        return moved

    def loss(self, dtype: torch.dtype = torch.float64, changed: Mapping[str, Value] = _NOTHING) -> Loss:
        """Return a fresh loss in the first epoch in which the model learns from it, in eval mode."""
        loss = self.bound(dtype, changed)
        for number in range(self.rest + 1):
            refresh(loss, number)
        return loss

    @cached_property
    def rest(self) -> int:
        """Epochs at the start in which the model gets no gradient; 0 if it never gets any."""
        try:
            loss, batch = self.bound(), self.batch()
            for number in range(EPOCHS):
                refresh(loss, number)
                if any(grad.any() for grad in self.gradients(loss, batch)):
                    return number
        except Exception:  # is found again by the first checks
            return 0
        return 0

    @cached_property
    def cold(self) -> dict[str, Value]:
        """The parameters named tau at the lowest temperature in use, as far as the loss takes it."""
        values: dict[str, Value] = {}
        for name, param in self.owner.params.items():
            if param.kind is float and name.startswith(("tau", "temperature")):
                try:
                    self.owner(**{**self.values, **values, name: COLD})
                except UserError:
                    continue
                values[name] = COLD
        return values

    def batch(
        self, seed: int = 0, B: int = B, N: int = N, *, dtype: torch.dtype = torch.float64, pairs: Pairs = "random"
    ) -> Any:
        """Return a random batch of the kind that the loss sees; in order, positives score above negatives."""
        pos, neg = _RANGES[pairs]
        batch: Batch
        if self.sees == "negatives":
            batch = sampled(seed, B, N, pos=pos, neg=neg)
        elif self.sees == "lists":
            batch = listed(seed, B, pos=pos, neg=neg)
        else:
            batch = paired(seed, B, DIM, unit=self.owner.score == "cosine")
        return batch if dtype is torch.float64 else batch.cast(dtype)

    def value(self, loss: Loss, batch: Batch) -> Tensor:
        """Return the loss (B,) of each example."""
        return cast(Tensor, loss(batch.given(*batch.leaves)))

    def gradients(self, loss: Loss, batch: Batch) -> tuple[Tensor, ...]:
        """Return the gradients of the summed loss by the leaves of a batch; zeros where nothing arrives."""
        total = self.value(loss, batch).sum()  # ()
        if not total.requires_grad:
            return tuple(torch.zeros_like(leaf) for leaf in batch.leaves)
        return torch.autograd.grad(total, batch.leaves, allow_unused=True, materialize_grads=True)

    def unfit(self, loss: Loss, batch: Batch) -> str:
        """Return which values or gradients of a batch are not finite, in words; empty if all of them are."""
        found = {"values": (self.value(loss, batch),), "gradients": self.gradients(loss, batch)}
        for what, tensors in found.items():
            for tensor in tensors:
                wrong = ~tensor.isfinite()
                if wrong.any():
                    kind = "nan" if tensor.isnan().any() else "inf"
                    return f"{kind} in {int(wrong.sum())} of {tensor.numel()} {what}"
        return ""
