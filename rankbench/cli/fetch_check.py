"""`rankbench fetch --check`: whether the links of the catalogue are alive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rankbench.data.dataset import Dataset


def check_links(datasets: list[Dataset], mirror: str | None, json: bool) -> None:
    """Ask every address of some data sets whether it is alive and of the right size; exit code 1 if a file has none."""
    from dataclasses import asdict

    from rankbench.data.download import check_files

    files = [(dataset.name, file) for dataset in datasets for file in dataset.files if not file.local]
    found = list(zip(files, check_files([file for _, file in files], mirror), strict=True))
    if json:
        import json as writer

        rows = [
            {"dataset": name, "file": str(file.path), **asdict(verdict)}
            for (name, file), verdicts in found
            for verdict in verdicts
        ]
        typer.echo(writer.dumps(rows, indent=2))
    else:
        from rankbench.cli.catalogue import links_table
        from rankbench.cli.console import notes, results

        if found:
            results().print(links_table(found))
        for dataset in datasets:
            where = "is your own" if dataset.own else "ships with the package"
            if all(file.local for file in dataset.files):
                notes().print(f"{dataset.name} {where}: there is no link.", markup=False)
    if any(
        verdicts and not any(verdict.alive and verdict.same_size is not False for verdict in verdicts)
        for _, verdicts in found
    ):
        raise typer.Exit(1)
