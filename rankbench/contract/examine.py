"""All checks of a loss or a backbone, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch

from rankbench.backbones import Backbone
from rankbench.contract import backbones, declared, extremes, gradients, pace, state, values
from rankbench.contract.backbone import BackboneSubject
from rankbench.contract.subject import Subject
from rankbench.contract.verdict import Check, Outcome, Verdict, failed, skipped
from rankbench.errors import UserError
from rankbench.losses import Loss
from rankbench.params import Value

CHECKS: tuple[Check, ...] = tuple(
    check for module in (values, gradients, extremes, state, declared, pace) for check in module.CHECKS
)
"""Of losses, in the order in which they are made: those that others need come first."""


def examine(
    owner: type[Loss] | type[Backbone], given: Mapping[str, Value] | None = None, *, speed: bool = True
) -> Iterator[Verdict]:
    """Check a loss or a backbone; the iterator makes the checks one by one and gives a verdict for each.

    An exception of the subject fails the check in which it occurs. Checks that need another one that failed are
    skipped.

    Args:
        owner: the class.
        given: parameters; those left out have their defaults.
        speed: whether to time it too, which takes longer than all else.

    Raises:
        UserError: parameters that do not exist, are of the wrong type, out of range or do not go together.
    """
    if issubclass(owner, Backbone):
        backbone = BackboneSubject(owner, given or {})
        _refuse(backbone)
        return _verdicts(backbone, backbones.CHECKS, speed)
    loss = Subject(owner, given or {})
    _refuse(loss)
    return _verdicts(loss, [check for check in CHECKS if loss.sees in check.sees], speed)


def _verdicts(subject: Subject | BackboneSubject, checks: Sequence[Check], speed: bool) -> Iterator[Verdict]:
    broken: set[str] = set()
    for check in checks:
        if check.group == pace.GROUP and not speed:
            continue
        missing = [name for name in check.needs if name in broken]
        outcome = skipped(f"needs `{missing[0]}`") if missing else _made(check, subject)
        if missing or outcome.mark == "failed":
            broken.add(check.name)
        yield Verdict.of(check, outcome)


def _refuse(subject: Subject | BackboneSubject) -> None:
    """Raise the UserError with which a subject refuses its parameters; other exceptions are for the checks."""
    try:
        subject.owner(**subject.values)
    except UserError:
        raise
    except Exception:
        return


def _made(check: Check, subject: Subject | BackboneSubject) -> Outcome:
    with torch.random.fork_rng(devices=[]):
        try:
            return check.make(subject)
        except UserError as error:
            return skipped(f"it refuses this: {error.message}")
        except Exception as error:
            return failed("no exception", subject.crash(error), check.hint)
