"""What a loss or backbone says about itself: parameters with their grids, training values, and its documentation."""

from __future__ import annotations

import inspect
import math
from typing import Any

import torch

from rankbench.contract.source import Source
from rankbench.contract.subject import Subject
from rankbench.contract.verdict import Check, Outcome, failed, noted, passed, skipped
from rankbench.errors import UserError
from rankbench.params import Param, Value, resolve, show
from rankbench.spec import TrainSpec

PARAMETERS, DOCUMENTATION = "Parameters", "Documentation"


def allowed(subject: Source[Any]) -> Outcome:
    """Check defaults and grids against the declared types and ranges."""
    for param in subject.owner.params.values():
        for value in (param.default, *param.grid):
            try:
                param.parse(show(param.check(value, "")), "")
            except UserError as error:
                where = "default" if value is param.default else "grid"
                return failed("defaults and grids of the declared type and range", f"in the {where}, {error.message}")
    return passed() if subject.owner.params else skipped("it has none")


def described(subject: Source[Any]) -> Outcome:
    """Look for what a user would miss."""
    missing = []
    for name, param in subject.owner.params.items():
        if not param.help:
            missing.append(f"{name} is not described")
        if param.grid and param.default not in param.grid:
            missing.append(f"the grid of {name} leaves out the default {show(param.default)}")
        if name.startswith("tau") and param.kind is float and param.above is None and param.at_least is None:
            missing.append(f"{name} may be 0 or less: declare above=0")
    if missing:
        return noted("; ".join(missing))
    return passed() if subject.owner.params else skipped("it has none")


def refused(subject: Source[Any]) -> Outcome:
    """Give values out of range, and a parameter that does not exist."""
    beyond = [(p.name, value) for p in subject.owner.params.values() for value in _beyond(p)]
    for name, value in [*beyond, ("no_such_parameter", 1)]:
        try:
            subject.owner(**{**subject.values, name: value})
        except UserError:
            continue
        return failed(f"{name}={show(value)} to be refused", "no error", "Does __init__ hand **values on to super()?")
    return passed()


def _beyond(param: Param) -> list[Value]:
    """Return values just out of a parameter's range."""
    if param.choices:
        return ["no such choice"]
    if param.kind not in (int, float):
        return []
    step = 1 if param.kind is int else 1e-3
    found = [param.above, param.below]
    found += [None if param.at_least is None else param.at_least - step]
    found += [None if param.at_most is None else param.at_most + step]
    typed = [param.kind(x) for x in found if x is not None and math.isfinite(x)]
    return [*typed]


def grids(subject: Subject) -> Outcome:
    """Compute a batch at every value of every grid."""
    batch = subject.batch(0, dtype=torch.float32)
    tried = 0
    for name, param in subject.owner.params.items():
        for value in param.grid:
            try:
                loss = subject.loss(torch.float32, {name: value})
            except UserError:
                continue  # does not go together with the other parameters
            tried += 1
            unfit = subject.unfit(loss, batch)
            if unfit:
                return failed("finite values and gradients", f"{unfit} at {name}={show(value)}")
    return passed() if tried else skipped("it has no grid")


def recipe(subject: Subject) -> Outcome:
    """Check the training values and the kind of score."""
    owner = subject.owner
    if owner.score not in ("cosine", "dot"):
        return failed('score = "cosine" or "dot"', f"{owner.score!r}")
    try:
        resolve(TrainSpec, owner.recipe, "recipe")
    except UserError as error:
        return failed("training values that exist, in their ranges", error.message, error.hint)
    return passed()


def documented(subject: Source[Any]) -> Outcome:
    """Look for the first line, the formula and the paper."""
    text, paper = inspect.getdoc(subject.owner) or "", subject.owner.paper
    own = subject.owner.__doc__
    if not own or not text.strip():
        return noted("no docstring", "`rankbench show` and `rankbench list` show it.")
    missing = []
    if not text.splitlines()[0].endswith("."):
        missing.append("its first line is no sentence that ends with a full stop")
    if text.count("$") % 2:
        missing.append("a $ is not closed")
    elif "$" not in text:
        missing.append(r"no formula, as in $\ell = ...$")
    if not paper:
        missing.append("no `paper`")
    return noted("; ".join(missing)) if missing else passed()


OF_ANYTHING = [
    Check(PARAMETERS, "allowed", "defaults and grids are of their type and range", allowed, needs=()),
    Check(PARAMETERS, "described", "they are described, their grids have the default", described, needs=()),
    Check(PARAMETERS, "refused", "what is out of range is refused", refused, needs=("starts",)),
]
"""Of losses and backbones alike."""

WRITTEN = Check(DOCUMENTATION, "documented", "a first line, the formula, the paper", documented, needs=())

CHECKS = [
    *OF_ANYTHING,
    Check(PARAMETERS, "grids", "it runs at every value of its grids", grids),
    Check(PARAMETERS, "recipe", "`score` and `recipe` are valid", recipe, needs=()),
    WRITTEN,
]
