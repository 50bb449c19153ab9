"""What drawings of curves have in common: the words of their axes and caption, and what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rankbench.gradient.curve import Curve
from rankbench.gradient.settle import EPOCHS, STEPS
from rankbench.gradient.typical import LENGTHS, NEGATIVE, POSITIVE, POSITIVES, SPREAD, USERS

LEAST_SHARE = 1e-3
"""Shares below this, in N-ths, are not drawn."""


def weight_axis(share: bool) -> str:
    """Return what the height of a curve is."""
    return "share of the push on all N negatives, in N-ths" if share else "weight of the negative, over its largest"


def score_axis(curves: Sequence[Curve]) -> str:
    """Return what the places of the curves are."""
    kinds = {curve.score for curve in curves}
    if kinds == {"cosine"}:
        return "cosine of the negative"
    if kinds == {"dot"}:
        return "inner product of the negative"
    return f"cosine of the negative, or inner product over {LENGTHS:g}"


def factor(curves: Sequence[Curve]) -> float:
    """Return what cosines are to be multiplied by to be the numbers of the score axis."""
    return LENGTHS if all(curve.score == "dot" for curve in curves) else 1


def resting(curves: Sequence[Curve]) -> str:
    """Return in a few sentences what the curves are and in which state the losses are."""
    by = factor(curves)
    spread = f"{_short(NEGATIVE * by)} ± {_short(SPREAD * by)}"
    near = f"{_short(POSITIVE * by)}, the other negatives at normal quantiles, {spread}"
    sentences = [
        "The weight is the derivative of one example's loss by the score of one negative, the first drawn, as that "
        f"score moves. The positive rests at {near}, as in a trained model; {USERS - 1} like examples share the batch.",
        _about(curves, "lists", f"a user's {POSITIVES} train items are the positives, all other items the negatives."),
        _about(curves, "vectors", "the positives of the batch's other examples are the negatives."),
    ]
    settled = [curve.label for curve in curves if curve.settled]
    if settled:
        sentences.append(
            f"{', '.join(settled)}: thresholds, averages and the like were trained for {EPOCHS} epochs of {STEPS} "
            "steps on scores at rest."
        )
    return " ".join(filter(None, sentences))


def _about(curves: Sequence[Curve], sees: str, text: str) -> str:
    labels = [curve.label for curve in curves if curve.sees == sees]
    return f"{', '.join(labels)}: {text}" if labels else ""


def plain(curves: Sequence[Curve]) -> dict[str, Any]:
    """Return curves as plain data."""
    return {"definition": resting(curves), "curves": [_plain(curve) for curve in curves]}


def _plain(curve: Curve) -> dict[str, Any]:
    known: dict[str, Any] = {
        "loss": curve.label,
        "score": curve.score,
        "sees": curve.sees,
        "negatives": curve.negatives,
    }
    known["settled"] = curve.settled
    lines = {"at": curve.at.round(6), "weight": curve.weight, "relative": curve.relative, "share": curve.share}
    return {**known, **{name: line.tolist() for name, line in lines.items()}}


def _short(x: float) -> str:
    """Return a number to two digits without a leading zero."""
    return f"{x:.2g}".replace("0.", ".")
