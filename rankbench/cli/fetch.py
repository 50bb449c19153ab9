"""`rankbench fetch`: data sets into splits that are ready to train on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rankbench.errors import UserError

if TYPE_CHECKING:
    from rankbench.cli.fetch_own import Described
    from rankbench.data.dataset import Dataset
    from rankbench.data.prepare import Access

    Wanted = list[tuple[Dataset, str]]
    Fault = tuple[Dataset, str, UserError]

BUILT_IN = "online-retail"
OWN = "A file of your own (csv, tsv, json lines, Parquet, ...; text also as .gz)"
OwnColumn = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Its column, by name or position from 1, or none; guessed if left out.",
        show_default=False,
        rich_help_panel=OWN,
    ),
]


def fetch(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME-or-FILE",
            help="Data sets to fetch, or a file of your own; none: the built-in one.",
            show_default=False,
        ),
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
    user: OwnColumn = None,
    item: OwnColumn = None,
    rating: OwnColumn = None,
    time: OwnColumn = None,
    name: Annotated[
        str | None, typer.Option(help="What the data set is called.", show_default=False, rich_help_panel=OWN)
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(help="Ratings from here up count; all if left out.", show_default=False, rich_help_panel=OWN),
    ] = None,
    core: Annotated[
        int | None,
        typer.Option(
            min=1, help="Least interactions of users and items; 5 if left out.", show_default=False, rich_help_panel=OWN
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Make splits again that are ready.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the catalogue and its state as JSON.")] = False,
) -> None:
    """Fetch data sets and make their splits ready; without a name, the built-in one, and list what there is."""
    from rankbench.cli.fetch_own import Described, file_of
    from rankbench.data.folder import default_data_folder
    from rankbench.data.prepare import Access

    if given and len(names or []) != 1:
        raise UserError("--from goes with one data set.", "For example `rankbench fetch NAME --from ~/Downloads`.")
    folder = data.expanduser() if data else default_data_folder()
    columns = {"user": user, "item": item, "rating": rating, "time": time}
    typed = {column: place for column, place in columns.items() if place is not None}
    described = Described(typed, name, threshold, core)
    access = Access(mirror, offline, given.expanduser() if given else None, force)
    if file := file_of(names or [], described):
        _fetch_file(folder, file, described, split, access, json)
        return
    if check:
        from rankbench.cli.fetch_check import check_links

        check_links(_datasets(folder, names or []), mirror, json)
        return
    shown = _datasets(folder, names or [])
    chosen = shown if names else _datasets(folder, [BUILT_IN])
    failed, done = _make_all(folder, chosen, split, access)
    if json:
        _print_json(folder, shown)
    elif names:
        _print_splits(folder, done)
    else:
        _print_catalogue(folder, shown)
    if failed:
        raise _joined(failed, len(failed) + len(done))


def _fetch_file(folder: Path, file: Path, described: Described, split: str | None, access: Access, json: bool) -> None:
    """Make a data set of a file of the user's; it is known by its name as soon as one split of it is ready."""
    from rankbench.cli.console import notes
    from rankbench.cli.fetch_own import dataset_of
    from rankbench.data.own_table import keep_table

    dataset = dataset_of(folder, file, described, force=access.force)
    failed, done = _make_all(folder, [dataset], split, access)
    if done:
        keep_table(folder, dataset)
    if json:
        _print_json(folder, [dataset])
    else:
        _print_splits(folder, done)
    if failed:
        raise _joined(failed, len(failed) + len(done))
    notes().print(f"It is known as {dataset.name}: `rankbench run --dataset {dataset.name}`.", markup=False)


def _datasets(folder: Path, names: list[str]) -> list[Dataset]:
    """Return the data sets of some names, all there are if there are none."""
    from rankbench.data.catalog import catalog_of, find_dataset

    catalog = catalog_of(folder)
    return [find_dataset(name, catalog) for name in dict.fromkeys(names)] or list(catalog.values())


def _make_all(folder: Path, datasets: list[Dataset], split: str | None, access: Access) -> tuple[list[Fault], Wanted]:
    """Make the splits of data sets ready that are asked for; return what failed and what is ready."""
    wanted = _wanted(datasets, split)
    failed = _make_ready(folder, wanted, access)
    _load_files(folder, [dataset for dataset in datasets if not dataset.protocols], access)
    return failed, [pair for pair in wanted if pair not in [(d, p) for d, p, _ in failed]]


def _wanted(datasets: list[Dataset], split: str | None) -> Wanted:
    """Return the splits that are asked for; every name is checked before anything is done."""
    from rankbench.data.protocol import read_protocol

    protocols = [word.strip() for word in split.split(",") if word.strip()] if split is not None else []
    if split is not None and not protocols:
        raise UserError("--split names no split.", "Give names separated by commas, as in --split iid,popularity.")
    wanted = []
    for dataset in datasets:
        for protocol in dict.fromkeys(protocols or dataset.usual):
            dataset.source_of(protocol)
            wanted.append((dataset, str(read_protocol(protocol))))
    return wanted


def _load_files(folder: Path, datasets: list[Dataset], access: Access) -> None:
    """Fetch the files of data sets that cannot be split, for want of users."""
    from rankbench.cli.reporter import Reporter
    from rankbench.data.prepare import load

    with Reporter() as reporter:
        for dataset in datasets:
            reporter.say(f"{dataset.title}: {dataset.terms} Cite: {dataset.cite}")
            for path in dict.fromkeys(load(dataset, dataset.files, folder / "archives", access, reporter.show)):
                typer.echo(path)


def _make_ready(folder: Path, wanted: Wanted, access: Access) -> list[Fault]:
    """Make splits ready, one fault not hindering the others; return the faults."""
    from rankbench.cli.reporter import Reporter
    from rankbench.data.prepare import find_sound, load_ahead, prepare

    there = [(d, p) for d, p in wanted if not access.force and find_sound(folder, d, p)]
    missing = [pair for pair in wanted if pair not in there]
    failed = []
    with Reporter() as reporter:
        faults = load_ahead(folder, missing, access, reporter.show)
        for dataset, protocol in missing:
            try:
                if fault := faults.get((dataset.name, protocol)):
                    raise fault
                prepare(folder, dataset, protocol, access, reporter.show)
            except UserError as error:
                failed.append((dataset, protocol, error))
        if there:
            nothing = "" if missing else "Nothing to do. "
            listed = ", ".join(f"{dataset.name} {protocol}" for dataset, protocol in there)
            reporter.say(f"{nothing}Ready already: {listed}; --force makes them again.")
    return failed


def _print_json(folder: Path, shown: list[Dataset]) -> None:
    import json

    from rankbench.cli.catalogue import catalogue_data

    typer.echo(json.dumps(catalogue_data(folder, shown), indent=2, ensure_ascii=False))


def _print_splits(folder: Path, done: Wanted) -> None:
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


def _joined(failed: list[Fault], tried: int) -> UserError:
    """Return one error for all faults; the first hint stands for all."""
    if tried == 1:
        return failed[0][2]
    splits: dict[str, list[str]] = {}
    for dataset, protocol, error in failed:
        splits.setdefault(error.message, []).append(f"{dataset.name} {protocol}")
    lines = [f"{', '.join(names)}: {message}" for message, names in splits.items()]
    return UserError("\n".join([f"{len(failed)} of {tried} splits are not ready.", *lines]), failed[0][2].hint)
