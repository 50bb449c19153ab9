"""Curves as a figure in a file, drawn with matplotlib, which is optional."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rankbench.errors import UserError
from rankbench.gradient.caption import LEAST_SHARE, factor, resting, score_axis, weight_axis
from rankbench.gradient.curve import Curve
from rankbench.gradient.typical import POSITIVE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")
"""What a figure can be written as."""

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Those of Okabe and Ito, which the colour-blind can tell apart."""

_STYLES = ("-", "--", "-.", ":")

_STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e5e5e5",
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "rankbench",
}

_UNDATED: dict[str, dict[str, Any]] = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
"""What keeps the same figure the same file."""


def check(path: Path) -> None:
    """Raise UserError unless a figure can be written to the path."""
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(
            f"A figure cannot be written as {path.suffix or 'a file without a suffix'!r}.",
            f"Name a file that ends in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}.",
        )
    if not path.absolute().parent.is_dir():
        raise UserError(f"{str(path)!r} cannot be written: there is no such folder.", "Make the folder first.")
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise UserError("A figure needs matplotlib.", "Install it: pip install 'rankbench[plot]'.") from error


def save(curves: Sequence[Curve], path: Path, share: bool = False) -> None:
    """Write a figure of curves, PNG, SVG or PDF by the path's suffix; the file appears whole or not at all.

    Raises:
        UserError: the suffix is another, the folder does not exist, or matplotlib is not installed.
    """
    check(path)
    import matplotlib

    suffix = path.suffix.lower()
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    try:
        with matplotlib.rc_context({**_defaults(), **_STYLE}):
            draw(curves, share).savefig(temporary, format=suffix[1:], dpi=200, metadata=_UNDATED[suffix])
        temporary.replace(path)
    except OSError as error:
        raise UserError(
            f"{str(path)!r} cannot be written: {error.strerror or error}.", "Name another place."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _defaults() -> Any:
    """Return matplotlib's own settings, whatever the user's are; the backend is left alone, which would be loaded."""
    import matplotlib

    return {key: matplotlib.rcParamsDefault[key] for key in matplotlib.rcParamsDefault if key != "backend"}


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
            _STYLES[number // len(_COLOURS) % len(_STYLES)] if len(curves) > len(_COLOURS) else _STYLES[number % 4],
            color=_COLOURS[number % len(_COLOURS)],
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
