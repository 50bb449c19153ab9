"""The page as a whole: head, sections, style and script in one file."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files

from rankbench import __version__
from rankbench.drawing import svg_of
from rankbench.report.figures.series import Drawing
from rankbench.report.page.cells import marked_up, table_html
from rankbench.report.page.made import runs_html
from rankbench.report.sections import Section
from rankbench.results.sound import Fault

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
"""What the page may do: nothing that needs a network."""


def page_of(sections: Sequence[Section], notes: Sequence[str], faults: Sequence[Fault]) -> str:
    """Return the page.

    Args:
        sections: what it shows.
        notes: what could not be shown, in sentences.
        faults: runs that were left out.

    Raises:
        UserError: matplotlib is not installed.
    """
    style, script = (files(__package__).joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    left_out = [*notes, *(f"Left out: {fault.path.name}, {fault.what}." for fault in faults)]
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            f'<meta name="generator" content="rankbench {__version__}">',
            '<link rel="icon" href="data:,">',
            "<title>rankbench: ranking losses compared</title>",
            f"<style>\n{style}</style>",
            "</head>",
            "<body>",
            _header(sections),
            "<main>",
            *(f'<p class="note">{marked_up(note)}</p>' for note in left_out),
            *map(_section, sections),
            "</main>",
            f"<footer>Made by rankbench {__version__}.</footer>",
            f"<script>\n{script}</script>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _header(sections: Sequence[Section]) -> str:
    links = "".join(f'<a href="#{section.name}">{escape(section.title)}</a>' for section in sections)
    return (
        "<header><h1>rankbench</h1>"
        '<input id="filter" type="search" placeholder="Filter by loss or backbone" aria-label="Filter the lines">'
        '<button id="theme" type="button" aria-label="Light or dark">◐</button>'
        f"<nav>{links}</nav></header>"
    )


def _section(section: Section) -> str:
    numbers = {series.full: series.number for series in section.series}
    first, *others = section.tables
    parts = [
        f'<section id="{section.name}">',
        f"<h2>{escape(section.title)}</h2>",
        table_html(first, numbers),
        '<div class="figures">',
        *(_figure(section.name, drawing) for drawing in section.drawings),
        "</div>",
        *(table_html(table, numbers) for table in others),
        runs_html(section.lines),
        "</section>",
    ]
    return "\n".join(parts)


def _figure(section: str, drawing: Drawing) -> str:
    svg = svg_of(drawing.draw, f"{section}-{drawing.name}", drawing.titles)
    caption = f"<b>{escape(drawing.title)}.</b> {marked_up(drawing.caption)}"
    return f"<figure>{svg}<figcaption>{caption}</figcaption></figure>"
