"""`rankbench explain`: which persona of a user is behind an item of the list."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rankbench.backbones.ampcf import AMPCF
    from rankbench.data.interactions import Split
    from rankbench.data.names import Names
    from rankbench.results.store import StoredRun


def explain(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The beginning of an identifier, or the folder of a run.")],
    user: Annotated[str, typer.Option("--user", "-u", help="The user's id in the data set.")],
    top: Annotated[int, typer.Option(min=1, help="Items of the list to explain.")] = 10,
    each: Annotated[int, typer.Option(min=1, help="Items that tell what a persona is about.")] = 3,
    select: Annotated[str, typer.Option(help="Validation set that chose the epoch.")] = "iid",
    runs: Annotated[Path, typer.Option(envvar="RANKBENCH_RUNS", help="Folder of the results.")] = Path("runs"),
    data: Annotated[Path | None, typer.Option(envvar="RANKBENCH_DATA", help="Folder of the data.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show which persona of a user speaks for each recommended item, what it is about, and whether that is true.

    For runs of the backbone ampcf that were made with `rankbench run --save-model`.
    """
    from rankbench.data.folder import default_data_folder, load_split
    from rankbench.data.names import names_of
    from rankbench.errors import UserError
    from rankbench.explanation import explain as explained
    from rankbench.report.explanation import json_of, tables_of
    from rankbench.results.lookup import find_run
    from rankbench.results.store import Store

    stored = find_run(Store(runs), run)
    spec, folder = stored.spec, data or default_data_folder()
    if spec["backbone"]["name"] != "ampcf":
        raise UserError(
            f"The run {stored.id} is of the backbone {spec['backbone']['name']}, whose users have no personas.",
            "Explained are runs of ampcf: `rankbench run --backbone ampcf --save-model`.",
        )
    if spec.get("rerank"):
        raise UserError(
            f"The run {stored.id} is re-ranked by {spec['rerank']}, which no persona has a part in.",
            "Explain the run of the same model that is not: `rankbench runs list`.",
        )
    split = load_split(folder, spec["dataset"], spec["protocol"])
    if split.digest != spec["digest"]:
        raise UserError(
            f"The split {spec['protocol']} of {spec['dataset']} in {folder} is not the one of the run {stored.id}.",
            "Name the folder of its data with --data, or make the run again.",
        )
    names = names_of(folder, spec["dataset"], spec["protocol"], spec["digest"])
    found = explained(_model(stored, split, select), split, _number(user, names), top, each)
    if json:
        typer.echo(json_of(stored.id, found, names), nl=False)
        return
    from rankbench.cli.console import results
    from rankbench.cli.tables import draw

    console = results()
    for table in tables_of(stored.id, found, names):
        draw(table, console)


def _model(stored: StoredRun, split: Split, select: str) -> AMPCF:
    """Return the trained model of a run."""
    import torch

    from rankbench.backbones.ampcf import AMPCF
    from rankbench.explanation import load
    from rankbench.results.models import model_of
    from rankbench.spec import TrainSpec

    spec, model = stored.spec, model_of(stored, select, torch.device("cpu"))
    return load(AMPCF(**spec["backbone"]["params"]), split, TrainSpec(**spec["train"]), spec["seed"], model)


def _number(user: str, names: Names) -> int:
    """Return the number of a user, given as the data set has it."""
    import difflib

    from rankbench.errors import UserError

    if user in names.users:
        return names.users.index(user)
    close = difflib.get_close_matches(user, names.users, n=3, cutoff=0.7) or names.users[:3]
    raise UserError(f"There is no user {user!r} in the data set.", f"Users are called {', '.join(close)} and so on.")
