"""Tables as Markdown: the whole table, whatever its width, best in bold."""

from __future__ import annotations

from rankbench.report.table import Cell, Table


def markdown_of(table: Table) -> str:
    """Return a table as Markdown: heading, table, caption, notes."""
    heads = [_escaped(column.heading) for column in table.columns]
    rules = ["---:" if column.number else "---" for column in table.columns]
    lines = [_row(heads), _row(rules), *(_row([_text(cell) for cell in row]) for row in table.rows)]
    parts = [f"### {_escaped(table.title)}", "\n".join(lines), _escaped(table.caption)]
    notes = "\n".join(f"- {_escaped(note)}" for note in table.notes)
    return "\n\n".join(filter(None, (*parts, notes))) + "\n"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(cell: Cell) -> str:
    text = f"{cell.text} ± {cell.spread}" if cell.spread else cell.text
    text = f"**{_escaped(text)}**" if cell.best else _escaped(text)
    return f"{text} {_escaped(cell.detail)}".rstrip()


def _escaped(text: str) -> str:
    for special in "\\|*_<":
        text = text.replace(special, f"\\{special}")
    return text
