"""Figures: one look for all of them, in a file or in a page. They are drawn with matplotlib, which is optional."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rankbench.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")
"""What a figure can be written as."""

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a7a7a")
"""Those of Okabe and Ito, which the colour-blind can tell apart; grey for black, which a dark page would hide."""

STYLES = ("-", "--", "-.", ":")

SERIES = "series-"
"""How the gid of what belongs to a series begins; its number follows."""

_STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e5e5e5",
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "rankbench",
}

_INK, _RULE = "#010101", "#020202"
"""Stand for the colours of the page, which change between light and dark."""

_OF_PAGE: Any = {
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _INK),
    "grid.color": _RULE,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}

_UNDATED: dict[str, dict[str, Any]] = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
"""What keeps the same figure the same file."""


def need_matplotlib() -> None:
    """Raise UserError unless figures can be drawn."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise UserError("A figure needs matplotlib.", "Install it: pip install 'rankbench[plot]'.") from error


def check(path: Path) -> None:
    """Raise UserError unless a figure can be written to the path."""
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(
            f"A figure cannot be written as {path.suffix or 'a file without a suffix'!r}.",
            f"Name a file that ends in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}.",
        )
    if not path.absolute().parent.is_dir():
        raise UserError(f"{str(path)!r} cannot be written: there is no such folder.", "Make the folder first.")
    need_matplotlib()


def save(draw: Callable[[], Figure], path: Path) -> None:
    """Write a figure, PNG, SVG or PDF by the path's suffix; the file appears whole or not at all.

    Raises:
        UserError: the suffix is another, the folder does not exist, or matplotlib is not installed.
    """
    check(path)
    suffix = path.suffix.lower()
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    try:
        with _style():
            draw().savefig(temporary, format=suffix[1:], dpi=200, metadata=_UNDATED[suffix])
        temporary.replace(path)
    except OSError as error:
        raise UserError(
            f"{str(path)!r} cannot be written: {error.strerror or error}.", "Name another place."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def svg_of(draw: Callable[[], Figure], name: str, titles: Sequence[str] = ()) -> str:
    """Return a figure as an SVG element for a page, in the page's colours and font.

    Args:
        draw: draws it.
        name: unlike that of any other figure of the page.
        titles: what a pointer on the elements of a series shows, by its number.
    """
    text = io.StringIO()
    with _style(_OF_PAGE):
        draw().savefig(text, format="svg", metadata=_UNDATED[".svg"])
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1))
    svg = svg.replace(_INK, "currentColor").replace(_RULE, "var(--rule)")
    svg = re.sub(r"(font: [\d.]+px|font-family:) [^;\"]*", r"\1 var(--font)", svg)
    svg = re.sub(rf'id="{SERIES}(\d+)">', lambda found: _series(int(found[1]), titles), svg)
    return _own_ids(svg, name).replace("<svg ", '<svg role="img" ', 1)


def _series(number: int, titles: Sequence[str]) -> str:
    title = f"<title>{escape(titles[number])}</title>" if number < len(titles) else ""
    return f'class="series" data-series="{number}">{title}'


def _own_ids(svg: str, name: str) -> str:
    """Return the element with the identifiers that it refers to, unlike those of others, and without the rest."""
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', svg))
    svg = re.sub(r' id="([^"]+)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", svg)
    return re.sub(r'(url\(#|href="#)', rf"\1{name}-", svg)


@contextmanager
def _style(changed: Any = None) -> Iterator[None]:
    """Draw with matplotlib's own settings and the look of all figures, whatever the user's settings are."""
    import matplotlib

    # the backend is left alone, which would be loaded
    own = {key: matplotlib.rcParamsDefault[key] for key in matplotlib.rcParamsDefault if key != "backend"}
    settings: Any = {**own, **_STYLE, **(changed or {})}
    with matplotlib.rc_context(settings):
        yield
