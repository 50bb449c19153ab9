"""What a loss keeps: made from the seed, moved in training only, and stored whole."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor

from rankbench.contract.cases import TRAIN
from rankbench.contract.subject import EPOCHS, Subject, refresh
from rankbench.contract.verdict import Check, Outcome, failed, passed
from rankbench.losses import Loss

GROUP = "State"
_MORE = 3
"""Epochs after training is interrupted."""

_LR = 0.01


def seeded(subject: Subject) -> Outcome:
    """Bind it twice, with torch's own random numbers in different places."""
    states: list[dict[str, Tensor]] = []
    for place in range(2):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(place)
            loss = subject.owner(**subject.values)
            loss.bind(TRAIN, 0)
            refresh(loss, 0)
            states.append(loss.state_dict())
    other = _difference(*states)
    if not other:
        return passed()
    hint = "Draw with torch.Generator().manual_seed(seed), the `seed` of bind; torch's own numbers differ in every run."
    return failed("one state for one seed", f"`{other}` that differs", hint)


def unmoved(subject: Subject) -> Outcome:
    """Call it in eval mode, with and without gradients."""
    loss, batch = subject.loss(), subject.batch(3)
    before = deepcopy(loss.state_dict())
    subject.gradients(loss, batch)
    with torch.no_grad():
        subject.value(loss, batch)
    changed = _difference(before, loss.state_dict())
    if not changed:
        return passed()
    hint = "Store a new state only `if self.training and torch.is_grad_enabled():`; compute with it in any case."
    return failed("the state as it was", f"`{changed}` changed", hint)


def resumed(subject: Subject) -> Outcome:
    """Train, store the state, and go on both from it and without a break."""
    whole = subject.bound()
    _train(subject, whole, range(EPOCHS))
    saved = deepcopy(whole.state_dict())
    spoilt = [name for name, x in saved.items() if x.is_floating_point() and x.isnan().any()]
    if spoilt:
        return failed("a state without nan", f"nan in `{spoilt[0]}` after {EPOCHS} epochs")
    later = range(EPOCHS, EPOCHS + _MORE)
    expected = _train(subject, whole, later)
    again = subject.bound()
    try:
        again.load_state_dict(saved)
    except RuntimeError as error:
        hint = "Create every buffer and parameter in bind: what training adds is not there when it goes on."
        return failed("a state that can be loaded after bind", subject.crash(error), hint)
    got = _train(subject, again, later)
    if torch.allclose(got, expected, rtol=1e-9, atol=1e-12, equal_nan=True):
        return passed()
    hint = (
        "What is kept between steps must be a buffer (register_buffer in bind) or an nn.Parameter: plain attributes "
        "are not stored. Random numbers must follow from bind's seed, the epoch and the step."
    )
    return failed("the values of an uninterrupted training", "others after a stop", hint)


def _train(subject: Subject, loss: Loss, epochs: range) -> Tensor:
    """Train for some epochs of one step; return the values (epochs, B)."""
    values = []
    for number in epochs:
        refresh(loss, number)
        parameters = [p for p in loss.parameters() if p.requires_grad]
        value = subject.value(loss.train(), subject.batch(number))  # (B,)
        values.append(value.detach())
        if parameters and value.requires_grad:
            grads = torch.autograd.grad(value.mean(), parameters, allow_unused=True, materialize_grads=True)
            with torch.no_grad():
                for parameter, grad in zip(parameters, grads, strict=True):
                    parameter.sub_(grad, alpha=_LR)
    return torch.stack(values)


def _difference(a: dict[str, Tensor], b: dict[str, Tensor]) -> str:
    """Return the name of a tensor that only one of two states has, or that is not the same; empty if there is none."""
    for name in sorted({*a, *b}):
        if name not in a or name not in b:
            return name
        if not torch.equal(a[name].nan_to_num(nan=0.5), b[name].nan_to_num(nan=0.5)):
            return name
    return ""


CHECKS = [
    Check(GROUP, "seed", "the same seed gives the same state", seeded, needs=("starts",)),
    Check(GROUP, "eval", "eval mode changes nothing", unmoved),
    Check(GROUP, "resume", "a resumed training goes on to the same values", resumed, needs=("value", "repeatable")),
]  # fmt: skip
