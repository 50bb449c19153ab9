"""One step: the loss of a batch and the gradients of all parameters; on the CPU in pieces, if the loss is divisible."""

from __future__ import annotations

from weakref import WeakSet

import torch
from torch import Tensor

from rankbench.losses import Loss, Scores
from rankbench.scoring import has_one_pass, score, score_with_similarity, similarity
from rankbench.training.pieces import LogProbability, PiecedBatch, in_pieces

_asking: WeakSet[Loss] = WeakSet()
"""Losses that have asked for the similarity of items: in their next steps it may come with the scores."""


def backward(
    loss: Loss,
    query: Tensor,
    item_vec: Tensor,
    user: Tensor,
    pos: Tensor,
    neg: Tensor,
    log_probability: LogProbability,
    precision: str = "fp32",
) -> Tensor:
    """Add the gradients of the mean loss of a batch to all parameters behind the vectors and return the mean loss ().

    Args:
        loss: the loss.
        query: (B, d) float, the vectors of the users with gradients.
        item_vec: (I, d) float, those of all items with gradients.
        user: (B,) int64, users.
        pos: (B,) int64, positives.
        neg: (B, N) int32, negatives.
        log_probability: that of the sampler.
        precision: of the products with the negatives, "fp32" or "bf16".
    """
    if query.device.type == "cpu" and loss.divisible:
        vectors = query.detach(), item_vec.detach()  # (B, d), (I, d)
        value, grads = in_pieces(PiecedBatch(loss, *vectors, user, pos, neg, log_probability, precision))
        if grads:
            torch.autograd.backward([query, item_vec], grads)
        return value
    ahead: Tensor | None = None  # (B, N)
    if loss in _asking and has_one_pass(item_vec.device, len(item_vec), neg.shape[1], precision):
        pos_score, neg_score, ahead = score_with_similarity(query, item_vec, pos, neg)  # (B,), (B, N), (B, N)
    else:
        pos_score, neg_score = score(query, item_vec, pos, neg, precision)  # (B,), (B, N)

    def measure_similarity() -> Tensor:
        _asking.add(loss)
        return similarity(item_vec, pos, neg) if ahead is None else ahead  # (B, N)

    scores = Scores(
        pos_score,
        neg_score,
        user,
        pos,
        neg,
        measure_similarity=measure_similarity,
        log_q=lambda item: log_probability(user, item),
    )
    mean: Tensor = loss(scores).mean()  # ()
    torch.autograd.backward(mean)
    return mean.detach()
