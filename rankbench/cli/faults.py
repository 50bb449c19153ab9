"""What is said of stored runs that cannot be relied on: how many there are, which, and what is wrong with each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rankbench.results.sound import Fault

SHOWN = 20


def say_faults(faults: Sequence[Fault]) -> None:
    """Name the runs that were left out on stderr; say nothing where there is none."""
    if not faults:
        return
    from rankbench.cli.console import notes

    console = notes()
    runs = "1 stored run" if len(faults) == 1 else f"{len(faults)} stored runs"
    console.print(f"Left out: {runs} that cannot be relied on.", style="bold yellow", soft_wrap=True)
    for fault in faults[:SHOWN]:
        console.print(f"  {fault.path}: {fault.what}", markup=False, soft_wrap=True)
    if len(faults) > SHOWN:
        console.print(f"  and {len(faults) - SHOWN} more", markup=False)
    console.print("Delete those folders; `rankbench run` makes such runs again.", style="dim", soft_wrap=True)
