"""The data sets and their state, for people (tables) and for programs (plain data)."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.table import Table

from rankbench.data.dataset import Dataset
from rankbench.data.download import Verdict
from rankbench.data.folder import read_manifest, split_folder
from rankbench.data.manifest import source_of
from rankbench.data.prepare import is_ready
from rankbench.data.sources import RemoteFile

Wanted = list[tuple[Dataset, str]]
Link = tuple[tuple[str, RemoteFile], list[Verdict]]


def catalogue_table(data: Path, datasets: Iterable[Dataset]) -> Table:
    """Return one row a data set: its size, usual splits and whether they are ready."""
    table = _table()
    table.add_column("data set", no_wrap=True)
    for title in ("users", "items", "pairs"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("splits")
    table.add_column("state", no_wrap=True)
    for d in datasets:
        size = (_count(count) for count in (d.users, d.items, d.interactions))
        table.add_row(d.name, *size, " ".join(d.usual), _state(data, d))
    return table


def splits_table(data: Path, wanted: Wanted) -> Table:
    """Return one row for each part of prepared splits: its size and how uneven its items' popularity is."""
    table = _table()
    for title in ("data set", "split", "part"):
        table.add_column(title, no_wrap=True)
    for title in ("pairs", "users", "items", "Gini"):
        table.add_column(title, justify="right", no_wrap=True)
    for dataset, protocol in wanted:
        for name, part in read_manifest(data, dataset.name, protocol)["parts"].items():
            gini = "" if part["gini"] is None else f"{part['gini']:.3f}"
            size = f"{part['pairs']:,}", f"{part['users']:,}", f"{part['items']:,}"
            table.add_row(dataset.name, protocol, name, *size, gini)
        table.add_section()
    return table


def catalogue_data(data: Path, datasets: Iterable[Dataset]) -> dict[str, Any]:
    """Return data sets, terms and the state of every split as plain data."""
    return {"data": str(data), "datasets": [_dataset_data(data, dataset) for dataset in datasets]}


def links_table(found: Iterable[Link]) -> Table:
    """Return one row a link: whether it is alive and of the size that the catalogue says."""
    table = _table()
    for title in ("data set", "alive", "size", "link"):
        table.add_column(title, overflow="fold")
    for (name, file), verdicts in found:
        for verdict in verdicts:
            size = "" if verdict.bytes is None else f"{verdict.bytes:,}"
            size += f" for {file.bytes:,}" if verdict.same_size is False else ""
            table.add_row(name, "yes" if verdict.alive else verdict.reason or "no", size, verdict.url)
        if not verdicts:
            table.add_row(name, "", "", f"{file.path}: takes a login")
    return table


def _dataset_data(data: Path, d: Dataset) -> dict[str, Any]:
    return {
        "name": d.name,
        "title": d.title,
        "kind": "own" if d.own else "embedded" if d.embedded else "published" if d.published else "original",
        "login": d.raw.login if d.raw else "",
        "users": d.users,
        "items": d.items,
        "interactions": d.interactions,
        "licence": d.licence,
        "terms": d.terms,
        "cite": d.cite,
        "home": d.home,
        "splits": {protocol: _split_data(data, d, protocol) for protocol in d.protocols},
    }


def _split_data(data: Path, d: Dataset, protocol: str) -> dict[str, Any]:
    source = {"source": source_of(d, protocol)}
    if not is_ready(data, d, protocol):
        return {"state": "not fetched", **source}
    manifest = read_manifest(data, d.name, protocol)
    content = {key: manifest[key] for key in ("digest", "parts", "warnings")}
    return {"state": "ready", "folder": str(split_folder(data, d.name, protocol)), **content, **source}


def _count(n: int | None) -> str:
    """Return a count, millions shortened; nothing where it is not known."""
    if n is None:
        return ""
    return f"{n:,}" if n < 1_000_000 else f"{n / 1_000_000:.1f} M"


def _state(data: Path, d: Dataset) -> str:
    ready = sum(is_ready(data, d, protocol) for protocol in d.usual)
    if d.usual and ready == len(d.usual):
        return "ready"
    if ready:
        return f"{ready} of {len(d.usual)}"
    return "takes a login" if d.raw and d.raw.login and not d.published else "not fetched"


def _table() -> Table:
    return Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
