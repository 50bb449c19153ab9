r"""Tables as LaTeX: rules of `booktabs`, best in bold, second best underlined, what a reader must know in the caption.

A document needs `\usepackage{booktabs}` and `\usepackage[T1]{fontenc}`, nothing else.
"""

from __future__ import annotations

import re
from itertools import groupby

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

_NARROW = 5
"""Columns that fit into one of two columns of text; what has more goes over both."""

_ROOMY = 8
"""Columns that fit over both without squeezing."""


def latex_of(table: Table) -> str:
    """Return a table as a float of LaTeX, which goes into a document as it is."""
    n = len(table.columns)
    wide = "table*" if n > _NARROW else "table"
    squeezed = r"\footnotesize\setlength{\tabcolsep}{3pt}" if n > _ROOMY else r"\small"
    body = [
        rf"\begin{{{wide}}}[t]",
        rf"  \centering{squeezed}",
        rf"  \caption{{{_caption(table)}}}",
        rf"  \label{{tab:{_label(table.title)}}}",
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
