"""What forward returns: its shape, and what it may and may not depend on."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rankbench.contract.batches import Batch
from rankbench.contract.subject import Subject
from rankbench.contract.verdict import SCORES, Check, Outcome, failed, noted, passed, skipped
from rankbench.errors import UserError
from rankbench.losses import ListLoss, Loss

GROUP = "Value"
ORDER = ("order matters", "order in which they are drawn")
SHARED = ("share a batch", "shares a batch")
"""Phrases by which a docstring says that a loss is unusual on purpose."""

_MANY = 24
"""Examples in a batch that is cut, more than there are users: in every part is one whose user is in another."""

_UNUSUAL, _WRONG = 1e-4, 1e-2
"""Relative differences between float32 and float64 that are worth a note, and that are wrong."""


def starts(subject: Subject) -> Outcome:
    """Make, bind and refresh it."""
    try:
        subject.loss()
    except UserError as error:
        return failed("a loss that takes a train set of 12 users and 50 items", str(error))
    return passed()


def value(subject: Subject) -> Outcome:
    """Look at what forward returns for an ordinary batch."""
    loss, batch = subject.loss(), subject.batch()
    try:
        found: Any = subject.value(loss, batch)
    except UserError as error:
        return failed("a value for an ordinary batch", str(error))
    expected = f"a tensor of shape {_shape(batch)}, float64 as the scores are"
    if not isinstance(found, Tensor):
        return failed(expected, f"{type(found).__name__}", "forward must return its result.")
    if found.shape != (len(batch),):
        return failed(expected, f"shape {_named(found, batch)}", _hint_of_shape(found, batch))
    if found.dtype != torch.float64:
        hint = "Make tensors like the scores, with .to(s.pos) or new_zeros; buffers are converted with the loss."
        return failed(expected, str(found.dtype).removeprefix("torch."), hint)
    unfit = subject.unfit(loss, batch)
    return failed("finite values and gradients", unfit) if unfit else passed()


def _shape(batch: Batch) -> str:
    return f"(B,) = ({len(batch)},)"


def _named(found: Tensor, batch: Batch) -> str:
    return str(tuple(found.shape)).replace(" ", "") + f" for B = {len(batch)}"


def _hint_of_shape(found: Tensor, batch: Batch) -> str:
    if found.dim() == 0:
        return "Leave out the last mean() or sum(): the training takes the mean over the examples."
    if found.dim() == 2 and found.shape[1] == 1:
        return "Drop the last axis: [:, 0], or no keepdim=True."
    if found.dim() == 2:
        return "Reduce over the last axis, dim=1, as in .mean(dim=1)."
    return "The first axis is the examples: reduce over dim=1, not dim=0."


def repeatable(subject: Subject) -> Outcome:
    """Call it twice in eval mode."""
    loss, batch = subject.loss(), subject.batch()
    first, second = subject.value(loss, batch), subject.value(loss, batch)
    if torch.equal(first, second):
        return passed()
    hint = "Random numbers, or a state that eval mode moves? Draw with a torch.Generator seeded with bind's `seed`."
    return failed("equal values", f"a difference of {_far(first, second):.2g}", hint)


def order(subject: Subject) -> Outcome:
    """Put the negatives in another order."""
    loss, batch = subject.loss(), subject.batch(2)
    shuffle = torch.randperm(batch.neg.shape[1], generator=torch.Generator().manual_seed(0))  # (N,)
    moved = batch.columns(shuffle)
    difference = _far(subject.value(loss, moved), subject.value(loss, batch))
    grads = subject.gradients(loss, moved)[1], subject.gradients(loss, batch)[1][:, shuffle]  # (B, N), (B, N)
    if max(difference, _far(*grads)) < 1e-9:
        return passed()
    found = f"it does: values differ by {difference:.2g}"
    if subject.says(*ORDER):
        return noted(f"{found}, the docstring says so")
    hint = (
        f"Is an axis wrong, or a negative picked by its place? If it is meant, write '{ORDER[0]}' into the docstring."
    )
    return failed("the same values for the same negatives in any order", found, hint)


def halves(subject: Subject) -> Outcome:
    """Give a batch half by half."""
    loss, batch = subject.loss(), subject.batch(5, _MANY)
    parts = [subject.value(loss, batch.rows(part)) for part in _cut(batch, 1 / 2)]  # (B / 2,) each
    difference = _far(torch.cat(parts), subject.value(loss, batch))
    if difference < 1e-9:
        return passed()
    found = f"it does: values differ by {difference:.2g} in half of the batch"
    if subject.says(*SHARED):
        return noted(f"{found}, the docstring says so")
    hint = (
        "A mean, softmax or norm over dim=0? Negatives are dim=1. "
        f"If it is meant, say in the docstring which examples '{SHARED[0]}'."
    )
    return failed("the same values whatever else is in the batch", found, hint)


def divisible(subject: Subject) -> Outcome:
    """Give a batch in pieces as training does, and look for calls that change the next."""
    loss, batch = subject.loss(), subject.batch(5, _MANY)
    moves = _moves(subject)
    difference = max(_far(a, b) for a, b in _whole_and_pieces(subject, loss, batch))
    if not loss.divisible:
        alone = difference < 1e-9 and not moves and not any(p.requires_grad for p in loss.parameters())
        if alone and type(loss).measure is Loss.measure:
            return noted("not set, though it is true", "Add `divisible = True` to the class: steps get faster.")
        return skipped("not set, and rightly so")
    if moves:
        hint = "Leave out `divisible`: a training that gives the batch in pieces would move the state once a piece."
        return failed("no state that a call moves", moves, hint)
    if difference < 1e-9:
        return passed()
    hint = "Leave out `divisible`, or give what the whole batch must know in `measure`."
    return failed("the same from pieces as from the whole batch", f"a difference of {difference:.2g}", hint)


def _moves(subject: Subject) -> str:
    """Return what a training step's call changes, empty if nothing."""
    loss, batch = subject.loss().train(), subject.batch(5)
    before = {name: x.clone() for name, x in loss.state_dict().items()}
    first = subject.value(loss, batch)
    second = subject.value(loss, batch)
    changed = [name for name, x in loss.state_dict().items() if not torch.equal(x, before[name])]
    if changed:
        return f"`{changed[0]}` changed by forward in training"
    return "" if torch.equal(first, second) else "another value at the second call"


def _whole_and_pieces(subject: Subject, loss: Loss, batch: Batch) -> list[tuple[Tensor, Tensor]]:
    """Return values and gradients of the whole batch, each with the same from pieces."""
    pieces = [batch.rows(rows) for rows in _cut(batch, 1 / 3)]
    values = [loss(given) for given in _measured(loss, batch, pieces)]  # (b,) each
    found = [(subject.value(loss, batch), torch.cat(values))]
    if not values[0].requires_grad:
        return found
    grads = [
        torch.autograd.grad(value.sum(), piece.leaves, allow_unused=True, materialize_grads=True)
        for value, piece in zip(values, pieces, strict=True)
    ]
    whole = subject.gradients(loss, batch)
    return [*found, *zip(whole, (torch.cat(parts) for parts in zip(*grads, strict=True)), strict=True)]


def _measured(loss: Loss, batch: Batch, pieces: list[Batch]) -> list[Any]:
    """Return what a loss is given of each piece, with the measure of the whole batch, as in training."""
    given = [piece.given(*piece.leaves) for piece in pieces]
    if isinstance(loss, ListLoss) or type(loss).measure is Loss.measure:
        return given
    for one, rows in zip(given, _cut(batch, 1 / 3), strict=True):
        one.rows = rows
    with torch.no_grad():
        measures = [m for m in map(loss.measure, given) if m is not None]
    for one in given:
        one.measured = torch.cat(measures) if measures else None
    return given


def precision(subject: Subject) -> Outcome:
    """Compare float32 with float64."""
    worst = 0.0
    double, single = subject.loss(), subject.loss(torch.float32)
    for seed in range(2):
        batch = subject.batch(seed, 16, 100)
        small = batch.cast(torch.float32)
        pairs = [(subject.value(single, small), subject.value(double, batch))]
        if pairs[0][0].dtype != torch.float32:
            return failed("float32 values for float32 scores", str(pairs[0][0].dtype).removeprefix("torch."))
        pairs += zip(subject.gradients(single, small), subject.gradients(double, batch), strict=True)
        worst = max(worst, *(_relative(a, b) for a, b in pairs))
    found = f"a relative difference of {worst:.1g}"
    hint = "Take logarithms first (log_sum_exp, softplus, logsigmoid), and differences before exponentials."
    if worst > _WRONG:
        return failed("float32 that agrees with float64", found, hint)
    return noted(found, hint) if worst > _UNUSUAL else passed()


def _cut(batch: Batch, share: float) -> tuple[slice, slice]:
    """Return the rows up to a share of a batch, and the others."""
    place = int(len(batch) * share)
    return slice(0, place), slice(place, len(batch))


def _far(a: Tensor, b: Tensor) -> float:
    """Return the largest difference, relative to the largest entry if that is above 1."""
    return float((a - b).detach().abs().max()) / max(1.0, float(b.detach().abs().max()))


def _relative(a: Tensor, b: Tensor) -> float:
    """Return the length of the difference relative to that of b (or to 1e-3, if that is shorter)."""
    return float((a.double() - b).detach().norm()) / max(float(b.detach().norm()), 1e-3)


CHECKS = [
    Check(GROUP, "starts", "it can be made, bound to data and refreshed", starts, needs=()),
    Check(GROUP, "value", "one finite value an example, (B,), in the scores' precision", value, needs=("starts",),
          hint="The batch has B = 8 examples; a loss on sampled negatives gets N = 40 of them, one on lists 50 items."),
    Check(GROUP, "repeatable", "the same call gives the same value", repeatable),
    Check(GROUP, "order", "the order of the negatives does not matter", order, ("negatives",), ("value", "repeatable")),
    Check(GROUP, "batch", "an example does not depend on the others", halves, SCORES, ("value", "repeatable")),
    Check(GROUP, "divisible", "`divisible` is true: pieces of a batch give the same", divisible, SCORES,
          ("value", "repeatable")),
    Check(GROUP, "float32", "float32 agrees with float64", precision, needs=("value", "repeatable")),
]  # fmt: skip
