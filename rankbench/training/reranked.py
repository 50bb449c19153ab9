"""A trained model re-ranked by popularity: the same epochs, other lists, and what they reach on validation."""

from dataclasses import replace

import torch

from rankbench.data.interactions import Split
from rankbench.evaluation.evaluate import validate
from rankbench.rerank import strength_of
from rankbench.training.loop import Trained


def reranked(trained: Trained, split: Split, rerank: str) -> Trained:
    """Return what a training ended with, every score less λ times the logarithm of the item's train interactions.

    Nothing is trained: each validation set keeps the epoch that it chose without the re-ranking.

    Args:
        trained: the training.
        split: its data.
        rerank: the re-ranking as it is spelled in a run; nothing changes without one.
    """
    strength = strength_of(rerank)
    if not strength:
        return trained
    penalty = strength * torch.from_numpy(split.train.item_counts).double().clamp(min=1).log()  # (I,)
    scorers = {name: scorer.penalised(penalty.float()) for name, scorer in trained.scorers.items()}
    best = {
        name: replace(best, value=validate(scorers[name], split, name)) if name in scorers else best
        for name, best in trained.best.items()
    }
    return replace(trained, scorers=scorers, best=best)
