"""`rankbench fetch`: data sets into splits that are ready to train on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rankbench.errors import UserError

if TYPE_CHECKING:
    from rankbench.data.catalog import Dataset
    from rankbench.data.prepare import Access

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
    given: Annotated[
        Path | None,
        typer.Option("--from", metavar="PATH", help="Your copy of the file, or a folder with it.", show_default=False),
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Use only what is here.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Ask whether the links are alive; fetch nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Make splits again that are ready.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the catalogue and its state as JSON.")] = False,
) -> None:
    """Fetch data sets and make their splits ready; without a name, the built-in one, and list what there is."""
    from rankbench.data.catalog import load_catalog
    from rankbench.data.folder import default_data_folder
    from rankbench.data.prepare import Access

    if given and len(names or []) != 1:
        raise UserError("--from goes with one data set.", "For example `rankbench fetch NAME --from ~/Downloads`.")
    folder = data.expanduser() if data else default_data_folder()
    if check:
        _check(names or [], mirror, json)
        return
    wanted = _wanted(names or [BUILT_IN], split)
    files_only = _files_only(names or [])
    access = Access(mirror, offline, given.expanduser() if given else None, force)
    failed = _make_ready(folder, wanted, access)
    _load_files(folder, files_only, access)
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
    from rankbench.data.protocol import read_protocol

    protocols = [word.strip() for word in split.split(",") if word.strip()] if split is not None else []
    if split is not None and not protocols:
        raise UserError("--split names no split.", "Give names separated by commas, as in --split iid,popularity.")
    wanted = []
    for dataset in map(find_dataset, dict.fromkeys(names)):
        for protocol in dict.fromkeys(protocols or dataset.usual):
            dataset.source_of(protocol)
            wanted.append((dataset, str(read_protocol(protocol))))
    return wanted


def _files_only(names: list[str]) -> list[Dataset]:
    """Return those of the data sets that cannot be split, for want of users."""
    from rankbench.data.catalog import find_dataset

    return [dataset for dataset in map(find_dataset, dict.fromkeys(names)) if not dataset.protocols]


def _load_files(folder: Path, datasets: list[Dataset], access: Access) -> None:
    """Fetch the files of data sets that cannot be split."""
    from rankbench.cli.reporter import Reporter
    from rankbench.data.prepare import load

    with Reporter() as reporter:
        for dataset in datasets:
            reporter.say(f"{dataset.title}: {dataset.terms} Cite: {dataset.cite}")
            for path in dict.fromkeys(load(dataset, dataset.files, folder / "archives", access, reporter.show)):
                typer.echo(path)


def _check(names: list[str], mirror: str | None, json: bool) -> None:
    """Ask every address of the data sets, or of the whole catalogue, whether it is alive and of the right size."""
    from dataclasses import asdict

    from rankbench.data.catalog import find_dataset, load_catalog
    from rankbench.data.download import check_files

    datasets = [find_dataset(name) for name in dict.fromkeys(names)] or list(load_catalog().values())
    files = [(dataset.name, file) for dataset in datasets for file in dataset.files]
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
            if not dataset.files:
                notes().print(f"{dataset.name} ships with the package: there is no link.", markup=False)
    if any(
        verdicts and not any(verdict.alive and verdict.same_size is not False for verdict in verdicts)
        for _, verdicts in found
    ):
        raise typer.Exit(1)


def _make_ready(
    folder: Path, wanted: list[tuple[Dataset, str]], access: Access
) -> list[tuple[Dataset, str, UserError]]:
    """Make splits ready, one fault not hindering the others; return the faults."""
    from rankbench.cli.reporter import Reporter
    from rankbench.data.prepare import find_sound, prepare

    failed, there = [], []
    with Reporter() as reporter:
        for dataset, protocol in wanted:
            if not access.force and find_sound(folder, dataset, protocol):
                there.append(f"{dataset.name} {protocol}")
                continue
            try:
                prepare(folder, dataset, protocol, access, reporter.show)
            except UserError as error:
                failed.append((dataset, protocol, error))
        if there:
            nothing = "Nothing to do. " if len(there) == len(wanted) else ""
            reporter.say(f"{nothing}Ready already: {', '.join(there)}; --force makes them again.")
    return failed


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
    splits: dict[str, list[str]] = {}
    for dataset, protocol, error in failed:
        splits.setdefault(error.message, []).append(f"{dataset.name} {protocol}")
    lines = [f"{', '.join(names)}: {message}" for message, names in splits.items()]
    return UserError("\n".join([f"{len(failed)} of {tried} splits are not ready.", *lines]), failed[0][2].hint)
