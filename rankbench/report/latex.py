r"""Tables as LaTeX: rules of `booktabs`, best in bold, second best underlined, what a reader must know in the caption.

A document needs `\usepackage{booktabs}` and `\usepackage[T1]{fontenc}`, nothing else. A table that is wider than a page
becomes several floats: the columns that matter most come first, as on a terminal, and each has the names of the lines.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby, takewhile

from rankbench.report.table import NOTHING, Cell, Column, Table

_SPECIAL = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "{}$&#_%"},
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "−": "$-$",
    "·": r"$\cdot$",
    "–": "--",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≈": r"$\approx$",
    "Δ": r"$\Delta$",
    **{"α": r"$\alpha$", "β": r"$\beta$", "γ": r"$\gamma$", "λ": r"$\lambda$", "τ": r"$\tau$"},
}

_NARROW = 240
"""Points that a table in one of two columns of text may take; what is wider goes over both."""

_WIDTH = 500
"""Points that a table over both may take: seven inches, the width of the text in most two-column styles."""

_LETTER, _SMALL_LETTER, _GAP = 4.2, 3.6, 6.0
"""Points of a letter in footnotesize and in scriptsize, and between two columns, as the typefaces have them."""

_LARGER = 9 / 8
"""How much larger small is than footnotesize; the room between its columns is twice as wide."""


def latex_of(table: Table) -> str:
    """Return a table as floats of LaTeX, one if it is no wider than a page, which go into a document as they are."""
    first, *others = _parts(table)
    floats = [_float(first, _caption(table), _label(table.title))]
    for number, part in enumerate(others, start=2):
        floats.append(_float(part, rf"{_prose(table.title)}, continued.", f"{_label(table.title)}-{number}"))
    return "\n".join(floats)


def _parts(table: Table) -> list[Table]:
    """Return the table cut into parts that fit on a page, each with the names of the lines."""
    names = [i for i, _ in enumerate(takewhile(lambda column: not column.number, table.columns))]
    others = [i for i in range(len(table.columns)) if i not in names]
    parts: list[list[int]] = [names]
    for i in sorted(others, key=lambda i: table.columns[i].spare):
        longer = sorted([*parts[-1], i])
        if _width(table, longer) > _WIDTH and parts[-1] != names:
            parts.append(sorted([*names, i]))
        else:
            parts[-1] = longer
    return [_only(table, part) for part in parts]


def _only(table: Table, kept: Sequence[int]) -> Table:
    rows = tuple(tuple(row[i] for i in kept) for row in table.rows)
    return Table(table.title, tuple(table.columns[i] for i in kept), rows)


def _width(table: Table, kept: Sequence[int]) -> float:
    """Return about how many points some columns take, with what stands over them."""
    width = 0.0
    for above, run in groupby(kept, key=lambda i: table.columns[i].above):
        width += max(_LETTER * len(above) + _GAP, sum(_width_of(table, i) for i in run))
    return width


def _width_of(table: Table, i: int) -> float:
    cells = [
        _LETTER * (len(cell.text) + (len(cell.detail) + 1 if cell.detail else 0))
        + _SMALL_LETTER * (len(cell.spread) + 3 if cell.spread else 0)
        for cell in (row[i] for row in table.rows)
    ]
    return max([_LETTER * len(table.columns[i].title), *cells]) + _GAP


def _float(table: Table, caption: str, label: str) -> str:
    columns = range(len(table.columns))
    roomy = _LARGER * (_width(table, columns) + _GAP * len(columns))
    wide = "table*" if roomy > _NARROW else "table"
    squeezed = r"\footnotesize\setlength{\tabcolsep}{3pt}" if roomy > _WIDTH else r"\small"
    body = [
        rf"\begin{{{wide}}}[t]",
        rf"  \centering{squeezed}",
        rf"  \caption{{{caption}}}",
        rf"  \label{{tab:{label}}}",
        rf"  \begin{{tabular}}{{{''.join('r' if column.number else 'l' for column in table.columns)}}}",
        r"    \toprule",
        *(f"    {line}" for line in _head(table.columns)),
        r"    \midrule",
        *(f"    {_row([_cell(cell) for cell in row])}" for row in table.rows),
        r"    \bottomrule",
        r"  \end{tabular}",
        rf"\end{{{wide}}}",
    ]
    return "\n".join(body) + "\n"


def _head(columns: tuple[Column, ...]) -> list[str]:
    """Return the line of titles, and over it what stands above several of them with a rule below."""
    titles = _row([_escaped(column.title) for column in columns])
    if not any(column.above for column in columns):
        return [titles]
    cells, rules, start = [], [], 1
    for above, run in groupby(columns, key=lambda column: column.above):
        width = len(list(run))
        cells.append(rf"\multicolumn{{{width}}}{{c}}{{{_escaped(above)}}}" if above else " & " * (width - 1))
        if above:
            rules.append(rf"\cmidrule(lr){{{start}-{start + width - 1}}}")
        start += width
    return [_row(cells), " ".join(rules), titles]


def _row(cells: list[str]) -> str:
    return f"{' & '.join(cells)} \\\\"


def _cell(cell: Cell) -> str:
    if cell.text == NOTHING:
        return "--"
    text = re.sub(r"^-(?=\d)", "$-$", _escaped(cell.text))
    text = rf"\textbf{{{text}}}" if cell.best else rf"\underline{{{text}}}" if cell.second else text
    if cell.spread:
        text += rf" {{\scriptsize $\pm$ {_escaped(cell.spread)}}}"
    return f"{text} {_escaped(cell.detail)}".rstrip()


def _caption(table: Table) -> str:
    marks = "Best in bold, second best underlined." if any(cell.best for row in table.rows for cell in row) else ""
    return " ".join(filter(None, (f"{_prose(table.title)}.", marks, *map(_prose, (table.caption, *table.notes)))))


def _prose(text: str) -> str:
    """Return a sentence, what stands between backticks set like code."""
    pieces = text.split("`")
    return "".join(rf"\texttt{{{_escaped(p)}}}" if i % 2 else _escaped(p) for i, p in enumerate(pieces))


def _label(title: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", title.lower()))


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(character, character) for character in text)
