"""What a loss learns or averages beside the model, brought to where the scores at rest lead it."""

from __future__ import annotations

import torch

from rankbench.gradient.typical import Typical
from rankbench.losses import ListLoss, Lists, Loss
from rankbench.params import resolve
from rankbench.spec import TrainSpec

EPOCHS, STEPS = 50, 20
"""A short training: epochs, and steps of each."""


def has_state(loss: Loss) -> bool:
    """Return whether a bound loss keeps anything: thresholds, averages, temperatures, an adversary."""
    return bool(loss.state_dict()) or type(loss).refresh is not Loss.refresh


def settle(loss: Loss, typical: Typical) -> None:
    """Train a bound loss's own state for `EPOCHS` epochs of `STEPS` steps on a model at rest, which does not move.

    The parameters of the loss take Adam's steps at the learning rate that the loss is trained with. If the last epoch
    is one in which only they learn, another follows. The loss is left in eval mode.
    """
    generator = torch.Generator().manual_seed(0)
    parameters = list(loss.parameters())
    lr = float(resolve(TrainSpec, loss.recipe)["lr"])
    optimiser = torch.optim.Adam(parameters, lr=lr) if parameters else None
    loss.train()
    for number in range(2 * EPOCHS):
        with torch.no_grad():
            loss.refresh(typical.epoch(number, generator))
        pushed = True
        for _ in range(STEPS):
            batch = typical.all_scores(typical.table) if isinstance(loss, ListLoss) else typical.drawn(generator)
            value = loss(batch).mean()  # ()
            if optimiser:
                optimiser.zero_grad()
                value.backward()
                optimiser.step()
                pushed = (batch.score if isinstance(batch, Lists) else batch.neg).grad is not None
        if pushed and number + 1 >= EPOCHS:
            break
    loss.eval()
