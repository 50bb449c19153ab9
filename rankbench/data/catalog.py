"""The catalogue of data sets, `datasets.toml`: what there is, from where, under which terms, in which splits.

Data sets of the user's own stand beside those that come with rankbench, in the folder of the data: in a `datasets.toml`
that the user writes, and in a `dataset.toml` for each file that `rankbench fetch FILE` was given.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import cast

from rankbench.data.catalog_raw import read_raw, read_remote
from rankbench.data.dataset import Dataset, Embedded, Published, Settings
from rankbench.data.filter import ORDERS, Filter, Order
from rankbench.data.protocol import PROTOCOLS
from rankbench.data.toml_table import TomlTable, read_toml
from rankbench.errors import UserError, unknown

EMBEDDED = Path(__file__).parent / "embedded"
"""The folder of the data that ship with the package."""

OWN_CORE = 5
"""Least number of interactions of a user and an item where a data set of the user's own does not say."""

_ARCHIVED = ("iid", "popularity", "temporal")
"""Protocols of which splits were published as archives."""

_COMMON = (
    *("title", "home", "licence", "terms", "cite", "users", "items", "interactions", "threshold", "core", "id"),
    *("embedded", "splits", "raw", "protocols"),
)
_RESERVED = "archives"  # the folder of downloaded files has this name

Catalog = Mapping[str, Dataset]


def load_catalog(file: Path | None = None) -> Catalog:
    """Return the data sets of a catalogue file, by default of the one that comes with rankbench, in the file's order.

    Raises:
        UserError: the file is not a catalogue; the message names the line.
    """
    return _built_in() if file is None else _read(file)


def catalog_of(data: Path) -> Catalog:
    """Return the data sets that come with rankbench, and behind them the user's own in a folder of the data.

    Raises:
        UserError: a file of the user's is not a catalogue, or a name is there already; the message names the line.
    """
    catalog = dict(_built_in())
    for file in (data / "datasets.toml", *sorted(data.glob("*/dataset.toml"))):
        for name, dataset in _read(file, own=True).items() if file.is_file() else ():
            if name in catalog:
                whose = "another one of yours" if catalog[name].own else "a built-in data set"
                raise UserError(f"{file}: the table {name} has the name of {whose}.", "Rename the table.")
            catalog[name] = dataset
    return catalog


def check_name(name: str, where: str) -> None:
    """Refuse what cannot be the name of a data set.

    Raises:
        UserError: the message begins with `where`.
    """
    if not name.replace("-", "").isalnum() or not name.isascii() or name != name.lower() or name.startswith("-"):
        raise UserError(
            f"{where}: a data set's name is made of a-z, 0-9 and '-', got {name!r}.", "Choose another name."
        )
    if name == _RESERVED:
        raise UserError(f"{where}: no data set can have the name {name!r}.", "Choose another name.")


def find_dataset(name: str, catalog: Catalog | None = None) -> Dataset:
    """Return a data set by name.

    Raises:
        UserError: there is none of the name.
    """
    catalog = load_catalog() if catalog is None else catalog
    if name not in catalog:
        raise unknown("data set", name, catalog, "`rankbench fetch` lists the data sets.")
    return catalog[name]


def protocols_of(name: str) -> tuple[str, ...]:
    """Return the protocols that a data set offers."""
    return find_dataset(name).protocols


@cache
def _built_in() -> Catalog:
    package = Path(__file__).parents[1] / "datasets.toml"
    return _read(package if package.is_file() else Path(__file__).parents[2] / "datasets.toml")


def _read(file: Path, *, own: bool = False) -> Catalog:
    catalog = read_toml(file)
    return {name: _dataset(name, catalog.table(name), file.parent if own else None) for name in catalog.names}


def _dataset(name: str, table: TomlTable, own: Path | None) -> Dataset:
    """Return the data set of a table; in one of the user's own, in the folder `own`, much may be left out."""
    check_name(name, table.where())
    table.only(*_COMMON)
    if not any(table.has(key) for key in ("embedded", "splits", "raw")):
        raise UserError(f"{table.where()}: it has no data.", "Add a table embedded, splits or raw.")

    def words(key: str, default: str, *pattern: str) -> str:
        return default if own and not table.has(key) else table.text(key, *pattern)

    can_be_split = table.has("embedded") or table.has("splits") or table.table("raw").has("format")
    settings = _settings(table, own is not None) if can_be_split else Settings(Filter(), "str")
    users, items, interactions = (
        table.whole(key) if table.has(key) else None for key in ("users", "items", "interactions")
    )
    return Dataset(
        name=name,
        title=words("title", name),
        home=words("home", "", r"https?://\S+", "an http or https address"),
        cite=words("cite", ""),
        licence=words("licence", ""),
        terms=" ".join(words("terms", "Your own data.").split()),
        settings=settings,
        overrides=_overrides(table.table("protocols"), settings) if table.has("protocols") else {},
        users=users,
        items=items,
        interactions=interactions,
        embedded=_embedded(table.table("embedded")) if table.has("embedded") else None,
        published=_splits(table.table("splits")) if table.has("splits") else {},
        raw=read_raw(name, table.table("raw"), own) if table.has("raw") else None,
        own=own is not None,
    )


def _settings(table: TomlTable, own: bool) -> Settings:
    core = OWN_CORE if own and not table.has("core") else table.whole("core")
    id = "str" if own and not table.has("id") else table.choice("id", ("str", "int"))
    return Settings(Filter(table.number("threshold"), core, core), id)


def _overrides(protocols: TomlTable, settings: Settings) -> dict[str, Settings]:
    protocols.only(*PROTOCOLS)
    return {name: _override(protocols.table(name), settings) for name in protocols.names}


def _override(table: TomlTable, settings: Settings) -> Settings:
    table.only("threshold", "users", "items", "order", "id", "held_out")
    usual = settings.filter
    return Settings(
        filter=Filter(
            threshold=table.number("threshold") if table.has("threshold") else usual.threshold,
            users=table.whole("users") if table.has("users") else usual.users,
            items=table.whole("items") if table.has("items") else usual.items,
            order=cast(Order, table.choice("order", tuple(ORDERS))) if table.has("order") else usual.order,
        ),
        id=table.choice("id", ("str", "int")) if table.has("id") else settings.id,
        held_out=table.whole("held_out") if table.has("held_out") else None,
    )


def _embedded(table: TomlTable) -> Embedded:
    table.only("interactions", "items", "sha256", "columns")
    columns = table.table("columns")
    columns.only("user", "item", "rating", "time")
    required = ("user", "item", "time", *(("rating",) if columns.has("rating") else ()))
    return Embedded(
        interactions=EMBEDDED / table.path("interactions"),
        items=EMBEDDED / table.path("items"),
        sha256=table.text("sha256", r"[0-9a-f]{64}", "64 hexadecimal digits, lower case"),
        columns={key: columns.text(key) for key in required},
    )


def _splits(splits: TomlTable) -> dict[str, Published]:
    splits.only(*_ARCHIVED)
    if not splits.names:
        raise UserError(f"{splits.where()}: no split is given.", f"Add one of {', '.join(_ARCHIVED)}.")
    return {protocol: _published(splits.table(protocol)) for protocol in _ARCHIVED if protocol in splits.names}


def _published(table: TomlTable) -> Published:
    table.only("archive", "url", "sha256", "md5", "git", "bytes", "train", "test")
    url = table.text("url", r"https?://\S+", "an http or https address")
    return Published(
        file=read_remote(table, PurePosixPath(table.path("archive")), (url,)),
        train=table.whole("train"),
        test=table.whole("test"),
    )
