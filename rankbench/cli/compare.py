"""`rankbench compare`: two stored runs beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rankbench.cli.report_options import Compat


def compare(
    a: Annotated[str, typer.Argument(metavar="RUN_A", help="The beginning of an identifier, or the folder of a run.")],
    b: Annotated[str, typer.Argument(metavar="RUN_B", help="The run that it is compared with.")],
    metric: Annotated[str, typer.Option("--metric", "-m", help="The metric that users are compared by.")] = "ndcg@20",
    select: Annotated[str, typer.Option(help="Validation set that chose the epochs.")] = "iid",
    most: Annotated[int, typer.Option(min=0, help="Users and items to name that gain and lose most.")] = 3,
    compat: Annotated[
        Compat | None, typer.Option(help="Measure as the published tables do.", show_default=False)
    ] = None,
    runs: Annotated[Path, typer.Option(envvar="RANKBENCH_RUNS", help="Folder of the results.")] = Path("runs"),
    data: Annotated[
        Path | None, typer.Option(envvar="RANKBENCH_DATA", help="Folder of the data, for the names of users and items.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what differs between two runs, what they reached, and which users and items gain and lose most."""
    from rankbench.data.folder import default_data_folder
    from rankbench.data.names import names_of
    from rankbench.report.two_runs import json_of, tables_of
    from rankbench.results.lookup import find_run
    from rankbench.results.sound import sound
    from rankbench.results.store import Store
    from rankbench.results.two_runs import beside

    store = Store(runs)
    first, second = (sound(stored, stored.path.parents[2]) for stored in (find_run(store, a), find_run(store, b)))
    found = beside(first, second, metric, select, compat.value if compat else "standard", most)
    names = names_of(data or default_data_folder(), first.dataset, first.protocol, first.digest)
    if json:
        typer.echo(json_of(first, second, found, names), nl=False)
        return
    from rankbench.cli.console import notes, results
    from rankbench.cli.tables import draw

    console = results()
    for table in tables_of(first, second, found, names):
        draw(table, console)
    if found.by_user and not names.users:
        notes().print(
            f"Users and items by number: the split {first.protocol} of {first.dataset} that has their names is not at "
            "hand.",
            markup=False,
            soft_wrap=True,
        )
