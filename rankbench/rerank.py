r"""Re-ranking by popularity, the control of every claim of robustness: $s(u, i) - \lambda \log |P_i|$.

One scalar, applied to a trained model and tuned on validation like any other parameter, already moves what is
recommended between head and tail. A loss whose gain under popularity shift does not beat this line is a discount on
popularity in disguise. λ is in units of the model's score (for losses on cosines, of the cosine); it may be negative,
and 0 is the model itself. Items that train lacks count as those with one interaction.
"""

import math

from rankbench.errors import UserError
from rankbench.params import show

NAME = "pop"


def read_rerank(text: str) -> list[str]:
    """Return the re-rankings of `pop:0.02,0.05`, one for each λ, as they are spelled in a run.

    Raises:
        UserError: another name, or a λ that is no number.
    """
    name, colon, typed = text.replace(" ", "").partition(":")
    words = typed.removesuffix(",").split(",") if typed else []
    if name != NAME or not colon or not words:
        raise UserError(
            f"--rerank {text!r}: expected {NAME}:LAMBDA[,LAMBDA...].", "For example --rerank pop:0.02,0.05."
        )
    found = [f"{NAME}:{show(_number(text, word.removeprefix(f'{NAME}:')))}" for word in words]
    return list(dict.fromkeys(found))


def strength_of(rerank: str) -> float:
    """Return λ of a re-ranking as it is spelled in a run; 0 without one."""
    return float(rerank.partition(":")[2]) if rerank else 0.0


def named(backbone: str, tables: str, rerank: str) -> str:
    """Return how a backbone is named with its embedding tables and its re-ranking behind it: `mf + pop:0.02`."""
    return " ".join(filter(None, [backbone, tables, rerank and f"+ {rerank}"]))


def _number(text: str, word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"--rerank {text!r}: {word!r} is no number.", "For example --rerank pop:0.02,0.05.")
    return value + 0.0  # no minus sign before a zero
