"""What every metric means: formula, which direction is better, what to know when reading it, where it comes from."""

from __future__ import annotations

from collections.abc import Mapping

from rankbench.evaluation.meanings.accuracy import ACCURACY
from rankbench.evaluation.meanings.exposure import EXPOSURE
from rankbench.evaluation.meanings.lists import LISTS
from rankbench.evaluation.meanings.meaning import GAMMAS, SYMBOLS, Meaning
from rankbench.evaluation.meanings.popularity import POPULARITY
from rankbench.evaluation.meanings.without_cut_off import WITHOUT_CUT_OFF

__all__ = ["GAMMAS", "MEANINGS", "SYMBOLS", "Meaning"]

MEANINGS: Mapping[str, Meaning] = {**ACCURACY, **POPULARITY, **EXPOSURE, **LISTS, **WITHOUT_CUT_OFF}
"""Every metric by the name that results and commands know it by."""
