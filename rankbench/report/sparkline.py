"""A series of numbers as a line of bars, one character each."""

from __future__ import annotations

import math
from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float | None], width: int = 40) -> str:
    """Return the values as bars from the least, lowest, to the greatest; a gap where there is no finite one.

    Where there are more values than `width`, each bar is the last finite value of its share of them.
    """
    finite = [value if value is not None and math.isfinite(value) else None for value in values]
    present = [value for value in finite if value is not None]
    if not present:
        return ""
    n = min(width, len(finite))
    pieces = [finite[i * len(finite) // n : (i + 1) * len(finite) // n] for i in range(n)]
    shown = [next((value for value in reversed(piece) if value is not None), None) for piece in pieces]
    low, high = min(present), max(present)
    return "".join(" " if value is None else _bar(value, low, high) for value in shown)


def _bar(value: float, low: float, high: float) -> str:
    if high == low:
        return _BARS[len(_BARS) // 2]
    return _BARS[min(len(_BARS) - 1, int(len(_BARS) * (value - low) / (high - low)))]
