"""What a check is, and what it finds: verdicts in plain data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Sees = Literal["negatives", "lists", "vectors"]
"""What a loss sees: scores of sampled negatives, of whole lists, or vectors."""

Mark = Literal["passed", "failed", "noted", "skipped"]
"""How a check ended; one that was skipped says nothing about this subject."""

ALL: tuple[Sees, ...] = ("negatives", "lists", "vectors")
SCORES: tuple[Sees, ...] = ("negatives", "lists")


@dataclass(frozen=True)
class Outcome:
    """What a check found.

    Args:
        mark: how it ended.
        got: what was found, in a few words; for one that was skipped, why.
        expected: what was expected, of a check that failed.
        hint: the likely cause, or what to do.
    """

    mark: Mark
    got: str = ""
    expected: str = ""
    hint: str = ""


def passed(got: str = "") -> Outcome:
    """Return the outcome of a check that passed."""
    return Outcome("passed", got)


def failed(expected: str, got: str, hint: str = "") -> Outcome:
    """Return the outcome of a check that failed."""
    return Outcome("failed", got, expected, hint)


def noted(got: str, hint: str = "") -> Outcome:
    """Return the outcome of a check that found something unusual, which may be meant."""
    return Outcome("noted", got, "", hint)


def skipped(why: str) -> Outcome:
    """Return the outcome of a check that has nothing to say about this subject."""
    return Outcome("skipped", why)


@dataclass(frozen=True)
class Check:
    """One point of the contract.

    Args:
        group: the heading that it stands under.
        name: what it is called in JSON.
        title: what it demands, in a line.
        make: makes it of a subject; an exception that it raises is a failure of what is checked.
        sees: the kinds of losses that it is made of; of no meaning for backbones.
        needs: names of checks without which it would find nothing new.
        hint: the likely cause of an exception.
    """

    group: str
    name: str
    title: str
    make: Callable[[Any], Outcome]
    sees: tuple[Sees, ...] = ALL
    needs: tuple[str, ...] = ("value",)
    hint: str = ""


@dataclass(frozen=True)
class Verdict:
    """A check and its outcome, as they are shown; the fields are described at `Check` and `Outcome`."""

    group: str
    name: str
    title: str
    mark: Mark
    got: str = ""
    expected: str = ""
    hint: str = ""

    @classmethod
    def of(cls, check: Check, outcome: Outcome) -> Verdict:
        """Return the verdict of a check."""
        return cls(check.group, check.name, check.title, outcome.mark, outcome.got, outcome.expected, outcome.hint)
