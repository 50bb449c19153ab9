"""The step of a loss on lists: scores of all items for a batch of users.

On the CPU a divisible loss sees a few users at a time, so that what it computes of (B, I) scores is never there at
once; only their gradient is. The pieces do not depend on the number of threads.
"""

import torch
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.losses import ListLoss, Lists
from rankbench.parallel import over_blocks
from rankbench.rows_on import relevant
from rankbench.scoring.dense import catalogue_gradient

_PIECE = 2**20
"""Scores in a piece of a batch: 4 MiB of float32."""


def backward_of_lists(loss: ListLoss, query: Tensor, item_vec: Tensor, user: Tensor, train: Interactions) -> Tensor:
    """Add the gradients of the mean loss of some users to all parameters and return the mean loss ().

    Args:
        loss: the loss.
        query: (B, d) float, the vectors of the users with gradients.
        item_vec: (I, d) float, those of all items with gradients.
        user: (B,) int64, users.
        train: the train interactions, which are relevant.
    """
    trained = any(p.requires_grad for p in loss.parameters())
    if query.device.type == "cpu" and loss.divisible and not trained:
        value, *grads = _in_pieces(loss, query.detach(), item_vec.detach(), user, train)
        torch.autograd.backward([query, item_vec], grads)
        return value
    score = query @ item_vec.t()  # (B, I)
    mean: Tensor = loss(Lists(score, relevant(train, user), user)).mean()  # ()
    torch.autograd.backward(mean)
    return mean.detach()


def _in_pieces(
    loss: ListLoss, query: Tensor, item_vec: Tensor, user: Tensor, train: Interactions
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the mean loss () and its gradients (B, d) and (I, d), computed in pieces of users."""
    grad, query_grad = query.new_empty(len(user), len(item_vec)), torch.empty_like(query)  # (B, I), (B, d)
    values = query.new_empty(len(user))  # (B,)

    def piece(start: int, stop: int) -> None:
        rows = slice(start, stop)
        score = (query[rows] @ item_vec.t()).requires_grad_()  # (b, I)
        value = loss(Lists(score, relevant(train, user[rows]), user[rows]))  # (b,)
        (grad[rows],) = torch.autograd.grad(value.sum() / len(user), score)
        torch.mm(grad[rows], item_vec, out=query_grad[rows])  # (b, d)
        values[rows] = value.detach()

    over_blocks(piece, len(user), max(1, _PIECE // len(item_vec)))
    return values.mean(), query_grad, catalogue_gradient(query, grad)
