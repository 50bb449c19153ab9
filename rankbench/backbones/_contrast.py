"""Contrastive terms of graph backbones: two views of a node should agree more than those of different nodes."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from rankbench.backbones import Batch


def info_nce(one: Tensor, other: Tensor, tau: float) -> Tensor:
    r"""Return $\frac{1}{n} \sum_a (\log \sum_b e^{c_{ab} / \tau} - c_{aa} / \tau)$ with the cosines c of two views.

    Args:
        one, other: (n, d) float, the views of n nodes.
        tau: temperature.
    """
    score = normalize(one, dim=1) @ normalize(other, dim=1).t() / tau  # (n, n)
    return (torch.logsumexp(score, dim=1) - score.diagonal()).mean()  # ()


def contrast(one: Tensor, other: Tensor, batch: Batch, n_users: int, tau: float, distinct: bool) -> Tensor:
    """Return the InfoNCE () of the users of a batch plus that of its positives.

    Args:
        one, other: (U + I, d) float, two views of all users above all items.
        batch: the batch.
        n_users: number of users, U.
        tau: temperature.
        distinct: count every user and item once, however often it occurs in the batch.
    """
    total = one.new_zeros(())  # ()
    for node in (batch.user, batch.pos + n_users):
        rows = torch.unique(node) if distinct else node  # (n,)
        total = total + info_nce(one.index_select(0, rows), other.index_select(0, rows), tau)
    return total
