"""One step: the loss of a batch and the gradients of all parameters.

On the CPU a divisible loss sees the batch in pieces of rows, each scored, measured and differentiated by one thread
while its scores are in the cache. The pieces do not depend on the number of threads, and what they give is put together
in their order, so the result does not either.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from weakref import WeakSet

import torch
from torch import Tensor

from rankbench.losses import Loss, Scores
from rankbench.parallel import over_blocks
from rankbench.scoring import PIECE_ROWS, choose, has_one_pass, score, score_with_similarity, similarity
from rankbench.scoring.rounding import rounded, stored
from rankbench.scoring.unit import unit

_PIECE = 2**18
"""Scores in a piece of a batch, at most: a MiB of float32.

Smaller pieces stay in the cache and keep all threads busy to the end, fewer pieces cost less Python.
"""


_asking: WeakSet[Loss] = WeakSet()
"""Losses that have asked for the similarity of items: in their next steps it may come with the scores."""

LogProbability = Callable[[Tensor, Tensor], Tensor]
"""Of users (B,) and items (B, M): the log-probabilities (B, M) that a sampler's draw for the user is the item."""


def backward(
    loss: Loss,
    user_vec: Tensor,
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
        user_vec: (U, d) float, user vectors with gradients.
        item_vec: (I, d) float, item vectors with gradients.
        user: (B,) int64, users.
        pos: (B,) int64, positives.
        neg: (B, N) int32, negatives.
        log_probability: that of the sampler.
        precision: of the products with the negatives, "fp32" or "bf16".
    """
    if user_vec.device.type == "cpu" and loss.divisible:
        value, grads = in_pieces(loss, user_vec.detach(), item_vec.detach(), user, pos, neg, log_probability, precision)
        if grads:
            torch.autograd.backward([user_vec, item_vec], grads)
        return value
    ahead: Tensor | None = None  # (B, N)
    if loss in _asking and has_one_pass(item_vec.device, len(item_vec), neg.shape[1], precision):
        pos_score, neg_score, ahead = score_with_similarity(user_vec, item_vec, user, pos, neg)  # (B,), (B, N), (B, N)
    else:
        pos_score, neg_score = score(user_vec, item_vec, user, pos, neg, precision)  # (B,), (B, N)

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


def in_pieces(
    loss: Loss,
    user_vec: Tensor,
    item_vec: Tensor,
    user: Tensor,
    pos: Tensor,
    neg: Tensor,
    log_probability: LogProbability,
    precision: str,
) -> tuple[Tensor, list[Tensor]]:
    """Return the mean loss () and its gradients (U, d) and (I, d), computed in pieces of rows.

    There are none if the loss does not depend on the scores. Those of its own parameters are added to them.
    """
    batch = _Batch(loss, user_vec, item_vec, user, pos, neg, log_probability, precision)
    rows = min(max(1, _PIECE // neg.shape[1]), PIECE_ROWS)
    if type(loss).measure is Loss.measure:
        over_blocks(batch.differentiate, len(user), rows)
    else:
        over_blocks(batch.measure, len(user), rows)
        batch.put_measures_together()
        over_blocks(batch.differentiate, len(user), rows)
    batch.give_loss_its_gradients()
    return batch.values.mean(), batch.gradients() if batch.reaches_scores else []


class _Batch:
    """A batch in the making; `measure` and `differentiate` work on the piece start..stop, each on one thread."""

    def __init__(
        self,
        loss: Loss,
        user_vec: Tensor,
        item_vec: Tensor,
        user: Tensor,
        pos: Tensor,
        neg: Tensor,
        log_probability: LogProbability,
        precision: str,
    ) -> None:
        self.loss, self.item_vec, self.n_users = loss, item_vec, len(user_vec)
        self.user, self.pos, self.neg, self.log_probability = user, pos, neg, log_probability
        self.kernel = choose(len(item_vec), neg.shape[1])
        self.query = user_vec.index_select(0, user)  # (B, d)
        self.rounded_query = rounded(self.query, precision)  # (B, d)
        self.stored_items = stored(item_vec, precision)  # (I, d)
        self.target = item_vec.index_select(0, pos)  # (B, d)
        self.pos_score = (self.query * self.target).sum(dim=1)  # (B,)
        self.values = user_vec.new_empty(len(user))  # (B,)
        self.pos_grad = user_vec.new_empty(len(user))  # (B,)
        self.query_grad = torch.empty_like(self.query)  # (B, d)
        self.products = self.kernel.Gradients(self.rounded_query, self.stored_items, neg)
        self.share = user_vec.new_full((len(user),), 1 / len(user))  # (B,)
        self.reaches_scores = False
        self.trained = [p for p in loss.parameters() if p.requires_grad]
        self.trained_grads: dict[int, Sequence[Tensor | None]] = {}
        self.pieces: dict[int, Scores] = {}
        self.measures: dict[int, Tensor | None] = {}
        self.measured: Tensor | None = None

    @cached_property
    def unit(self) -> Tensor:
        """The normalised item vectors (I, d)."""
        return self.item_vec if self.loss.score == "cosine" else unit(self.item_vec)

    def score(self, start: int, stop: int) -> Scores:
        """Return the scores of a piece, ready to be differentiated."""
        rows = slice(start, stop)
        pos, neg = self.pos[rows], self.neg[rows]  # (b,), (b, N)
        return Scores(
            pos=self.pos_score[rows].requires_grad_(),  # (b,)
            neg=self.kernel.forward(self.rounded_query[rows], self.stored_items, neg).requires_grad_(),  # (b, N)
            user=self.user[rows],
            pos_item=pos,
            neg_item=neg,
            measure_similarity=lambda: self.kernel.forward(self.unit.index_select(0, pos), self.unit, neg),  # (b, N)
            log_q=lambda item: self.log_probability(self.user[rows], item),  # (b, M)
            rows=rows,
        )

    def measure(self, start: int, stop: int) -> None:
        """Score a piece and take the measure of its examples."""
        piece = self.pieces[start] = self.score(start, stop)
        found = self.loss.measure(piece)  # (b, ...) or None
        self.measures[start] = None if found is None else found.detach()

    def put_measures_together(self) -> None:
        """Let the loss settle what it measured of the whole batch, and make it known to every piece."""
        found = [m for start in sorted(self.measures) if (m := self.measures[start]) is not None]
        if found:
            self.measured = self.loss.settle(self.user, self.pos, torch.cat(found))  # (B, ...)

    def differentiate(self, start: int, stop: int) -> None:
        """Compute the loss of a piece and its gradients with respect to scores and queries."""
        piece = self.pieces.pop(start, None) or self.score(start, stop)
        piece.measured = self.measured
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

    def give_loss_its_gradients(self) -> None:
        """Add the gradients of the loss's own parameters, from those of all pieces."""
        in_order = [self.trained_grads[start] for start in sorted(self.trained_grads)]
        for parameter, grads in zip(self.trained, zip(*in_order, strict=True), strict=True):
            for grad in grads:
                if grad is not None:
                    parameter.grad = grad if parameter.grad is None else parameter.grad + grad

    def gradients(self) -> list[Tensor]:
        """Return the gradients (U, d) and (I, d) of both tables, from those of all pieces."""
        item_grad: Tensor = self.products.of_items()  # (I, d)
        item_grad.index_add_(0, self.pos, self.pos_grad[:, None] * self.query)
        self.query_grad += self.pos_grad[:, None] * self.target
        user_grad = self.query_grad.new_zeros((self.n_users, self.query.shape[1]))  # (U, d)
        return [user_grad.index_add_(0, self.user, self.query_grad), item_grad]
