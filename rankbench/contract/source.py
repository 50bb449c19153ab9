"""What is checked, as its author wrote it: its class and parameters, its docstring, and the lines of its file."""

from __future__ import annotations

import inspect
import linecache
import re
import traceback
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Generic, TypeVar

from rankbench.backbones import Backbone
from rankbench.losses import Loss
from rankbench.params import Value, resolve

Made = TypeVar("Made", Loss, Backbone)

_MESSAGE = 160
"""Characters of an exception's message that are shown."""


class Source(Generic[Made]):
    """A class with the values of its parameters.

    Args:
        owner: the class.
        values: parameters; those left out have their defaults.
    """

    def __init__(self, owner: type[Made], values: Mapping[str, Value]) -> None:
        self.owner: type[Made] = owner
        self.values = resolve(owner, values)
        self.text = " ".join((inspect.getdoc(owner) or "").split())

    @cached_property
    def file(self) -> Path | None:
        """The file that the class is written in."""
        try:
            return Path(inspect.getsourcefile(self.owner) or "")
        except (OSError, TypeError):
            return None

    def says(self, *phrases: str) -> bool:
        """Return whether the docstring has one of some phrases."""
        return any(phrase in self.text for phrase in phrases)

    def crash(self, error: Exception) -> str:
        """Return an exception in a line: its type, its message and the line of the loss's file that raised it."""
        message = re.sub(r"\s+", " ", str(error)).strip()
        message = message if len(message) <= _MESSAGE else message[: _MESSAGE - 3] + "..."
        text = f"{type(error).__name__}: {message}" if message else type(error).__name__
        own = [f for f in traceback.extract_tb(error.__traceback__) if self.file and Path(f.filename) == self.file]
        if not own:
            return text
        return f"{text} ({self.place(own[-1].lineno or 0)})"

    def place(self, line: int) -> str:
        """Return a line of the loss's file as `my_loss.py, line 12: code`."""
        assert self.file is not None
        return f"{self.file.name}, line {line}: {linecache.getline(str(self.file), line).strip()}"
