"""The step of a backbone whose score is not an inner product: plain scores, differentiated by torch."""

import torch
from torch import Tensor

from rankbench.backbones import RowBackbone
from rankbench.data.interactions import Interactions
from rankbench.errors import UserError
from rankbench.losses import ListLoss, Lists, Loss, Scores
from rankbench.training.lists import relevant_items
from rankbench.training.step import LogProbability


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
    user: Tensor,
    pos: Tensor,
    neg: Tensor,
    log_probability: LogProbability,
) -> Tensor:
    """Add the gradients of the mean loss of a batch to all parameters and return the mean loss ().

    Args:
        loss: the loss.
        backbone: the backbone.
        train: the train interactions, what the backbone knows of the users.
        user: (B,) int64, users.
        pos: (B,) int64, positives.
        neg: (B, N) int32, negatives.
        log_probability: that of the sampler.

    Raises:
        UserError: the loss asks for the similarity of item vectors.
    """

    def no_similarity() -> Tensor:
        raise needs_vectors(type(loss).__name__.lower() + ", with item similarity,", type(backbone).__name__.lower())

    score = backbone.score(user, torch.cat([pos[:, None], neg.long()], dim=1), train)  # (B, 1 + N)
    scores = Scores(
        score[:, 0],
        score[:, 1:],
        user,
        pos,
        neg,
        measure_similarity=no_similarity,
        log_q=lambda item: log_probability(user, item),
    )
    return _step(loss(scores))


def backward_of_rows(loss: ListLoss, backbone: RowBackbone, train: Interactions, user: Tensor) -> Tensor:
    """Add the gradients of the mean loss of some users (B,) int64 to all parameters and return the mean loss ()."""
    return _step(loss(Lists(backbone(user, train), relevant_items(train, user), user)))


def _step(values: Tensor) -> Tensor:
    """Differentiate the mean of the losses (B,) of a batch and return it ()."""
    mean = values.mean()  # ()
    torch.autograd.backward(mean)
    return mean.detach()
