"""Whether a batch may be given in pieces, as training does: the same comes out, and no piece moves the state."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rankbench.contract.batches import Batch
from rankbench.contract.subject import Subject
from rankbench.contract.verdict import Outcome, failed, noted, passed, skipped
from rankbench.losses import ListLoss, Loss, Scores, says_its_exponent
from rankbench.rowwise import log_sum_exp_of_gaps

MANY = 24
"""Examples in a batch that is cut, more than there are users: in every part is one whose user is in another."""


def divisible(subject: Subject) -> Outcome:
    """Give a batch in pieces as training does, and look for calls that change the next."""
    loss, batch = subject.loss(), subject.batch(5, MANY)
    moves = _moves(subject)
    difference = max(far(a, b) for a, b in _whole_and_pieces(subject, loss, batch))
    if not loss.divisible:
        alone = difference < 1e-9 and not moves and not any(p.requires_grad for p in loss.parameters())
        if alone and type(loss).measure is Loss.measure:
            return noted("not set, though it is true", "Add `divisible = True` to the class: steps get faster.")
        return skipped("not set, and rightly so")
    if (apart := _apart_in_one_pass(loss, batch)) > 1e-9:
        hint = "Return None from `as_log_sum_exp` where `forward` does more, such as a softplus."
        return failed("what `as_log_sum_exp` says the loss is", f"a difference of {apart:.2g}", hint)
    if moves:
        hint = "Move the state in `settle`, once a batch, or leave out `divisible`: batches are given in pieces."
        return failed("no state that a piece moves", moves, hint)
    if difference < 1e-9:
        return passed()
    hint = "Leave out `divisible`, or give what the whole batch must know in `measure`."
    return failed("the same from pieces as from the whole batch", f"a difference of {difference:.2g}", hint)


def _apart_in_one_pass(loss: Loss, batch: Batch) -> float:
    """Return how far a loss and its gradients are from the log-sum-exp that it says it is, 0 if it says nothing."""
    seen = batch.given(*batch.leaves)
    exponent = loss.as_log_sum_exp(seen) if says_its_exponent(type(loss)) else None
    if exponent is None:
        return 0.0
    beta, offset = exponent
    beta = beta.detach() if isinstance(beta, Tensor) else beta
    offset = None if offset is None else offset.detach()  # (B, N)
    values = loss(seen), log_sum_exp_of_gaps(seen.neg, seen.pos, beta, offset)  # (B,), (B,)
    grads = [torch.autograd.grad(v.sum(), batch.leaves, allow_unused=True, materialize_grads=True) for v in values]
    return max(far(*values), *map(far, *grads))


def cut(batch: Batch, share: float) -> tuple[slice, slice]:
    """Return the rows up to a share of a batch, and the others."""
    place = int(len(batch) * share)
    return slice(0, place), slice(place, len(batch))


def far(a: Tensor, b: Tensor) -> float:
    """Return the largest difference, relative to the largest entry if that is above 1."""
    return float((a - b).detach().abs().max()) / max(1.0, float(b.detach().abs().max()))


def _moves(subject: Subject) -> str:
    """Return what the pieces of a training step change, empty if nothing: `settle` alone may, once for all of them."""
    loss, batch = subject.loss().train(), subject.batch(5, MANY)
    seen, before = _seen(batch, _pieces(batch)), _state(loss)
    measures = _measures(loss, seen)
    if changed := _changed(loss, before):
        return f"`{changed}` changed by measure"
    _settle(loss, seen, measures)
    before = _state(loss)
    first, second = ([loss(piece) for piece in seen] for _ in range(2))
    if changed := _changed(loss, before):
        return f"`{changed}` changed by forward in training"
    return "" if all(map(torch.equal, first, second)) else "another value at the second call"


def _whole_and_pieces(subject: Subject, loss: Loss, batch: Batch) -> list[tuple[Tensor, Tensor]]:
    """Return values and gradients of the whole batch, each with the same from pieces."""
    pieces = _pieces(batch)
    seen = _seen(batch, pieces)
    _settle(loss, seen, _measures(loss, seen))
    values = [loss(piece) for piece in seen]  # (b,) each
    found = [(subject.value(loss, batch), torch.cat(values))]
    if not values[0].requires_grad:
        return found
    grads = [
        torch.autograd.grad(value.sum(), piece.leaves, allow_unused=True, materialize_grads=True)
        for value, piece in zip(values, pieces, strict=True)
    ]
    whole = subject.gradients(loss, batch)
    return [*found, *zip(whole, (torch.cat(parts) for parts in zip(*grads, strict=True)), strict=True)]


def _pieces(batch: Batch) -> list[Batch]:
    return [batch.rows(rows) for rows in cut(batch, 1 / 3)]


def _seen(batch: Batch, pieces: list[Batch]) -> list[Any]:
    """Return what a loss sees of the pieces."""
    seen = [piece.given(*piece.leaves) for piece in pieces]
    for piece, rows in zip(seen, cut(batch, 1 / 3), strict=True):
        if isinstance(piece, Scores):
            piece.rows = rows
    return seen


def _measures(loss: Loss, seen: list[Any]) -> list[Tensor]:
    """Return the measures of all pieces, none if the loss takes none."""
    if isinstance(loss, ListLoss):
        return []
    return [m.detach() for piece in seen if (m := loss.measure(piece)) is not None]


def _settle(loss: Loss, seen: list[Any], measures: list[Tensor]) -> None:
    """Let a loss settle what was measured, and make it known to all pieces."""
    if measures:
        user, pos_item = (torch.cat([getattr(piece, name) for piece in seen]) for name in ("user", "pos_item"))
        measured = loss.settle(user, pos_item, torch.cat(measures))
        for piece in seen:
            piece.measured = measured


def _state(loss: Loss) -> dict[str, Tensor]:
    return {name: x.clone() for name, x in loss.state_dict().items()}


def _changed(loss: Loss, before: dict[str, Tensor]) -> str:
    """Return the name of a part of the state that is another one now, empty if there is none."""
    return next((name for name, x in loss.state_dict().items() if not torch.equal(x, before[name])), "")
