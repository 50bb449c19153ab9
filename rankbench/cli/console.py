"""Where text goes: results to stdout, progress and notes to stderr."""

import sys

from rich.console import Console

from rankbench.errors import UserError

WIDTH_WITHOUT_TERMINAL = 120
"""Columns of tables that are piped into a file: wide enough that nothing is cut."""


def results() -> Console:
    """Return the console of results: stdout, plain text when it is no terminal."""
    return Console(soft_wrap=False, width=None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL, highlight=False)


def notes() -> Console:
    """Return the console of progress and notes: stderr."""
    return Console(stderr=True, highlight=False)


def show_error(error: UserError) -> None:
    """Print an error in one line and its hint in another, without a traceback."""
    console = notes()
    console.print("[bold red]Error:[/] ", end="")
    console.print(error.message, markup=False, soft_wrap=True)
    if error.hint:
        console.print(error.hint, markup=False, soft_wrap=True, style="dim")
