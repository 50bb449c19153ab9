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


def backward_of_lists(loss: ListLoss, user_vec: Tensor, item_vec: Tensor, user: Tensor, train: Interactions) -> Tensor:
    """Add the gradients of the mean loss of some users to all parameters and return the mean loss ().

    Args:
        loss: the loss.
        user_vec: (U, d) float, user vectors with gradients.
        item_vec: (I, d) float, item vectors with gradients.
        user: (B,) int64, users.
        train: the train interactions, which are relevant.
    """
    trained = any(p.requires_grad for p in loss.parameters())
    if user_vec.device.type == "cpu" and loss.divisible and not trained:
        value, user_grad, item_grad = _in_pieces(loss, user_vec.detach(), item_vec.detach(), user, train)
        torch.autograd.backward([user_vec, item_vec], [user_grad, item_grad])
        return value
    score = user_vec.index_select(0, user) @ item_vec.t()  # (B, I)
    mean: Tensor = loss(Lists(score, relevant(train, user), user)).mean()  # ()
    torch.autograd.backward(mean)
    return mean.detach()


def _in_pieces(
    loss: ListLoss, user_vec: Tensor, item_vec: Tensor, user: Tensor, train: Interactions
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the mean loss () and its gradients (U, d) and (I, d), computed in pieces of users."""
    query = user_vec.index_select(0, user)  # (B, d)
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
    item_grad = catalogue_gradient(query, grad)  # (I, d)
    user_grad = query.new_zeros(user_vec.shape).index_add_(0, user, query_grad)  # (U, d)
    return values.mean(), user_grad, item_grad
