"""What forward returns: its shape, and what it may and may not depend on."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rankbench.contract.batches import Batch
from rankbench.contract.pieces import MANY, cut, divisible, far
from rankbench.contract.subject import Subject
from rankbench.contract.verdict import SCORES, Check, Outcome, failed, noted, passed
from rankbench.errors import UserError

GROUP = "Value"
ORDER = ("order matters", "order in which they are drawn")
SHARED = ("share a batch", "shares a batch")
"""Phrases by which a docstring says that a loss is unusual on purpose."""

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
    return failed("equal values", f"a difference of {far(first, second):.2g}", hint)


def order(subject: Subject) -> Outcome:
    """Put the negatives in another order."""
    loss, batch = subject.loss(), subject.batch(2)
    shuffle = torch.randperm(batch.neg.shape[1], generator=torch.Generator().manual_seed(0))  # (N,)
    moved = batch.columns(shuffle)
    difference = far(subject.value(loss, moved), subject.value(loss, batch))
    grads = subject.gradients(loss, moved)[1], subject.gradients(loss, batch)[1][:, shuffle]  # (B, N), (B, N)
    if max(difference, far(*grads)) < 1e-9:
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
    loss, batch = subject.loss(), subject.batch(5, MANY)
    parts = [subject.value(loss, batch.rows(part)) for part in cut(batch, 1 / 2)]  # (B / 2,) each
    difference = far(torch.cat(parts), subject.value(loss, batch))
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
