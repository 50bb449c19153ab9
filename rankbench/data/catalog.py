"""The catalogue of data sets, `datasets.toml`: what there is, from where, under which terms, in which splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import cast

from rankbench.data.catalog_raw import read_raw, read_remote
from rankbench.data.filter import ORDERS, Filter, Order
from rankbench.data.protocol import PROTOCOLS, read_protocol
from rankbench.data.sources import Raw, RemoteFile
from rankbench.data.toml_table import TomlTable, read_toml
from rankbench.errors import UserError, unknown

EMBEDDED = Path(__file__).parent / "embedded"
"""The folder of the data that ship with the package."""

_ARCHIVED = ("iid", "popularity", "temporal")
"""Protocols of which splits were published as archives."""

_OF_PAIRS = ("shift", "iid", "popularity", "popularity-inverse")
_OF_TIMES = ("temporal", "leave-one-out")

_COMMON = (
    *("title", "home", "licence", "terms", "cite", "users", "items", "interactions", "threshold", "core", "id"),
    *("embedded", "splits", "raw", "protocols"),
)


@dataclass(frozen=True)
class Published:
    """A split as it was published: one archive.

    Args:
        file: the archive.
        train, test: number of pairs.
    """

    file: RemoteFile
    train: int
    test: int


@dataclass(frozen=True)
class Embedded:
    """Data that ship with the package.

    Args:
        interactions, items: the Parquet files.
        sha256: of the file of interactions.
        columns: the file's names of the columns `user`, `item`, `time` and, where there are ratings, `rating`.
    """

    interactions: Path
    items: Path
    sha256: str
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Settings:
    """How the data are made ready for a protocol.

    Args:
        filter: what is left out.
        id: "str" or "int", how ids sort.
        held_out: users held out for validation, and as many for test, by `strong`; None for its own share.
    """

    filter: Filter
    id: str
    held_out: int | None = None


@dataclass(frozen=True)
class Dataset:
    """One data set of the catalogue.

    Args:
        name: what one types.
        title, home, cite: for people.
        licence: in a word or two.
        terms: in sentences; for embedded data the attribution.
        settings: how the data are made ready, and by protocol where it is done otherwise.
        users, items, interactions: counts after filtering; None where they are not known.
        embedded: the data, if they ship with the package.
        published: the published splits by protocol.
        raw: the original data.
    """

    name: str
    title: str
    home: str
    cite: str
    licence: str
    terms: str
    settings: Settings
    overrides: Mapping[str, Settings] = field(default_factory=dict)
    users: int | None = None
    items: int | None = None
    interactions: int | None = None
    embedded: Embedded | None = None
    published: Mapping[str, Published] = field(default_factory=dict)
    raw: Raw | None = None

    @property
    def protocols(self) -> tuple[str, ...]:
        """The protocols on offer, by name."""
        columns = self._columns
        offered = set(self.published)
        if "iid" in self.published or columns:
            offered |= set(_OF_PAIRS)
        if "time" in columns:
            offered |= set(_OF_TIMES)
        if columns:
            offered.add("strong")
        if self.raw and "exposed" in self.raw.files:
            offered.add("exposure")
        return tuple(protocol for protocol in PROTOCOLS if protocol in offered)

    @property
    def usual(self) -> tuple[str, ...]:
        """The protocols that are made unless others are asked for: those that need nothing but what was published."""
        if self.published:
            wanted = {"shift", *self.published}
        else:
            wanted = {"shift", "iid", "popularity", "temporal", "exposure"}
        return tuple(protocol for protocol in self.protocols if protocol in wanted)

    @property
    def _columns(self) -> tuple[str, ...]:
        """The columns that the original data have here, none if there are no such data or they have no users."""
        if self.embedded:
            return tuple(self.embedded.columns)
        if self.raw is None or self.raw.reader is None:
            return ()
        reader = self.raw.reader
        given = tuple(reader.columns) or ("user", "item")
        return (*given, "time") if reader.format == "netflix" else given

    def settings_of(self, protocol: str) -> Settings:
        """Return how the data are made ready for a protocol."""
        return self.overrides.get(read_protocol(protocol).name, self.settings)

    def source_of(self, protocol: str) -> Published | Embedded | Raw:
        """Return what a protocol is made from: its published split, else the published `iid` pairs, else original data.

        Raises:
            UserError: the data set does not offer the protocol.
        """
        name = read_protocol(protocol).name
        if name not in self.protocols:
            raise unknown(f"split of {self.name}", name, self.protocols, "`rankbench fetch` lists the splits.")
        if name in self.published:
            return self.published[name]
        if self.embedded:
            return self.embedded
        if name in _OF_PAIRS and "iid" in self.published:
            return self.published["iid"]
        assert self.raw is not None
        return self.raw

    @property
    def files(self) -> tuple[RemoteFile, ...]:
        """All files that can be had from elsewhere, each once."""
        archives = [split.file for split in self.published.values()]
        originals = [raw.file for raw in self.raw.files.values()] if self.raw else []
        return tuple(dict.fromkeys([*archives, *originals]))


Catalog = Mapping[str, Dataset]


def load_catalog(file: Path | None = None) -> Catalog:
    """Return the data sets of a catalogue file, by default of the one that comes with rankbench, in the file's order.

    Raises:
        UserError: the file is not a catalogue; the message names the line.
    """
    return _own() if file is None else _read(file)


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
def _own() -> Catalog:
    package = Path(__file__).parents[1] / "datasets.toml"
    return _read(package if package.is_file() else Path(__file__).parents[2] / "datasets.toml")


def _read(file: Path) -> Catalog:
    catalog = read_toml(file)
    return {name: _dataset(name, catalog.table(name)) for name in catalog.names}


def _dataset(name: str, table: TomlTable) -> Dataset:
    if not name.replace("-", "").isalnum() or not name.isascii() or name != name.lower() or name.startswith("-"):
        raise UserError(f"{table.where()}: a data set's name is made of a-z, 0-9 and '-'.", "Rename the table.")
    table.only(*_COMMON)
    if not any(table.has(key) for key in ("embedded", "splits", "raw")):
        raise UserError(f"{table.where()}: it has no data.", "Add a table embedded, splits or raw.")
    can_be_split = table.has("embedded") or table.has("splits") or table.table("raw").has("format")
    settings = _settings(table) if can_be_split else Settings(Filter(), "str")
    users, items, interactions = (
        table.whole(key) if table.has(key) else None for key in ("users", "items", "interactions")
    )
    return Dataset(
        name=name,
        title=table.text("title"),
        home=table.text("home", r"https?://\S+", "an http or https address"),
        cite=table.text("cite"),
        licence=table.text("licence"),
        terms=" ".join(table.text("terms").split()),
        settings=settings,
        overrides=_overrides(table.table("protocols"), settings) if table.has("protocols") else {},
        users=users,
        items=items,
        interactions=interactions,
        embedded=_embedded(table.table("embedded")) if table.has("embedded") else None,
        published=_splits(table.table("splits")) if table.has("splits") else {},
        raw=read_raw(name, table.table("raw")) if table.has("raw") else None,
    )


def _settings(table: TomlTable) -> Settings:
    core = table.whole("core")
    return Settings(Filter(table.number("threshold"), core, core), table.choice("id", ("str", "int")))


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
