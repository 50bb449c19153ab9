"""Docstrings with LaTeX formulas, in characters that a terminal shows.

pylatexenc knows the symbols. What a line of characters needs beside them is here: parentheses where a fraction or an
exponent would lose its extent, and the spaces that the author typed, since LaTeX sets its own and pylatexenc few.
"""

from __future__ import annotations

import re
import textwrap
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

UNBROKEN = 40
"""Columns up to which a formula is kept on one line."""

_OPEN, _CLOSE = "\ue000", "\ue001"
"""Around a fraction until it is known what stands beside it."""

_LEFT, _RIGHT = "\ue002", "\ue003"
"""Braces of a subscript that stay."""

_HIGH = str.maketrans("0123456789+-T⊤", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ᵀᵀ")
_LOW = str.maketrans("0123456789+-", "₀₁₂₃₄₅₆₇₈₉₊₋")

_ATOM = re.compile(r"√?\(\)|\|\||\d*\.?\d+|∂?[^\W\d]+")
"""What needs no parentheses below a fraction line, once its groups are emptied: √(x), |x|, 12, s, mean."""

_SCRIPTS = re.compile(r"[_^](?:[^\W_]+'?|\(\)|\{\})|[₀-₉₊₋⁰¹²³⁴-⁹⁺⁻ᵀ']")

_ACCENTED = re.compile(r"\\(hat|bar|tilde|vec|dot|sqrt|mathrm|mathbf|mathcal|text)\s+(\\?\w+)")
_FREE_BEFORE, _FREE_AFTER = "=+-,([{⌊⟨≤≥<>→←∈", "=+-,)]}⌋⟩≤≥<>;.→←"
"""What may stand beside a fraction that is not enclosed."""


def readable(text: str, width: int) -> str:
    """Return a docstring with its LaTeX formulas in characters that a terminal shows, filled to lines of a width.

    Paragraphs, items of lists and lines that follow a heading such as `Raises:` are filled each on its own.
    """
    paragraphs = re.sub(r"\$\$?([^$]+)\$\$?", _inline, text).split("\n\n")
    filled = ["\n".join(_filled(line, width) for line in _flowing(p)) for p in paragraphs]
    return "\n\n".join(filled).replace("\N{NO-BREAK SPACE}", " ")


def formula(latex: str) -> str:
    """Return a LaTeX formula, without dollar signs, as one line of text.

    Spaces are those of the source. Fractions become a/b, with parentheses where the extent of a or b, or of the whole,
    would not be clear; exponents ², ⁻⁴ and ᵀ, others ^x or ^(x + y); subscripts ₀ to ₉, others _x or _{x, y}.
    """
    source = re.sub(r"\\[,;:! ]|\\q?quad\b|\\(?:left|right)(?![a-z])", " ", " ".join(latex.split()))
    source = _ACCENTED.sub(r"\\\1{\2}", source.replace(r"\operatorname", r"\mathrm"))
    text = _converter()(f"${source.replace(' ', '~')}$")
    text = re.sub(r"([⌊⌈⟨]) | ([⌋⌉⟩])", r"\1\2", text.replace("∂ ", "∂"))
    return re.sub(r" {2,}", " ", _fractions(_scripts(text))).strip()


def _inline(match: re.Match[str]) -> str:
    text = formula(match[1])
    return text.replace(" ", "\N{NO-BREAK SPACE}") if len(text) <= UNBROKEN else text


def _flowing(paragraph: str) -> list[str]:
    """Return the lines of a paragraph, those joined that only go on."""
    lines: list[str] = []
    for line in paragraph.split("\n"):
        item = re.match(r"\s*- ", line)
        section = lines and re.fullmatch(r"[A-Z][a-z ]+:", lines[-1])
        if lines and not item and not section:
            lines[-1] += " " + line.strip()
        else:
            lines.append(line.rstrip())
    return lines


def _filled(line: str, width: int) -> str:
    begin = re.match(r"\s*(?:- )?", line)
    indent = " " * (len(begin[0]) if begin else 0)
    return textwrap.fill(
        line, width, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False, drop_whitespace=True
    )


@cache
def _converter() -> Callable[[str], str]:
    from pylatexenc.latex2text import (
        LatexNodes2Text,
        MacroTextSpec,
        SpecialsTextSpec,
        get_default_latex_context_db,
    )

    known = get_default_latex_context_db()
    fractions = [MacroTextSpec(name, _fraction) for name in ("frac", "tfrac", "dfrac")]
    symbols = {"ne": "≠", "|": "‖", "{": "{", "}": "}", "top": "⊤", "epsilon": "ε", "mid": "|"}
    plain = [MacroTextSpec(name, text) for name, text in symbols.items()]
    space = SpecialsTextSpec("~", " ")
    known.add_context_category("terminal", [*fractions, *plain], specials=[space], prepend=True)
    known.set_unknown_macro_spec(MacroTextSpec("", lambda node: node.macroname))  # \argmax is argmax, not nothing
    convert: Callable[[str], str] = LatexNodes2Text(known, math_mode="text", keep_braced_groups=True).latex_to_text
    return convert


def _fraction(node: Any, l2tobj: Any) -> str:
    above, below = (_scripts(_argument(node, l2tobj, which)) for which in (0, 1))
    if re.search(r"\S ?[-+=]", _emptied(above)):
        above = f"({above})"
    if not _ATOM.fullmatch(_SCRIPTS.sub("", _emptied(below))):
        below = f"({below})"
    return f"{_OPEN}{above}/{below}{_CLOSE}"


def _argument(node: Any, l2tobj: Any, which: int) -> str:
    """Return the text of an argument of a macro, without its own braces."""
    given = node.nodeargd.argnlist[which]
    text: str = l2tobj.nodelist_to_text(getattr(given, "nodelist", [given]))
    return text.replace("∂ ", "∂").strip()


def _emptied(text: str) -> str:
    """Return a text with nothing left in its groups, so that what is seen stands outside all of them."""
    for group, empty in ((r"\([^()]+\)", "()"), (r"\[[^\[\]]+\]", "[]"), (r"\{[^{}]+\}", "{}")):
        before = ""
        while text != before:
            before, text = text, re.sub(group, empty, text)
    return re.sub(r"\|[^|]*\|", "||", text)


def _scripts(text: str) -> str:
    """Return a text whose sub- and superscripts, innermost first, have no braces where they need none."""
    before = ""
    while text != before:
        before, text = text, re.sub(r"([_^])\{([^{}]*)\}", _script, text)
    return re.sub(r"([_^])(\d|[-+⊤])", _script, text).replace(_LEFT, "{").replace(_RIGHT, "}")


def _script(match: re.Match[str]) -> str:
    kind, inner = match[1], match[2].strip()
    if kind == "_":
        if re.fullmatch(r"\d+|[-+]", inner):
            return inner.translate(_LOW)
        return f"_{inner}" if re.fullmatch(r"[^\W_]+'?", inner) else f"_{_LEFT}{inner}{_RIGHT}"
    if re.fullmatch(r"-?\d+|[-+⊤T]", inner):
        return inner.translate(_HIGH)
    return f"^{inner}" if re.fullmatch(r"[^\W_]+|\([^()]*\)", inner) else f"^({inner})"


def _fractions(text: str) -> str:
    """Return a text in which a fraction beside a factor is enclosed: 1/N ∑ would leave open what is below."""
    before = ""
    while text != before:
        before, text = text, re.sub(rf"{_OPEN}([^{_OPEN}{_CLOSE}]*){_CLOSE}", _placed, text, count=1)
    return text


def _placed(match: re.Match[str]) -> str:
    before, after = (match.string[: match.start()].rstrip(" " + _OPEN), match.string[match.end() :].lstrip(" "))
    free = (not before or before[-1] in _FREE_BEFORE) and (not after or after[0] in _FREE_AFTER + _CLOSE)
    return match[1] if free else f"({match[1]})"
