"""A new loss or backbone from a template: its file name, its class name and its text."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from importlib.resources import files

from rankbench.errors import UserError
from rankbench.registry import Kind

KINDS = ("scores", "lists", "vectors")
"""What a loss may see, and the names of the templates."""

_TAKEN = {
    *("Loss", "ListLoss", "VectorLoss", "Scores", "Lists", "Vectors", "Tensor", "Epoch", "Interactions"),
    *("Backbone", "Batch", "Graph"),
}
"""Names that a template imports, or that its comments would have imported."""


@dataclass(frozen=True)
class Named:
    """The names of a new loss or backbone.

    Args:
        file: the name of its file without `.py`, by which tables call it.
        owner: the name of its class.
    """

    file: str
    owner: str


def named(name: str, kind: Kind = "loss") -> Named:
    """Return the names that follow from what was typed: `my-loss`, `my_loss`, `My Loss` or `MyLoss`.

    Raises:
        UserError: no file and class can be called that.
    """
    words = _words(name.removesuffix(".py"))
    file = "_".join(words).lower()
    owner = "".join(word[0].upper() + word[1:] for word in words)
    if not words or not file.isidentifier():
        raise UserError(
            f"No {kind} can be called {name!r}: expected letters, digits and - or _, a letter first.",
            f"For example `rankbench new-{kind} my-{kind}`.",
        )
    if owner in _TAKEN or keyword.iskeyword(owner):
        raise UserError(f"A {kind} cannot be called {name!r}: the file uses {owner} itself.", f"Try {file}-of-mine.")
    return Named(file, owner)


def _words(name: str) -> list[str]:
    """Return the words of a name, split at what is no letter or digit and before capitals that follow small letters."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return [word for word in re.split(r"[^A-Za-z0-9]+", spaced) if word]


def text_of(kind: str, names: Named) -> str:
    """Return the text of a new loss's file, or of a new "backbone"'s."""
    text = files("rankbench.contract.templates").joinpath(f"{kind}.py").read_text(encoding="utf-8")
    owner, file = ("NewBackbone", "new_backbone") if kind == "backbone" else ("NewLoss", "new_loss")
    return text.replace(owner, names.owner).replace(file, names.file)
