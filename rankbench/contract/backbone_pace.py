"""How long a training step with a backbone takes, beside one with mf in the same minute; or how long it is fitted."""

from __future__ import annotations

import time

import torch

from rankbench.backbones import Backbone, LossFree
from rankbench.backbones.mf import MF
from rankbench.contract.backbone import BackboneSubject
from rankbench.contract.verdict import Outcome, noted, passed
from rankbench.losses.softmax import Softmax
from rankbench.speed.clock import take_turns
from rankbench.speed.engine import Steps, train_spec
from rankbench.speed.sizes import SIZES, Shape
from rankbench.speed.synthetic import synthetic_split
from rankbench.training.loop import Training

MOST = 5.0
"""How many times mf's step is worth a note."""

_ROUNDS, _SIZE, _SHAPE = 5, SIZES["S"], Shape(1024, 256, 64)


def pace(subject: BackboneSubject) -> Outcome:
    """Time training steps with softmax, in turns with mf; a backbone that is fitted is fitted once."""
    size = f"{_SIZE.n_users:,} users x {_SIZE.n_items:,} items"
    if issubclass(subject.owner, LossFree):
        started = time.perf_counter()
        subject.owner(**subject.values).fit(synthetic_split(_SIZE).train, 0)
        return passed(f"{time.perf_counter() - started:.1f} s to fit {size}")
    own, other = _steps(subject.owner(**subject.values)), _steps(MF())
    times = take_turns({"own": own.seconds, "mf": other.seconds}, _ROUNDS)
    ratio = times["own"].median / times["mf"].median
    found = f"{times['own'].median * 1e3:.1f} ms, {ratio:.1f} times mf, {size}"
    if ratio <= MOST:
        return passed(found)
    return noted(found, "What costs are passes over all vectors, and gathers of a vector for each interaction.")


def _steps(backbone: Backbone) -> Steps:
    training = Training(
        synthetic_split(_SIZE), Softmax(), backbone, train_spec(_SHAPE), seed=0, device=torch.device("cpu")
    )
    return Steps(training, type(backbone).__name__)
