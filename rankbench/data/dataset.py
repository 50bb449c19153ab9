"""What a data set of the catalogue is: what is known of it, what its splits are made of, and which there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rankbench.data.filter import Filter
from rankbench.data.protocol import PROTOCOLS, read_protocol
from rankbench.data.sources import Raw, RemoteFile
from rankbench.errors import unknown

_OF_PAIRS = ("shift", "iid", "popularity", "popularity-inverse")
_OF_TIMES = ("temporal", "leave-one-out")


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
        own: whether it is the user's, not one of the catalogue that comes with rankbench.
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
    own: bool = False

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
