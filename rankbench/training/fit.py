"""The training of a backbone that needs no loss: one fit, which stands for one epoch."""

import time

from rankbench.backbones import LossFree
from rankbench.data.interactions import Split
from rankbench.evaluation.evaluate import validate
from rankbench.evaluation.scorers import scorer_of
from rankbench.randomness import key
from rankbench.training.loop import Trained
from rankbench.training.progress import EpochEnd
from rankbench.training.selection import Best


def fit(split: Split, backbone: LossFree, seed: int) -> Trained:
    """Return a backbone fitted to the train set of a split, and what it reaches on the validation sets.

    Args:
        split: the data; validation reads `split.valids`, nothing reads `split.tests`.
        backbone: fresh.
        seed: the seed that every random number is a function of.
    """
    started = time.perf_counter()
    backbone.fit(split.train, key(seed, "fit") >> 1)
    if split.fold_in is not None:
        backbone.fold_in(split.inputs)
    fitted = time.perf_counter()
    scorer = scorer_of(backbone, split)
    valid = {name: validate(scorer, split, name) for name in split.valids}
    end = EpochEnd(1, None, valid, fitted - started, time.perf_counter() - fitted)
    best = {name: Best(1, value) for name, value in valid.items()}
    return Trained(dict.fromkeys(split.valids, scorer), best, [end])
