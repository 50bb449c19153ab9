"""The step of a batch in pieces, on the CPU.

A divisible loss sees pieces of rows, each scored, measured and differentiated by one thread while its scores are in the
cache. The pieces do not depend on the number of threads, and what they give is put together in their order, so the
result does not either. A loss that is the log-sum-exp of gaps is not called: its rows are taken in one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from rankbench.lazy import lazy
from rankbench.losses import LogSumExp, Loss, Scores, says_its_exponent
from rankbench.parallel import over_blocks
from rankbench.rowwise.exponentials import array_of
from rankbench.scoring import PIECE_ROWS, choose
from rankbench.scoring.rounding import rounded, stored
from rankbench.scoring.softmax import Rows
from rankbench.scoring.unit import unit

_PIECE = 2**18
"""Scores in a piece of a batch, at most: a MiB of float32.

Smaller pieces stay in the cache and keep all threads busy to the end, fewer pieces cost less Python.
"""

LogProbability = Callable[[Tensor, Tensor], Tensor]
"""Of users (B,) and items (B, M): the log-probabilities (B, M) that a sampler's draw for the user is the item."""


def in_pieces(batch: PiecedBatch) -> tuple[Tensor, list[Tensor]]:
    """Return the mean loss () and its gradients (B, d) and (I, d), computed in pieces of rows.

    There are none if the loss does not depend on the scores. Those of its own parameters are added to them.
    """
    rows = min(max(1, _PIECE // batch.neg.shape[1]), PIECE_ROWS)
    if type(batch.loss).measure is not Loss.measure:
        over_blocks(batch.measure, len(batch.user), rows)
        batch.put_measures_together()
    over_blocks(batch.differentiate, len(batch.user), rows)
    batch.give_loss_its_gradients()
    return batch.values.mean(), batch.gradients() if batch.reaches_scores else []


class _Piece(Scores):
    """The scores of some rows of a batch, ready to be differentiated; what a loss does not look at is not computed."""

    def __init__(self, batch: PiecedBatch, rows: slice) -> None:
        self.batch, self.rows, self.kept, self.measured = batch, rows, {}, None

    @lazy
    def pos(self) -> Tensor:
        return self.batch.pos_score[self.rows].requires_grad_()  # (b,)

    @lazy
    def neg(self) -> Tensor:
        batch = self.batch
        query = batch.rounded_query[self.rows]  # (b, d)
        scores: Tensor = batch.kernel.forward(query, batch.stored_items, self.neg_item)  # (b, N)
        return scores.requires_grad_()

    @property
    def is_scored(self) -> bool:
        """Whether the scores of the negatives are there."""
        return "neg" in self.__dict__

    @lazy
    def user(self) -> Tensor:
        return self.batch.user[self.rows]  # (b,)

    @lazy
    def pos_item(self) -> Tensor:
        return self.batch.pos[self.rows]  # (b,)

    @lazy
    def neg_item(self) -> Tensor:
        return self.batch.neg[self.rows]  # (b, N)

    def measure_similarity(self) -> Tensor:
        unit, target = self.batch.unit  # (I, d), (B, d)
        found: Tensor = self.batch.kernel.forward(target[self.rows], unit, self.neg_item)
        return found  # (b, N)

    def log_q(self, item: Tensor) -> Tensor:
        return self.batch.log_probability(self.user, item)  # (b, M)


class PiecedBatch:
    """A batch in the making; `measure` and `differentiate` work on the piece start..stop, each on one thread."""

    def __init__(
        self,
        loss: Loss,
        query: Tensor,
        item_vec: Tensor,
        user: Tensor,
        pos: Tensor,
        neg: Tensor,
        log_probability: LogProbability,
        precision: str,
    ) -> None:
        self.loss, self.query, self.item_vec = loss, query, item_vec
        self.user, self.pos, self.neg, self.log_probability = user, pos, neg, log_probability
        self.kernel = choose(len(item_vec), neg.shape[1])
        self.rounded_query = rounded(query, precision)  # (B, d)
        self.stored_items = stored(item_vec, precision)  # (I, d)
        self.target = item_vec.index_select(0, pos)  # (B, d)
        self.pos_score = (query * self.target).sum(dim=1)  # (B,)
        self.values = query.new_empty(len(user))  # (B,)
        self.pos_grad = query.new_empty(len(user))  # (B,)
        self.query_grad = torch.empty_like(query)  # (B, d)
        self.products = self.kernel.Gradients(self.rounded_query, self.stored_items, neg)
        self.share = query.new_full((len(user),), 1 / len(user))  # (B,)
        self.reaches_scores = False
        self.trained = [p for p in loss.parameters() if p.requires_grad]
        self.trained_grads: dict[int, Sequence[Tensor | None]] = {}
        self.in_one_pass = query.dtype == torch.float32 and not self.trained and says_its_exponent(type(loss))
        self.pieces: dict[int, _Piece] = {}
        self.measures: dict[int, Tensor | None] = {}
        self.measured: Tensor | None = None

    @cached_property
    def unit(self) -> tuple[Tensor, Tensor]:
        """The normalised vectors of all items (I, d) and of the positives (B, d)."""
        if self.loss.score == "cosine":
            return self.item_vec, self.target
        found = unit(self.item_vec)  # (I, d)
        return found, found.index_select(0, self.pos)

    def measure(self, start: int, stop: int) -> None:
        """Score a piece and take the measure of its examples."""
        piece = self.pieces[start] = _Piece(self, slice(start, stop))
        found = self.loss.measure(piece)  # (b, ...) or None
        self.measures[start] = None if found is None else found.detach()

    def put_measures_together(self) -> None:
        """Let the loss settle what it measured of the whole batch, and make it known to every piece."""
        found = [m for start in sorted(self.measures) if (m := self.measures[start]) is not None]
        if found:
            self.measured = self.loss.settle(self.user, self.pos, torch.cat(found))  # (B, ...)

    def differentiate(self, start: int, stop: int) -> None:
        """Compute the loss of a piece and its gradients with respect to scores and queries."""
        piece = self.pieces.pop(start, None) or _Piece(self, slice(start, stop))
        piece.measured = self.measured
        if self.in_one_pass and (exponent := self.loss.as_log_sum_exp(piece)):
            self.differentiate_softmax(start, stop, piece, exponent)
            return
        value = self.loss(piece)  # (b,)
        self.values[start:stop] = value.detach()
        inputs = (piece.pos, piece.neg, *self.trained)
        of_pos, of_neg, *own = torch.autograd.grad(value, inputs, self.share[start:stop], allow_unused=True)
        self.trained_grads[start] = own
        if of_pos is not None or of_neg is not None:
            self.reaches_scores = True
            self.pos_grad[start:stop] = 0 if of_pos is None else of_pos
            neg_grad = torch.zeros_like(piece.neg) if of_neg is None else of_neg  # (b, N)
            self.query_grad[start:stop] = self.products.add(start, stop, neg_grad)  # (b, d)

    def differentiate_softmax(self, start: int, stop: int, piece: _Piece, exponent: LogSumExp) -> None:
        """Do the same for a log-sum-exp, in one pass over each row."""
        self.reaches_scores = True
        rows, (beta, offset) = piece.rows, exponent
        found = Rows(
            neg=array_of(piece.neg) if piece.is_scored else None,  # (b, N)
            pos=self.pos_score.numpy()[rows],
            beta=array_of(beta.float())
            if isinstance(beta, Tensor)
            else np.full(stop - start, beta, np.float32),  # (b,)
            offset=None if offset is None else array_of(offset.float()),  # (b, N)
            share=np.float32(1 / len(self.user)),
            value=self.values.numpy()[rows],
            of_pos=self.pos_grad.numpy()[rows],
        )
        self.query_grad[rows] = self.products.add_softmax(start, stop, found)  # (b, d)

    def give_loss_its_gradients(self) -> None:
        """Add the gradients of the loss's own parameters, from those of all pieces."""
        in_order = [self.trained_grads[start] for start in sorted(self.trained_grads)]
        for parameter, grads in zip(self.trained, zip(*in_order, strict=True), strict=True):
            for grad in grads:
                if grad is not None:
                    parameter.grad = grad if parameter.grad is None else parameter.grad + grad

    def gradients(self) -> list[Tensor]:
        """Return the gradients (B, d) and (I, d) of queries and items, from those of all pieces."""
        item_grad: Tensor = self.products.of_items()  # (I, d)
        item_grad.index_add_(0, self.pos, self.pos_grad[:, None] * self.query)
        self.query_grad += self.pos_grad[:, None] * self.target
        return [self.query_grad, item_grad]
