"""Curves as a figure in a file, drawn with matplotlib, which is optional."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rankbench import drawing
from rankbench.drawing import COLOURS, STYLES
from rankbench.gradient.caption import LEAST_SHARE, factor, resting, score_axis, weight_axis
from rankbench.gradient.curve import Curve
from rankbench.gradient.typical import POSITIVE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def save(curves: Sequence[Curve], path: Path, share: bool = False) -> None:
    """Write a figure of curves, PNG, SVG or PDF by the path's suffix; the file appears whole or not at all.

    Raises:
        UserError: the suffix is another, the folder does not exist, or matplotlib is not installed.
    """
    drawing.save(lambda: draw(curves, share), path)


def draw(curves: Sequence[Curve], share: bool = False) -> Figure:
    """Return the figure, without any display."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    by = factor(curves)
    for number, curve in enumerate(curves):
        height = curve.multiple if share else curve.relative  # (G,)
        axes.plot(
            curve.cosine * by,
            np.where(height >= LEAST_SHARE, height, np.nan) if share else height,
            STYLES[number // len(COLOURS) % len(STYLES)] if len(curves) > len(COLOURS) else STYLES[number % 4],
            color=COLOURS[number % len(COLOURS)],
            label=f"{curve.label}  (N = {curve.negatives})",
        )
    axes.axvline(POSITIVE * by, color="#999999", linewidth=0.8, zorder=0)
    axes.annotate(
        "positive", (POSITIVE * by, 1), xycoords=("data", "axes fraction"), xytext=(3, -3), color="#777777",
        textcoords="offset points", va="top",
    )  # fmt: skip
    _label(axes, curves, share)
    figure.supxlabel("\n".join(textwrap.wrap(resting(curves), 126)), fontsize=7, color="#555555", x=0.02, ha="left")
    return figure


def _label(axes: Axes, curves: Sequence[Curve], share: bool) -> None:
    axes.set_xlabel(score_axis(curves))
    axes.set_ylabel(weight_axis(share))
    axes.margins(x=0)
    if share:
        axes.set_yscale("log")
    axes.legend(loc="upper left")
