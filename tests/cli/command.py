"""Runs the real command in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path


def environment(data: Path) -> dict[str, str]:
    """Return the environment of the command: its data, and no settings of the caller's."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("RANKBENCH_")}
    return {**kept, "RANKBENCH_DATA": str(data), "COLUMNS": "80"}


def arguments(*words: str) -> list[str]:
    """Return the command line of `rankbench words...`."""
    return [sys.executable, "-m", "rankbench", *words]


def rankbench(*words: str, data: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run `rankbench words...` to its end."""
    return subprocess.run(
        arguments(*words), cwd=cwd, env=environment(data), capture_output=True, text=True, timeout=300, check=False
    )
