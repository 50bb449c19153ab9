"""Single runs of a store: found by identifier, removed, and the command that makes one again."""

from __future__ import annotations

import difflib
import shlex
import shutil
from pathlib import Path

from filelock import Timeout

from rankbench.errors import UserError
from rankbench.params import show
from rankbench.results.compare_runs import Run
from rankbench.results.store import Store, StoredRun, is_run
from rankbench.spec import NO_LOSS

SHORTEST = 3
"""Fewest digits of an identifier that are taken for one."""

_LISTED = "`rankbench runs list` lists the identifiers."


def find_run(store: Store, text: str) -> StoredRun:
    """Return the run that `text` means: the beginning of its identifier, or its folder.

    Raises:
        UserError: there is no such run, or more than one.
    """
    folder = Path(text)
    if folder.parent != Path() and folder.is_dir():
        if not is_run(folder):
            raise UserError(f"{folder} is not the folder of a run.", _LISTED)
        return StoredRun(folder)
    if len(text) < SHORTEST:
        raise UserError(f"{text!r} is too short for the identifier of a run: give {SHORTEST} digits or more.", _LISTED)
    stored = list(store.runs())
    found = [run for run in stored if run.id.startswith(text.lower())]
    if len(found) == 1:
        return found[0]
    if found:
        paths = ", ".join(str(run.path) for run in found[:5]) + (" and more" if len(found) > 5 else "")
        raise UserError(f"{text!r} begins {len(found)} runs: {paths}.", "Give more digits, or the folder of the run.")
    close = difflib.get_close_matches(text, [run.id for run in stored], n=3, cutoff=0.6)
    meant = f"Did you mean {' or '.join(close)}? " if close else ""
    raise UserError(f"There is no run {text!r} in {store.root}.", meant + _LISTED)


def remove(store: Store, stored: StoredRun) -> None:
    """Take a run out of a store; it is gone as a whole before the first of its files is deleted.

    Raises:
        UserError: it is not of this store, another process is making it, or the folder cannot be changed.
    """
    if len(stored.path.parents) < 3 or not stored.path.parents[2].absolute() == store.root.absolute():
        raise UserError(f"{stored.path} is no run of the store {store.root}.", "Name its store with --runs.")
    gone = stored.path.with_name(f".old-{stored.id}")
    try:
        with store.lock_of(stored.id).acquire(blocking=False):
            shutil.rmtree(gone, ignore_errors=True)
            stored.path.rename(gone)
            shutil.rmtree(gone)
    except Timeout as error:
        raise UserError(f"The run {stored.id} is being made by another process.", "Wait for it, or end it.") from error
    except OSError as error:
        raise store.unwritable(error) from error


def command_of(run: Run) -> str:
    """Return the command that makes a run again; a loss or a backbone from outside is looked for in this folder."""
    configuration = run.configuration
    words = ["rankbench", "run", "--dataset", run.dataset, "--split", run.protocol]
    for option, part, label in (
        ("--backbone", configuration.backbone, run.backbone_label.partition(" ")[0]),  # its tables are training values
        ("--loss", configuration.loss, run.loss_label),
    ):
        if part == NO_LOSS:
            continue
        words += [option, f"./{part.name}.py{label.removeprefix(part.name)}" if part.source else label]
    words += ["--seed", str(run.seed)]
    for key, value in run.asked.items():
        words += [f"--{key.replace('_', '-')}", show(value)]
    return shlex.join(words)
