"""How embedding tables are typed: `full`, `hash:50%`, `qr:1000:mul`, `freqdouble:10%,40%`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import floor

from rankbench.errors import UserError, unknown

FULL = "full"

KINDS: Mapping[str, tuple[str, str]] = {
    FULL: (FULL, "A row for each id."),
    "hash": ("hash:M", "Hashing: every id has one of M rows."),
    "qr": ("qr:M[:add|mul|concat]", "Quotient and remainder: an id has a row for each, its pair is its own."),
    "double": ("double:M", "Double hashing: every id is the sum of two of M rows."),
    "freqdouble": ("freqdouble:k,M", "Frequency-based double hashing: the k most frequent ids have rows of their own."),
    "admit": ("admit:T", "Admission: ids with fewer than T train interactions share one row."),
}
"""The kinds of tables: how each is typed and what it is, in a line."""

COMPOSITIONS = ("add", "mul", "concat")
"""How the two rows of `qr` become a vector; the first is meant where none is typed."""

TRAIN_VALUES = ("user_table", "item_table")
"""The training values that say which tables a backbone has."""

SIZES = "M and k are rows, as in 500, or a percentage of the ids, as in 50%; `rankbench show hash` says more."


@dataclass(frozen=True)
class Size:
    """A number of rows: as it is, or in percent of the ids."""

    number: float
    percent: bool = False

    def __str__(self) -> str:
        return f"{self.number:.12g}%" if self.percent else f"{self.number:.0f}"

    def of(self, n: int) -> int:
        """Return the number of rows for n ids, at least 1; halves are rounded up."""
        return max(1, floor(n * self.number / 100 + 0.5)) if self.percent else int(self.number)


@dataclass(frozen=True)
class Form:
    """The kind of a table and its sizes; `str(form)` is what one types.

    Args:
        kind: one of `KINDS`.
        sizes: M, or k and M, or T.
        composition: of `qr`, one of `COMPOSITIONS`.
    """

    kind: str
    sizes: tuple[Size, ...] = ()
    composition: str = COMPOSITIONS[0]

    def __str__(self) -> str:
        words = [self.kind, ",".join(map(str, self.sizes)), self.composition]
        if self.composition == COMPOSITIONS[0]:
            words.pop()
        return ":".join(filter(None, words))


def read_form(text: str, where: str = "embedding table") -> Form:
    """Return the form that is typed.

    Args:
        text: as in `hash:50%`.
        where: what it was typed for, for the message.

    Raises:
        UserError: there is no such kind, or its sizes are not numbers of rows.
    """
    kind, *words = text.strip().split(":")
    if kind not in KINDS:
        raise unknown(f"kind of table for {where}", kind, KINDS, "`rankbench list tables` lists them.")
    typed = KINDS[kind][0]
    sizes = [_size(word) for word in words[0].split(",")] if words else []
    composition = words[1] if len(words) > 1 else COMPOSITIONS[0]
    expected = 0 if kind == FULL else 2 if kind == "freqdouble" else 1
    right = [size for size in sizes if size is not None and not (kind == "admit" and size.percent)]
    wrong = len(sizes) != expected or len(right) != expected or len(words) > (2 if kind == "qr" else 1)
    if wrong or composition not in COMPOSITIONS:
        hint = "T is a count of train interactions, as in admit:5." if kind == "admit" else SIZES
        raise UserError(f"{where}: expected {typed}, got {text!r}.", hint)
    return Form(kind, tuple(right), composition)


def asked_tables(train: Mapping[str, object]) -> str:
    """Return the tables among training values that are not full, as in `item_table=hash:50%`; empty if there are none.

    A table is part of what is compared, as the backbone is, not a value that a search chooses among.
    """
    return " ".join(f"{name}={train[name]}" for name in TRAIN_VALUES if train.get(name, FULL) != FULL)


def canonical(text: str, where: str) -> str:
    """Return a form as this program spells it, so that one table has one spelling; raise UserError as `read_form`."""
    return str(read_form(text, where))


def _size(text: str) -> Size | None:
    """Return the size that is typed, None if it is none."""
    number = text.strip().removesuffix("%")
    percent = text.strip().endswith("%")
    if not re.fullmatch(r"\d+(\.\d+)?" if percent else r"\d+", number, re.ASCII) or float(number) == 0:
        return None
    return Size(float(number), percent)
