"""How long a training step takes, beside one with the softmax of its kind in the same minute."""

from __future__ import annotations

import torch

from rankbench.backbones.mf import MF
from rankbench.contract.subject import Subject
from rankbench.contract.verdict import Check, Outcome, Sees, noted, passed
from rankbench.losses import Loss
from rankbench.losses.full_softmax import FullSoftmax
from rankbench.losses.infonce import InfoNCE
from rankbench.losses.softmax import Softmax
from rankbench.speed.clock import take_turns
from rankbench.speed.engine import Steps, train_spec
from rankbench.speed.sizes import SIZES, Shape
from rankbench.speed.synthetic import synthetic_split
from rankbench.training.loop import Training

GROUP = "Speed"

MOST = 1.5
"""How many times softmax's step is worth a note."""

_ROUNDS = 5
_SHAPES = {"negatives": Shape(1024, 1000, 64), "lists": Shape(64, 1, 64), "vectors": Shape(1024, 1, 64)}
_PLAIN: dict[Sees, tuple[type[Loss], str]] = {
    "negatives": (Softmax, "softmax"),
    "lists": (FullSoftmax, "full-softmax"),
    "vectors": (InfoNCE, "infonce"),
}


def pace(subject: Subject) -> Outcome:
    """Time training steps, from drawing to Adam, in turns with softmax."""
    plain, name = _PLAIN[subject.sees]
    own, other = _steps(subject), _steps(Subject(plain, {}))
    times = take_turns({"own": own.seconds, name: other.seconds}, _ROUNDS)
    ratio = times["own"].median / times[name].median
    found = f"{times['own'].median * 1e3:.1f} ms, {ratio:.1f} times {name}"
    if ratio <= MOST:
        return passed(found)
    return noted(found, "What costs are passes over the scores: topk, sort, std, pow, where. See rankbench.rowwise.")


def _steps(subject: Subject) -> Steps:
    """Return the training of a loss with its own recipe, but in the usual shape."""
    loss = subject.owner(**subject.values)
    spec = train_spec(_SHAPES[subject.sees], **subject.owner.recipe)
    training = Training(synthetic_split(SIZES["S"]), loss, MF(), spec, seed=0, device=torch.device("cpu"))
    return Steps(training, subject.owner.__name__)


CHECKS = [
    Check(GROUP, "speed", "a training step of 1,024 x 1,000 scores", pace, ("negatives",), ("value", "positives")),
    Check(GROUP, "speed", "a training step of 64 x 1,200 scores", pace, ("lists",), ("value", "positives")),
    Check(GROUP, "speed", "a training step of 1,024 pairs", pace, ("vectors",), ("value", "aligned")),
]
