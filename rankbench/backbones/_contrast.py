"""Contrastive terms of graph backbones: two views of a node should agree more than those of different nodes."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from rankbench.backbones import Batch


def info_nce(one: Tensor, other: Tensor, tau: float, counted: Tensor | None = None) -> Tensor:
    r"""Return $\frac{1}{n} \sum_a (\log \sum_b e^{c_{ab} / \tau} - c_{aa} / \tau)$ with the cosines c of two views.

    Args:
        one, other: (n, d) float, the views of n nodes.
        tau: temperature.
        counted: (n,) bool, which nodes there are; all if left out.
    """
    score = normalize(one, dim=1) @ normalize(other, dim=1).t() / tau  # (n, n)
    if counted is None:
        return (torch.logsumexp(score, dim=1) - score.diagonal()).mean()  # ()
    each = torch.logsumexp(score.masked_fill(~counted, -torch.inf), dim=1) - score.diagonal()  # (n,)
    return torch.where(counted, each, 0).sum() / counted.sum()  # ()


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
        rows, counted = once(node) if distinct else (node, None)  # (n,), (n,)
        total = total + info_nce(one.index_select(0, rows), other.index_select(0, rows), tau, counted)
    return total


def once(node: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return nodes in their order, each once; on a GPU, which is not asked how many these are, with a mask of them."""
    return (torch.unique(node), None) if node.device.type == "cpu" else marked_once(node)


def marked_once(node: Tensor) -> tuple[Tensor, Tensor]:
    """Return nodes (n,) in their order, and which of equal ones is the first (n,) bool."""
    rows = node.sort().values  # (n,)
    return rows, torch.cat([torch.ones_like(rows[:1], dtype=torch.bool), rows[1:] != rows[:-1]])
