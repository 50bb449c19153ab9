"""NeuralNDCG, NDCG after a soft sort."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from rankbench.errors import UserError
from rankbench.losses import Loss, Scores, param
from rankbench.params import Value

MOST = 512
"""Negatives up to which the n by n matrices of a batch fit a memory."""

LEAST = 1e-10
"""Least sum of a row or column to divide by."""


class NeuralNDCG(Loss):
    r"""NeuralNDCG: minus the NDCG of the list of the positive and its negatives, sorted by a soft permutation.

    $\ell = -\sum_{r \le k} P_{ri} / \log_2(1 + r)$, where row r of P says which of the n = N + 1 items x is at rank r.
    P is NeuralSort's, $P_{rx} = \mathrm{softmax}_x [((n + 1 - 2r) s_x - \sum_y |s_x - s_y|) / \tau]$, with cosines as
    scores; as $\tau$ falls it tends to the permutation that sorts. Its rows add up to 1, its columns need not, so that
    an item may count at several ranks or none: `sinkhorn` rounds of scaling columns, then rows, mend that, 50 in
    the released code. They converge slowly at low temperatures. 0 leaves P as it is.

    The logits of the sort grow with n, so the temperature depends on the number of negatives. A soft permutation is not
    monotone: raising the positive may raise the loss. Time and memory grow with the square of n.

    Published with $\tau = 1$ for lists of documents; `k=0`, the whole list, is the released default. The released code
    ends the scaling early once all lists of a batch are within 1e-6; this one does not, so that no list depends on the
    others. The stochastic form of the paper, which perturbs the scores, is not here.

    Paper: Pobrotyn, Bialobrzeski. NeuralNDCG: Direct Optimisation of a Ranking Metric via Differentiable Relaxation of
    Sorting. 2021, arXiv 2102.07831.

    Raises:
        UserError: there are more than 512 negatives.
    """

    family = "listwise"
    paper = "Pobrotyn and Bialobrzeski, 2021, arXiv 2102.07831"
    divisible = True
    recipe: ClassVar[Mapping[str, Value]] = {"negatives": 32}

    tau: float = param(1.0, "temperature of the sort", above=0, grid=(0.01, 0.1, 1.0))
    k: int = param(0, "ranks that count; 0: all", at_least=0)
    sinkhorn: int = param(50, "rounds of scaling; 0: none", at_least=0)

    def forward(self, s: Scores) -> Tensor:
        """Return minus the softly sorted NDCG (B,) of each positive."""
        if s.neg.shape[1] > MOST:
            raise UserError(
                f"neuralndcg takes at most {MOST} negatives, got {s.neg.shape[1]}: it compares all of them.",
                "Ask for fewer with --negatives.",
            )
        share = self.share_of_ranks(torch.cat([s.pos[:, None], s.neg], dim=1))  # (B, n)
        k = min(self.k or share.shape[1], share.shape[1])
        rank = torch.arange(1, k + 1, device=share.device, dtype=share.dtype)  # (k,)
        return -(share[:, :k] / torch.log2(1 + rank)).sum(dim=1)  # (B,)

    def share_of_ranks(self, score: Tensor) -> Tensor:
        """Return how much of each rank (B, n) the first of the items with scores (B, n) has."""
        sort = soft_sort(score, self.tau)  # (B, n, n)
        if not self.sinkhorn:
            return sort[:, :, 0]  # (B, n)
        row, column = _Sinkhorn.apply(sort, self.sinkhorn)  # type: ignore[no-untyped-call]  # (B, n), (B, n)
        share: Tensor = sort[:, :, 0] * row * column[:, :1]  # (B, n)
        return share


def soft_sort(score: Tensor, tau: float) -> Tensor:
    """Return NeuralSort's soft permutation (B, n, n), row rank and column item, of scores (B, n), highest first."""
    n = score.shape[1]
    spread = (score[:, :, None] - score[:, None, :]).abs().sum(dim=2)  # (B, n)
    slope = torch.arange(n - 1, -n, -2, device=score.device, dtype=score.dtype)  # (n,)
    logit = (slope[:, None] * score[:, None, :] - spread[:, None, :]) / tau  # (B, n, n)
    return torch.softmax(logit, dim=2)  # (B, n, n)


class _Sinkhorn(torch.autograd.Function):
    """The factors of the rows and columns that make a matrix of positive numbers doubly stochastic.

    The gradient is that of all rounds, put together in one product instead of a matrix for each round.
    """

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, rounds: int) -> tuple[Tensor, Tensor]:
        transposed = matrix.mT.contiguous()  # (B, n, n)
        rows = [torch.ones_like(matrix[:, :, 0])]  # (B, n) each
        columns: list[Tensor] = []  # (B, n) each
        for _ in range(rounds):
            columns.append(1 / times(rows[-1], matrix).clamp_min(LEAST))
            rows.append(1 / times(columns[-1], transposed).clamp_min(LEAST))
        ctx.save_for_backward(matrix, torch.stack(rows), torch.stack(columns))
        return rows[-1], columns[-1]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        matrix, rows, columns = ctx.saved_tensors  # (B, n, n), (rounds + 1, B, n), (rounds, B, n)
        transposed = matrix.mT.contiguous()  # (B, n, n)
        of_row, of_column = grads  # (B, n), (B, n)
        of_row_sums, of_column_sums = torch.empty_like(columns), torch.empty_like(columns)  # (rounds, B, n)
        for t in reversed(range(len(columns))):
            of_row_sums[t] = -of_row * rows[t + 1].square()
            of_column = of_column + times(of_row_sums[t], matrix)  # (B, n)
            of_column_sums[t] = -of_column * columns[t].square()
            of_row, of_column = times(of_column_sums[t], transposed), torch.zeros_like(of_column)  # (B, n), (B, n)
        left = torch.cat([of_row_sums, rows[:-1]]).permute(1, 2, 0)  # (B, n, 2 rounds)
        right = torch.cat([columns, of_column_sums]).permute(1, 0, 2)  # (B, 2 rounds, n)
        return left @ right, None


def times(vector: Tensor, matrix: Tensor) -> Tensor:
    """Return the products (B, n) of vectors (B, n) and matrices (B, n, n), fast in this order only."""
    return (vector[:, None] @ matrix)[:, 0]  # (B, n)
