"""Tables of the page: heads that sort, lines that know which series of the figures they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from itertools import groupby

from rankbench.report.table import Cell, Column, Table


def table_html(table: Table, series: Mapping[str, int]) -> str:
    """Return a table with its title, caption and notes.

    Args:
        table: the table.
        series: numbers of series by loss and backbone, as in the first two columns.
    """
    notes = "".join(f"<li>{marked_up(note)}</li>" for note in table.notes)
    parts = [
        f"<h3>{escape(table.title)}</h3>",
        '<div class="wide"><table>',
        _head(table.columns),
        "<tbody>",
        *(_row(row, table.columns, series) for row in table.rows),
        "</tbody></table></div>",
        f'<p class="caption">{marked_up(table.caption)}</p>' if table.caption else "",
        f'<ul class="notes">{notes}</ul>' if notes else "",
    ]
    return "\n".join(filter(None, parts))


def marked_up(text: str) -> str:
    """Return a sentence as HTML, what stands between backticks set like code."""
    pieces = text.split("`")
    return "".join(f"<code>{escape(piece)}</code>" if i % 2 else escape(piece) for i, piece in enumerate(pieces))


def _head(columns: tuple[Column, ...]) -> str:
    rows = []
    if any(column.above for column in columns):
        cells = []
        for above, run in groupby(columns, key=lambda column: column.above):
            width = len(list(run))
            cells.append(
                f'<th colspan="{width}" scope="colgroup">{escape(above)}</th>' if above else "<td></td>" * width
            )
        rows.append(f'<tr class="above">{"".join(cells)}</tr>')
    titles = "".join(
        f'<th scope="col"{_class(column)} aria-sort="none"><button type="button">{escape(column.title)}</button></th>'
        for column in columns
    )
    return f"<thead>{''.join(rows)}<tr>{titles}</tr></thead>"


def _row(row: tuple[Cell, ...], columns: tuple[Column, ...], series: Mapping[str, int]) -> str:
    number = series.get(" · ".join(cell.text for cell in row[:2]))
    mark = "" if number is None else f' data-series="{number}"'
    return f"<tr{mark}>{''.join(_cell(cell, column) for cell, column in zip(row, columns, strict=True))}</tr>"


def _cell(cell: Cell, column: Column) -> str:
    text = re.sub("([:,])", r"\1<wbr>", escape(cell.text)) if not column.number else escape(cell.text)
    text = f"<b>{text}</b>" if cell.best else f"<u>{text}</u>" if cell.second else text
    if cell.spread:
        text += f' <span class="spread">± {escape(cell.spread)}</span>'
    if cell.detail:
        text += f' <span class="detail">{escape(cell.detail)}</span>'
    value = "" if cell.value is None else f' data-value="{cell.value!r}"'
    return f"<td{_class(column)}{value}>{text}</td>"


def _class(column: Column) -> str:
    return ' class="number"' if column.number else ""
