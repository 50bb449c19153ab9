"""The step of a backbone whose score is not an inner product: plain scores, differentiated by torch."""

import torch
from torch import Tensor

from rankbench.backbones import Batch, RowBackbone
from rankbench.data.interactions import Interactions
from rankbench.errors import UserError
from rankbench.losses import ListLoss, Lists, Loss, Scores
from rankbench.rows_on import relevant
from rankbench.training.pieces import LogProbability


def needs_vectors(loss: str, backbone: str) -> UserError:
    """Return the error for a loss on vectors and a backbone that has none."""
    return UserError(
        f"The loss {loss} is defined on vectors; the score of the backbone {backbone} is not an inner product of any.",
        "Choose a loss on sampled negatives or on lists (`rankbench list losses`), or a backbone with vectors, such as "
        "mf.",
    )


def backward_of_samples(
    loss: Loss,
    backbone: RowBackbone,
    train: Interactions,
    batch: Batch,
    neg: Tensor,
    log_probability: LogProbability,
) -> Tensor:
    """Add the gradients of a batch's mean loss and penalty to all parameters and return their sum ().

    Args:
        loss: the loss.
        backbone: the backbone.
        train: the train interactions, what the backbone knows of the users.
        batch: users and positives.
        neg: (B, N) int32, negatives.
        log_probability: that of the sampler.

    Raises:
        UserError: the loss asks for the similarity of item vectors.
    """

    def no_similarity() -> Tensor:
        raise needs_vectors(type(loss).__name__.lower() + ", with item similarity,", type(backbone).__name__.lower())

    item = torch.cat([batch.pos[:, None], neg.long()], dim=1)  # (B, 1 + N)
    score, penalty = backbone.step_scores(batch, item, train)  # (B, 1 + N), ()
    scores = Scores(
        score[:, 0],
        score[:, 1:],
        batch.user,
        batch.pos,
        neg,
        measure_similarity=no_similarity,
        log_q=lambda item: log_probability(batch.user, item),
    )
    return _step(loss(scores), penalty)


def backward_of_rows(loss: ListLoss, backbone: RowBackbone, train: Interactions, batch: Batch) -> Tensor:
    """Add the gradients of the mean loss and the penalty of some users to all parameters and return their sum ()."""
    score, penalty = backbone.step_scores(batch, None, train)  # (B, I), ()
    return _step(loss(Lists(score, relevant(train, batch.user), batch.user)), penalty)


def _step(values: Tensor, penalty: Tensor | None) -> Tensor:
    """Differentiate the mean of the losses (B,) of a batch and its penalty () and return their sum ()."""
    mean = values.mean() if penalty is None else values.mean() + penalty  # ()
    torch.autograd.backward(mean)
    return mean.detach()
