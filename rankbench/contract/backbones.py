"""What can be checked of a backbone without knowing what it should compute."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from rankbench import parallel
from rankbench.contract import declared
from rankbench.contract.backbone import BATCH, ITEMS, TRAIN, USERS, BackboneSubject
from rankbench.contract.backbone_pace import pace
from rankbench.contract.pace import GROUP as SPEED
from rankbench.contract.verdict import Check, Outcome, failed, noted, passed, skipped
from rankbench.data.interactions import Interactions
from rankbench.errors import UserError

VALUE, GRADIENTS, STATE, NUMBERING = "Value", "Gradients", "State", "Users and items"

_STEP, _NEAR = 1e-6, 1e-4
T = TypeVar("T")

_FITTED = "it is fitted, not trained"


def starts(subject: BackboneSubject) -> Outcome:
    """Make it and bind it, or fit it."""
    try:
        subject.made()
    except UserError as error:
        return failed(f"a backbone that takes a train set of {USERS} users and {ITEMS} items", str(error))
    return passed()


def value(subject: BackboneSubject) -> Outcome:
    """Look at what forward returns."""
    if subject.gives == "rows":
        expected = f"scores (b, I) = ({USERS}, {ITEMS})"
    else:
        expected = f"user vectors ({USERS}, d) and item vectors ({ITEMS}, d)"
    return _fit(subject, subject.result(subject.made()), expected, USERS)


def step(subject: BackboneSubject) -> Outcome:
    """Look at what a training step sees."""
    if not subject.trained:
        return skipped(_FITTED)
    seen, penalty = subject.step(subject.made())
    if penalty is not None and (not isinstance(penalty, Tensor) or penalty.shape != ()):
        shape = tuple(penalty.shape) if isinstance(penalty, Tensor) else type(penalty).__name__
        return failed("a penalty that is one number, of shape ()", str(shape), "Take the mean over the batch.")
    if penalty is not None and not penalty.isfinite():
        return failed("a finite penalty", str(penalty.item()))
    expected = "what forward returns" if subject.gives == "vectors" else f"scores (B, I) = ({len(BATCH.user)}, {ITEMS})"
    rows = USERS if subject.gives == "vectors" else len(BATCH.user)
    outcome = _fit(subject, seen, expected, rows)
    return passed("with a penalty" if penalty is not None else "") if outcome.mark == "passed" else outcome


def _fit(subject: BackboneSubject, found: object, expected: str, rows: int) -> Outcome:
    """Check shapes, precision and numbers."""
    given = list(found) if isinstance(found, tuple) else [found]
    tensors = [x for x in given if isinstance(x, Tensor)]
    if len(tensors) < len(given):
        return failed(expected, ", ".join(type(x).__name__ for x in given), "forward must return tensors.")
    shapes = [tuple(x.shape) for x in tensors]
    wanted = [(rows, ITEMS)] if subject.gives == "rows" else [(USERS, shapes[0][-1]), (ITEMS, shapes[0][-1])]
    if shapes != wanted:
        return failed(expected, " and ".join(map(str, shapes)))
    if subject.trained and any(x.dtype != torch.float64 for x in tensors):
        hint = "Keep tensors as parameters or buffers (register_buffer), which are converted with the backbone."
        return failed("the precision of the parameters, float64", str(tensors[0].dtype).removeprefix("torch."), hint)
    for x in tensors:
        wrong = ~x.isfinite()
        if wrong.any():
            who = "the user and items without interactions" if wrong.flatten(1).any(1).sum() < len(x) / 2 else "most"
            return failed("finite numbers", f"{int(wrong.sum())} of {x.numel()} are not; {who}", "Divided by 0?")
    return passed()


def repeatable(subject: BackboneSubject) -> Outcome:
    """Call forward twice, with torch's own random numbers in different places, and a step in between."""
    backbone = subject.made()
    first = [x.detach().clone() for x in _seeded(1, lambda: subject.result(backbone))]
    if subject.trained:
        subject.step(backbone)
    if _same(first, _seeded(2, lambda: subject.result(backbone))):
        return passed()
    hint = "forward is what evaluation sees: noise and dropout belong into step; what step computes must not be kept."
    return failed(f"the same {subject.noun} for the same parameters", "others", hint)


def precise(subject: BackboneSubject) -> Outcome:
    """Compare float32 with float64."""
    exact = subject.made()
    single = subject.made(dtype=torch.float32)
    single.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in exact.state_dict().items()})
    found = zip(subject.result(single), subject.result(exact), strict=True)
    worst = max(float((a.double() - b).detach().norm() / b.detach().norm().clamp_min(1e-3)) for a, b in found)
    return passed() if worst < _NEAR else noted(f"a relative difference of {worst:.1g}", "Sums of large numbers?")


def reach(subject: BackboneSubject) -> Outcome:
    """Differentiate a random sum of all that a step sees."""
    if not subject.trained:
        return skipped(_FITTED)
    backbone = subject.made()
    named = dict(backbone.named_parameters())
    if not named:
        return failed("parameters to train", "none", "Make them in bind, as torch.nn.Parameter: see `initial`.")
    total = subject.total(backbone)
    if not total.requires_grad:
        return failed("gradients", "none", "Is something detached, or computed under torch.no_grad?")
    grads = torch.autograd.grad(total, list(named.values()), allow_unused=True, materialize_grads=True)
    for name, grad in zip(named, grads, strict=True):
        if not grad.isfinite().all():
            return failed("finite gradients", f"nan or inf in that of `{name}`")
    idle = [f"`{name}`" for name, grad in zip(named, grads, strict=True) if not grad.any()]
    return failed("a gradient for every parameter", f"none for {', '.join(idle)}") if idle else passed()


def derivative(subject: BackboneSubject) -> Outcome:
    """Compare the gradient with the slope of the same sum in a random direction."""
    if not subject.trained:
        return skipped(_FITTED)
    backbone = subject.made()
    grads = torch.autograd.grad(
        subject.total(backbone), list(backbone.parameters()), allow_unused=True, materialize_grads=True
    )
    noise = torch.Generator().manual_seed(4)
    ways = [torch.randn(p.shape, dtype=p.dtype, generator=noise) for p in backbone.parameters()]
    values = []
    for sign in (1, -1):
        moved = subject.made()  # a fresh one: a step may count itself
        with torch.no_grad():
            for parameter, way in zip(moved.parameters(), ways, strict=True):
                parameter.add_(way, alpha=sign * _STEP)
            values.append(subject.total(moved).item())
    slope = (values[0] - values[1]) / (2 * _STEP)
    got = sum(float((g * w).sum()) for g, w in zip(grads, ways, strict=True))
    if abs(got - slope) <= _NEAR * max(1.0, abs(slope)):
        return passed()
    hint = "Right if something is detached on purpose; else look at your own autograd.Function."
    return noted(f"the gradient says {got:.5g}, the values rise by {slope:.5g}", hint)


def seeded(subject: BackboneSubject) -> Outcome:
    """Make it twice, with torch's own random numbers in different places."""
    made = [_seeded(place, lambda: subject.result(subject.bound())) for place in (1, 2)]
    if not _same(*made):
        hint = "Draw with the generator of bind, or from the seed of fit; torch's own numbers differ in every run."
        return failed("one backbone for one seed", "two that differ", hint)
    if subject.trained and _same(made[0], subject.result(subject.made(seed=1))):
        return noted("another seed gives the same backbone", "Use the generator of bind for initial values.")
    return passed()


def keyed(subject: BackboneSubject) -> Outcome:
    """Take a step twice with one key, and once with another."""
    if not subject.trained:
        return skipped(_FITTED)
    one, again = (_seeded(place, lambda: subject.total(subject.made())).item() for place in (1, 2))
    if one != again:
        hint = "Let the noise follow from batch.key, as in torch.Generator().manual_seed(batch.key >> 1)."
        return failed("the same step for the same batch", "another: what is resumed would differ", hint)
    seen = (subject.step(subject.made(), dataclasses.replace(BATCH, key=key)) for key in (BATCH.key, BATCH.key + 1))
    plain = [torch.cat([x.flatten() for x in vectors if x is not None]) for vectors in ((*s, p) for s, p in seen)]
    return passed("without noise" if _same(*([x] for x in plain)) else "with noise of its own")


def restored(subject: BackboneSubject) -> Outcome:
    """Load the state into a fresh backbone with other initial values."""
    if not subject.trained:
        return skipped(_FITTED)
    one, other = subject.made(), subject.made(seed=1)
    with torch.no_grad():
        for parameter in one.parameters():
            parameter.mul_(1.5)
    try:
        other.load_state_dict(deepcopy(one.state_dict()))
    except RuntimeError as error:
        return failed("a state that can be loaded after bind", subject.crash(error), "Create everything in bind.")
    if _same(subject.result(one), subject.result(other)):
        return passed()
    hint = "What is trained or kept must be an nn.Parameter or a buffer (register_buffer in bind)."
    return failed(f"the same {subject.noun} from a stored state", "others", hint)


def threads(subject: BackboneSubject) -> Outcome:
    """Compute with one thread and with three."""
    before, found = parallel.threads(), []
    try:
        for n in (1, 3):
            parallel.set_threads(n)
            found.append([x.detach().clone() for x in subject.result(subject.made())])
    finally:
        parallel.set_threads(before)
    if _same(*found):
        return passed()
    return failed("the same bits", "others", "Let one thread compute a row: see rankbench.parallel.over_rows.")


def renumbered(subject: BackboneSubject) -> Outcome:
    """Renumber users and items, in train and in whatever has a row for each, and compare."""
    if subject.is_random:
        return skipped("it draws its own random numbers")
    to_user, to_item = _order(USERS, 1), _order(ITEMS, 2)
    moved = Interactions.from_pairs(to_user.numpy()[TRAIN.users], to_item.numpy()[TRAIN.items], USERS, ITEMS)
    one, other = subject.made(), subject.made(moved)
    if subject.trained:
        other.load_state_dict({k: _moved(v, to_user, to_item) for k, v in one.state_dict().items()})
    expected = [_moved(x, to_user, to_item) for x in subject.result(one)]
    if all(
        torch.allclose(a, b, rtol=1e-5, atol=1e-6) for a, b in zip(subject.result(other, moved), expected, strict=True)
    ):
        return passed()
    return noted("they change more than their numbers", "Right if the number of a user or an item means something.")


def _order(n: int, seed: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).permutation(n))


def _moved(x: Tensor, to_user: Tensor, to_item: Tensor) -> Tensor:
    """Return a tensor with each dimension of as many rows as there are users, or items, renumbered."""
    for dim, size in enumerate(x.shape):
        order = {USERS: to_user, ITEMS: to_item}.get(size)
        if order is not None:
            x = x.index_select(dim, order.argsort())
    return x


def _seeded(place: int, work: Callable[[], T]) -> T:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(place)
        return work()


def _same(a: Sequence[Tensor], b: Sequence[Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


CHECKS = [
    Check(VALUE, "starts", "it can be made, and bound or fitted to data", starts, needs=()),
    Check(VALUE, "value", "forward: finite, of the right shape and precision", value, needs=("starts",)),
    Check(VALUE, "step", "step: the same, and a penalty of one number or none", step),
    Check(VALUE, "repeatable", "forward gives the same again", repeatable),
    Check(VALUE, "float32", "float32 agrees with float64", precise),
    Check(STATE, "seed", "the same seed gives the same backbone", seeded),
    Check(STATE, "keyed", "a step is a function of its batch and key", keyed, needs=("value", "step")),
    Check(STATE, "resume", "a stored state gives the same again", restored),
    Check(STATE, "threads", "threads change no bit", threads, needs=("value", "repeatable")),
    Check(GRADIENTS, "reach", "gradients reach every parameter", reach, needs=("value", "step")),
    Check(GRADIENTS, "derivative", "they are the derivative of the step", derivative, needs=("reach", "keyed")),
    Check(NUMBERING, "numbering", "numbers of users and items do not matter", renumbered),
    *declared.OF_ANYTHING,
    declared.WRITTEN,
    Check(SPEED, "speed", "a training step beside that of mf", pace, needs=("value", "step")),
]
"""Of backbones, in the order in which they are made."""
