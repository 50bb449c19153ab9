"""`rankbench fetch`: data sets into splits that are ready to train on."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rankbench.errors import UserError

if TYPE_CHECKING:
    from rich.progress import TaskID

    from rankbench.data.catalog import Dataset
    from rankbench.data.progress import Event

BUILT_IN = "online-retail"


def fetch(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Data sets to fetch; none: the built-in one.", show_default=False),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(metavar="SPLIT,...", help="Only these splits, as in iid,popularity.", show_default=False),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", envvar="RANKBENCH_DATA", help="Folder of the data.", show_default=False),
    ] = None,
    mirror: Annotated[
        str | None,
        typer.Option(
            metavar="DIR-or-URL",
            envvar="RANKBENCH_MIRROR",
            help="Copy of the archives, tried before their origin.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Make splits again that are ready.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the catalogue and its state as JSON.")] = False,
) -> None:
    """Fetch data sets and make their splits ready; without a name, the built-in one, and list what there is."""
    from rankbench.data.catalog import load_catalog
    from rankbench.data.folder import default_data_folder

    folder = data.expanduser() if data else default_data_folder()
    wanted = _wanted(names or [BUILT_IN], split)
    failed = _make_ready(folder, wanted, mirror, force)
    shown = list({d.name: d for d, _ in wanted}.values()) if names else list(load_catalog().values())
    done = [pair for pair in wanted if pair not in [(d, p) for d, p, _ in failed]]
    if json:
        _print_json(folder, shown)
    elif names:
        _print_splits(folder, done)
    else:
        _print_catalogue(folder, shown)
    if failed:
        raise _joined(failed, len(wanted))


def _wanted(names: list[str], split: str | None) -> list[tuple[Dataset, str]]:
    """Return the splits that are asked for; every name is checked before anything is done."""
    from rankbench.data.catalog import find_dataset

    protocols = [word.strip() for word in split.split(",") if word.strip()] if split is not None else []
    if split is not None and not protocols:
        raise UserError("--split names no split.", "Give names separated by commas, as in --split iid,popularity.")
    wanted = []
    for dataset in map(find_dataset, dict.fromkeys(names)):
        for protocol in dict.fromkeys(protocols or dataset.protocols):
            dataset.source_of(protocol)
            wanted.append((dataset, protocol))
    return wanted


def _make_ready(
    folder: Path, wanted: list[tuple[Dataset, str]], mirror: str | None, force: bool
) -> list[tuple[Dataset, str, UserError]]:
    """Make splits ready, one fault not hindering the others; return the faults."""
    from rankbench.data.prepare import find_sound, prepare

    failed, there = [], []
    with Reporter() as reporter:
        for dataset, protocol in wanted:
            if not force and find_sound(folder, dataset, protocol):
                there.append(f"{dataset.name} {protocol}")
                continue
            try:
                prepare(folder, dataset, protocol, mirror, reporter.show, force=force)
            except UserError as error:
                failed.append((dataset, protocol, error))
        if there:
            nothing = "Nothing to do. " if len(there) == len(wanted) else ""
            reporter.say(f"{nothing}Ready already: {', '.join(there)}; --force makes them again.")
    return failed


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


def _print_json(folder: Path, shown: list[Dataset]) -> None:
    import json

    from rankbench.cli.catalogue import catalogue_data

    typer.echo(json.dumps(catalogue_data(folder, shown), indent=2, ensure_ascii=False))


def _print_splits(folder: Path, done: list[tuple[Dataset, str]]) -> None:
    from rankbench.cli.catalogue import splits_table
    from rankbench.cli.console import notes, results

    if done:
        results().print(splits_table(folder, done))
        notes().print(f"The splits are in {folder}.", style="dim", markup=False, soft_wrap=True)


def _print_catalogue(folder: Path, shown: list[Dataset]) -> None:
    from rankbench.cli.catalogue import catalogue_table
    from rankbench.cli.console import notes, results

    results().print(catalogue_table(folder, shown))
    notes().print(
        f"`rankbench fetch NAME` makes the splits of a data set ready, in {folder}.",
        style="dim",
        markup=False,
        soft_wrap=True,
    )


def _joined(failed: list[tuple[Dataset, str, UserError]], tried: int) -> UserError:
    """Return one error for all faults; the first hint stands for all."""
    if tried == 1:
        return failed[0][2]
    lines = [f"{dataset.name} {protocol}: {error.message}" for dataset, protocol, error in failed]
    return UserError("\n".join([f"{len(failed)} of {tried} splits are not ready.", *lines]), failed[0][2].hint)
