"""How work on data shows on stderr: notes, and a bar for each download."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import TaskID

    from rankbench.data.progress import Event


class Reporter:
    """Shows notes and, on a terminal, a bar for each download that goes on, on stderr."""

    def __init__(self) -> None:
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        from rankbench.cli.console import notes

        self._console = notes()
        columns = DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(compact=True)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            *columns,
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._bar_of: dict[str, TaskID] = {}
        self._said: set[str] = set()
        self._stack = ExitStack()

    def __enter__(self) -> Reporter:
        self._stack.enter_context(self._bars)
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def show(self, event: Event) -> None:
        """Print a note, move the bar of a download or take it away."""
        from rankbench.data.progress import Ended, Note

        if isinstance(event, Note):
            self.say(event.text)
        elif isinstance(event, Ended):
            if event.name in self._bar_of:
                self._bars.remove_task(self._bar_of.pop(event.name))
        elif event.name not in self._bar_of:
            # what a resumed download has already must not count as speed
            self._bar_of[event.name] = self._bars.add_task(event.name, total=event.total, completed=event.done)
        else:
            self._bars.update(self._bar_of[event.name], total=event.total, completed=event.done)

    def say(self, text: str) -> None:
        """Print a note, once."""
        if text not in self._said:
            self._said.add(text)
            self._console.print(text, markup=False, soft_wrap=not self._console.is_terminal)
