"""The catalogue of data sets, `datasets.toml`: what there is, from where, under which terms, in which splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from rankbench.data.toml_table import TomlTable, read_toml
from rankbench.errors import UserError, unknown

PROTOCOLS = ("shift", "iid", "popularity", "temporal")
"""Names of the split protocols, in the order in which they are shown."""

EMBEDDED = Path(__file__).parent / "embedded"
"""The folder of the data that ship with the package."""

_COMMON = (
    *("title", "kind", "home", "licence", "terms", "cite"),
    *("users", "items", "interactions", "threshold", "core", "id"),
)


@dataclass(frozen=True)
class Published:
    """A split as it was published: one archive.

    Args:
        archive: its place within a mirror.
        url: where it is.
        sha256: of the archive.
        bytes: size of the archive.
        train, test: number of pairs.
    """

    archive: PurePosixPath
    url: str
    sha256: str
    bytes: int
    train: int
    test: int


@dataclass(frozen=True)
class Embedded:
    """Data that ship with the package.

    Args:
        interactions, items: the Parquet files.
        sha256: of the file of interactions.
        columns: the file's names of the columns `user`, `item` and `time`.
    """

    interactions: Path
    items: Path
    sha256: str
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Dataset:
    """One data set of the catalogue.

    Args:
        name: what one types.
        title, home, cite: for people.
        licence: in a word or two.
        terms: in sentences; for embedded data the attribution.
        users, items, interactions: counts after filtering.
        threshold: least rating of a positive, None where every interaction is one.
        core: every user and item has so many interactions at least.
        id: "str" or "int", how ids sort.
        embedded: the data, if they ship with the package.
        published: the published splits by protocol.
    """

    name: str
    title: str
    home: str
    cite: str
    licence: str
    terms: str
    users: int
    items: int
    interactions: int
    threshold: float | None
    core: int
    id: str
    embedded: Embedded | None
    published: Mapping[str, Published]

    @property
    def protocols(self) -> tuple[str, ...]:
        """The protocols on offer: embedded data have all; a published iid split also gives its pairs to `shift`."""
        offered = PROTOCOLS if self.embedded else {*self.published, *(("shift",) if "iid" in self.published else ())}
        return tuple(protocol for protocol in PROTOCOLS if protocol in offered)

    def source_of(self, protocol: str) -> Published | None:
        """Return the archive that a protocol is made from, None for embedded data.

        Raises:
            UserError: the data set does not offer the protocol.
        """
        if protocol not in self.protocols:
            raise unknown(f"split of {self.name}", protocol, self.protocols, "`rankbench fetch` lists the splits.")
        return None if self.embedded else self.published["iid" if protocol == "shift" else protocol]


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
    embedded = table.choice("kind", ("embedded", "published")) == "embedded"
    table.only(*_COMMON, *(("files", "columns") if embedded else ("splits",)))
    return Dataset(
        name=name,
        title=table.text("title"),
        home=_url(table, "home"),
        cite=table.text("cite"),
        licence=table.text("licence"),
        terms=" ".join(table.text("terms").split()),
        users=table.whole("users"),
        items=table.whole("items"),
        interactions=table.whole("interactions"),
        threshold=table.number("threshold"),
        core=table.whole("core"),
        id=table.choice("id", ("str", "int")),
        embedded=_embedded(table) if embedded else None,
        published={} if embedded else _splits(table.table("splits")),
    )


def _embedded(table: TomlTable) -> Embedded:
    files, columns = table.table("files"), table.table("columns")
    files.only("interactions", "items", "sha256")
    columns.only("user", "item", "time")
    return Embedded(
        interactions=EMBEDDED / _relative(files, "interactions"),
        items=EMBEDDED / _relative(files, "items"),
        sha256=_sha256(files),
        columns={key: columns.text(key) for key in ("user", "item", "time")},
    )


def _splits(splits: TomlTable) -> dict[str, Published]:
    published = PROTOCOLS[1:]
    splits.only(*published)
    if not splits.names:
        raise UserError(f"{splits.where()}: no split is given.", f"Add one of {', '.join(published)}.")
    return {protocol: _published(splits.table(protocol)) for protocol in published if protocol in splits.names}


def _published(table: TomlTable) -> Published:
    table.only("archive", "url", "sha256", "bytes", "train", "test")
    return Published(
        archive=_relative(table, "archive"),
        url=_url(table, "url"),
        sha256=_sha256(table),
        bytes=table.whole("bytes"),
        train=table.whole("train"),
        test=table.whole("test"),
    )


def _relative(table: TomlTable, key: str) -> PurePosixPath:
    path = PurePosixPath(table.text(key, r"[\w./-]+", "a relative path"))
    if path.is_absolute() or ".." in path.parts:
        raise table.wrong(key, "a relative path without '..'", str(path))
    return path


def _url(table: TomlTable, key: str) -> str:
    return table.text(key, r"https?://\S+", "an http or https address")


def _sha256(table: TomlTable) -> str:
    return table.text("sha256", r"[0-9a-f]{64}", "64 hexadecimal digits, lower case")
