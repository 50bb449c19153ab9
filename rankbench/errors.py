"""Errors that a user can cause, and the suggestion of what was meant."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """An error that the user can mend: shown as one line and a hint, without a traceback, exit code 2.

    Args:
        message: what is wrong: what was expected and what was got.
        hint: what to do about it.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


def unknown(kind: str, name: str, known: Iterable[str], hint: str = "") -> UserError:
    """Return the error for a name that is not among those `known`, with the closest ones as a suggestion."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        hint = f"Did you mean {' or '.join(repr(c) for c in close)}? {hint}".strip()
    elif names:
        hint = f"Known: {', '.join(names)}. {hint}".strip()
    return UserError(f"Unknown {kind} {name!r}.", hint)
