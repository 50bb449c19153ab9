"""Finite values and gradients where formulas overflow or divide by zero."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from rankbench.contract.batches import Batch, Listed, Paired
from rankbench.contract.subject import Subject
from rankbench.contract.verdict import SCORES, Check, Outcome, failed, passed
from rankbench.params import Value, show

GROUP = "Extremes: finite value and gradient"
LARGE = 1e4
_BEYOND = 1.0000001
"""What rounding makes of some float32 cosines of 1."""

_LOGARITHMS = "exp overflows: use log_sum_exp of rankbench.rowwise, torch.logsumexp, softplus or logsigmoid."

Case = tuple[str, Batch]


def large(subject: Subject) -> Outcome:
    """Give scores of ten thousand, of either sign."""
    first = subject.batch(0, 6, dtype=torch.float32)
    signs = [(1, -1), (-1, 1), (1, 1), (-1, -1), (0, 1)]
    cases = ((_scores(LARGE * p, LARGE * n), first.at(LARGE * p, LARGE * n, keep=True)) for p, n in signs)
    return _finite(subject, cases, _LOGARITHMS)


def cosines(subject: Subject) -> Outcome:
    """Give the ends of the range of a cosine."""
    first = subject.batch(0, 6, dtype=torch.float32)
    pairs = [(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (_BEYOND, -_BEYOND), (0.0, 0.0)]
    hint = "log(0), acos(1), or a division by 0: clamp before, by no more than 1e-6."
    return _finite(subject, ((_scores(p, n), first.at(p, n)) for p, n in pairs), hint)


def equal(subject: Subject) -> Outcome:
    """Give every example negatives, or all items, with the same score."""
    first = subject.batch(1, dtype=torch.float32)
    if isinstance(first, Listed):
        cases: list[Case] = [("all scores 0", first.at(0, 0))]
    else:
        cases = [("equal negatives", first.columns(torch.zeros(first.neg.shape[1], dtype=torch.long)))]
    return _finite(subject, iter(cases), "A division by a spread of 0? `standardise` of rankbench.rowwise has a floor.")


def small(subject: Subject) -> Outcome:
    """Give the smallest batches."""
    if subject.sees == "lists":
        alone = torch.zeros(1, dtype=torch.long)
        every = subject.batch(0, 12, dtype=torch.float32)
        one = every.rows(alone + int((every.user == 0).nonzero()[0]))  # the first user has one train item
        return _finite(subject, iter([("one user with one train item", one)]))
    if subject.sees == "vectors":
        return _finite(subject, ((f"B = {B}", subject.batch(0, B, dtype=torch.float32)) for B in (1, 2)))
    shapes = [(8, 1), (1, 40), (1, 1)]
    cases = ((f"B = {B}, N = {N}", subject.batch(0, B, N, dtype=torch.float32)) for B, N in shapes)
    return _finite(subject, cases, "A standard deviation of one number, or a top k of fewer than k?")


def collapsed(subject: Subject) -> Outcome:
    """Give vectors that are all the same, or opposite."""
    batch = subject.batch(0, 6, dtype=torch.float32)
    assert isinstance(batch, Paired)
    size = 1.0 if subject.owner.score == "cosine" else LARGE**0.5
    users, items = (torch.zeros_like(table) for table in batch.leaves)  # (U, d), (I, d)
    users[:, 0] = items[:, 0] = size
    cases = [("equal vectors", batch.with_tables(users, items)), ("opposite ones", batch.with_tables(users, -items))]
    hint = "log(0), acos(1), the square root of 0 or a division by 0? Clamp before."
    return _finite(subject, iter(cases), hint)


def _scores(pos: float, neg: float) -> str:
    return f"positives at {pos:g}, negatives at {neg:g}"


def _finite(subject: Subject, cases: Iterator[Case], hint: str = "") -> Outcome:
    """Ask for finite values and gradients at the given temperature and at the lowest in use."""
    for name, batch in cases:
        for cold in (dict[str, Value](), subject.cold):
            loss = subject.loss(torch.float32, cold)
            unfit = subject.unfit(loss, batch)
            if unfit:
                at = "".join(f", {key}={show(value)}" for key, value in cold.items())
                return failed("finite values and gradients", f"{unfit}: {name}{at}", _LOGARITHMS if cold else hint)
    return passed()


CHECKS = [
    Check(GROUP, "large", "scores of ±10,000, temperatures down to 0.01", large, SCORES),
    Check(GROUP, "cosines", "float32 cosines of exactly ±1, temperatures down to 0.01", cosines, SCORES),
    Check(GROUP, "equal", "all negatives equal", equal, ("negatives",)),
    Check(GROUP, "equal", "all scores equal", equal, ("lists",)),
    Check(GROUP, "collapsed", "all vectors equal, or opposite", collapsed, ("vectors",)),
    Check(GROUP, "small", "one negative (N = 1), one example (B = 1)", small, ("negatives",),
          hint="Take min(k, N) of them; N is whatever --negatives says."),
    Check(GROUP, "small", "one user with one train item", small, ("lists",)),
    Check(GROUP, "small", "one pair, two pairs", small, ("vectors",)),
]  # fmt: skip
