"""Which way the gradients point, and whether they are those of the value."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from rankbench.contract.attached import Attached, custom_functions
from rankbench.contract.batches import Batch, Listed, Paired
from rankbench.contract.subject import PAIRS, Pairs, Subject
from rankbench.contract.verdict import Check, Outcome, failed, noted, passed, skipped
from rankbench.losses import Loss

GROUP = "Gradient"
DETACHED = ("no gradient", "without gradient", "detached", "held constant")
"""Phrases by which a docstring says that a part is detached on purpose."""

_SEEDS = range(4)
_WHERE: dict[Pairs, str] = {
    "in order": "of pairs in order",
    "random": "of random pairs",
    "out of order": "of pairs out of order",
}
_STEP = 1e-4


def positives(subject: Subject) -> Outcome:
    """Look at the slope by the positives."""
    return _slope(subject, "falls")


def negatives(subject: Subject) -> Outcome:
    """Look at the slope by the negatives."""
    return _slope(subject, "rises")


def _slope(subject: Subject, way: Literal["falls", "rises"]) -> Outcome:
    """Judge a slope by its mean where pairs are in order, in no order, and out of order.

    A flipped sign is wrong everywhere. A squared error that pushes up what is below its target, or a weight that grows
    with the score, is wrong in places, which is noted.
    """
    what = "positives" if way == "falls" else "negatives"
    slopes = {pairs: _slopes(subject, pairs, way) for pairs in PAIRS}  # (n,) each, below 0 if right
    expected = f"a loss that {way} in the mean as {what} rise"
    if not any(slope.any() for slope in slopes.values()):
        hint = "Is a score detached, or taken by .item(), .data or under torch.no_grad()?"
        return failed(expected, f"no gradient at all by the {what}", hint)
    other = "rises" if way == "falls" else "falls"
    if not any(_surely_negative(slope) for slope in slopes.values()):
        hint = "Is a sign flipped? The mean of forward is minimised; d_j = s_j - s_i is below 0 for a pair in order."
        return failed(expected, f"one that {other}, or does neither", hint)
    astray = {pairs: float((slope > 1e-12).double().mean()) for pairs, slope in slopes.items()}
    most = max(astray, key=lambda pairs: astray[pairs])
    if astray[most]:
        return noted(f"it {other} with {astray[most]:.0%} of the {what} {_WHERE[most]}")
    return passed(f"from epoch {subject.rest + 1} on, before which the model rests" if subject.rest else "")


def _slopes(subject: Subject, pairs: Pairs, way: str) -> Tensor:
    """Return the slopes (n,) by positives or by negatives in some batches, below 0 where they are right."""
    loss, found = subject.loss(), []
    for seed in _SEEDS:
        batch = subject.batch(seed, pairs=pairs)
        grads = subject.gradients(loss, batch)
        if isinstance(batch, Listed):
            found.append(grads[0][batch.relevant if way == "falls" else ~batch.relevant])  # (pairs,)
        else:
            found.append(grads[0 if way == "falls" else 1].flatten())  # (B,) or (B N,)
    return torch.cat(found) * (1 if way == "falls" else -1)  # (n,)


def _surely_negative(x: Tensor) -> bool:
    """Return whether the mean of x (n,) is further below 0 than chance would bring it."""
    return bool(x.mean() < -2 * x.std() / len(x) ** 0.5)


def aligned(subject: Subject) -> Outcome:
    """Take a small step against the gradient and see whether the pairs come closer."""
    loss, gains, moved = subject.loss(), [], 0.0
    for seed in range(2 * len(_SEEDS)):
        batch = subject.batch(seed)
        grads = subject.gradients(loss, batch)  # (U, d), (I, d)
        moved = max(moved, *(float(g.abs().max()) for g in grads))
        tables = (x.detach() - _STEP * g for x, g in zip(batch.leaves, grads, strict=True))
        gains.append(_closeness(subject, batch.with_tables(*tables)) - _closeness(subject, batch))
    expected = "a step against the gradient that brings users and their positives closer"
    if moved == 0:
        return failed(expected, "no gradient at all by the vectors", "Is a vector detached?")
    gain = sum(gains) / len(gains) / _STEP
    if gain <= 0:
        hint = "Is a sign flipped? The mean of forward is minimised."
        return failed(expected, f"pairs that move apart, by {-gain:.2g} a unit of step", hint)
    return passed()


@torch.no_grad()
def _closeness(subject: Subject, batch: Paired) -> float:
    s = batch.given(*batch.leaves)
    if subject.owner.score == "cosine":
        return float(cosine_similarity(s.user_vec, s.item_vec, dim=1).mean())
    return float((s.user_vec * s.item_vec).sum(dim=1).mean())


def derivative(subject: Subject) -> Outcome:
    """Compare the gradient with finite differences; where they differ, once more with nothing detached."""
    loss, batch = subject.loss(), subject.batch(4, 3, 20)
    value = subject.value(loss, batch)
    if not value.requires_grad:
        return skipped("there is no gradient")
    if _agrees(loss, batch, nullcontext()):
        return passed()
    attached = Attached(subject.file)
    try:
        explained = _agrees(loss, batch, attached)
    except Exception:  # what is detached is written to, or leaves torch
        explained = None
    if attached.used and explained is not False:
        return _detached(subject, sorted(attached.lines), explained is not None)
    own = custom_functions(value)
    if own:
        return noted(
            f"it is not, and detaching is not why: does the backward of {', '.join(own)} fit its forward?",
            "If it is an estimate on purpose, all is well.",
        )
    return noted("it is not: a part is kept out of the gradient (.item(), numpy), or there is a jump")


def _detached(subject: Subject, lines: list[int], known: bool) -> Outcome:
    """Return the note that something is detached, with where that is and whether the rest is known to be right."""
    file = f" of {subject.file.name}" if subject.file else ""
    where = f" in line{'s' * (len(lines) > 1)} {', '.join(map(str, lines))}{file}" if lines else ""
    found = f"it is not: a part is detached{where}; the rest " + ("agrees" if known else "cannot be checked")
    if subject.says(*DETACHED):
        return noted(f"{found}; the docstring says so")
    return noted(found, f"If it is meant, say in the docstring what carries '{DETACHED[0]}'.")


def _agrees(loss: Loss, batch: Batch, mode: AbstractContextManager[Any]) -> bool:
    def value(*leaves: Tensor) -> Tensor:
        with mode:
            found: Tensor = loss(batch.given(*leaves))
            return found

    return bool(torch.autograd.gradcheck(value, batch.leaves, raise_exception=False))


def alike(subject: Subject) -> Outcome:
    """Give every example negatives that are all the same."""
    loss, batch = subject.loss(), subject.batch(1)
    same = batch.columns(torch.zeros(batch.neg.shape[1], dtype=torch.long))
    grad = subject.gradients(loss, same)[1]  # (B, N)
    centre = grad.mean(dim=1, keepdim=True)  # (B, 1)
    if torch.allclose(grad, centre.expand_as(grad), rtol=1e-6, atol=1e-9):
        return passed()
    return noted("they are not", "A choice by place, as the first or the hardest of them, does that.")


CHECKS = [
    Check(GROUP, "positives", "it falls when a positive rises", positives, ("negatives",)),
    Check(GROUP, "negatives", "it rises when a negative rises", negatives, ("negatives",)),
    Check(GROUP, "positives", "it falls when a train item rises", positives, ("lists",)),
    Check(GROUP, "negatives", "it rises when another item rises", negatives, ("lists",)),
    Check(GROUP, "aligned", "it draws users and their positives together", aligned, ("vectors",)),
    Check(
        GROUP, "derivative", "the gradient is the derivative of the value", derivative, needs=("value", "repeatable")
    ),
    Check(GROUP, "alike", "equal negatives are pushed alike", alike, ("negatives",), ("value", "order")),
]
