"""The options of every command that makes runs: where, how fast, and in what order sums are added up."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

PLACES = "Places and speed (no part of a result)"


class Device(StrEnum):
    """Where to train."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


Where = Annotated[Device, typer.Option(help="CUDA if there is one.", rich_help_panel=PLACES)]
Deterministic = Annotated[
    bool,
    typer.Option(
        "--deterministic", help="On CUDA, add sums up in a fixed order: repeatable, slower.", rich_help_panel=PLACES
    ),
]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Threads on the CPU; all if left out.", rich_help_panel=PLACES)
]
Jobs = Annotated[
    int, typer.Option("--jobs", "-j", min=1, help="Runs made side by side, each by a process.", rich_help_panel=PLACES)
]
DataFolder = Annotated[
    Path | None, typer.Option(envvar="RANKBENCH_DATA", help="Folder of the data.", rich_help_panel=PLACES)
]
RunsFolder = Annotated[
    Path, typer.Option(envvar="RANKBENCH_RUNS", help="Folder of the results.", rich_help_panel=PLACES)
]
Mirror = Annotated[
    str | None,
    typer.Option(envvar="RANKBENCH_MIRROR", help="Folder or address to take archives from.", rich_help_panel=PLACES),
]
