"""Noise `false-negative`: train positives that are taken out and drawn as negatives.

10 % of each user's train pairs, at least one where two or more are there, are taken out by the rule of validation, from
what validation left. Whenever a negative is drawn for a user who has such pairs it is one of them with probability p,
all of them alike. They are masked in validation and in tests, as train is: the noise is in what is learned from, not in
what is measured. Losses that draw no negatives see a smaller train set and nothing else.

The setting of Yang, Chen, Xin, Zhou, Hu, Feng, Chen, Wang: PSL: Rethinking and improving softmax loss from pairwise
perspective for recommendation. NeurIPS 2024, arXiv 2411.00163.
"""

from __future__ import annotations

from dataclasses import replace

from rankbench.data.interactions import FalseNegatives
from rankbench.data.protocols.parts import Parts
from rankbench.data.protocols.validation import SHARE, cut_validation

STREAM = "false-negative"

PROBABILITY = "probability that a negative is a false one"
"""The parameter of the manifest that a loaded split reads the probability from."""


def take_false_negatives(parts: Parts, probability: float) -> Parts:
    """Return the parts with false negatives, which are drawn with a probability; 0 takes them out and draws none."""
    rest, taken_out = cut_validation(parts.train, STREAM)
    return replace(
        parts,
        train=rest,
        false_negatives=FalseNegatives(taken_out, probability),
        parameters={
            **parts.parameters,
            "false negatives share of a user's train pairs": SHARE,
            PROBABILITY: probability,
        },
    )
