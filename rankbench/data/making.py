"""From the files of a data set to the parts of a split: published archives, embedded data, original data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from rankbench.data.archives import open_members
from rankbench.data.dataset import Dataset, Embedded, Published
from rankbench.data.formats import read_embedded, read_published, read_rows, read_titles
from rankbench.data.interactions import Interactions
from rankbench.data.protocol import Protocol
from rankbench.data.protocols import divide, with_noise, with_validation
from rankbench.data.protocols.exposed import check_apart, number_exposed
from rankbench.data.protocols.filtering import filtered
from rankbench.data.protocols.parts import Exposed, Pairs, Parts
from rankbench.data.sources import Raw, Reader


@dataclass(frozen=True, eq=False)
class Made:
    """The parts of a split, the ids of users and of items, these with titles where known, and first and last time."""

    parts: Parts
    users: Sequence[str]
    items: Mapping[str, str | None]
    span: tuple[int, int] | None = None


def from_published(dataset: Dataset, protocol: Protocol, source: Published, archive: Path) -> Made:
    """Return a split that was published, or one made of the pairs of the published iid split.

    Raises:
        UserError: the archive is not what the catalogue says.
    """
    split = read_published(archive, dataset, source)
    pairs = split.pairs()
    if protocol.name in dataset.published:
        parts = with_validation(protocol.name, split.train, split.test, "published by IR-Benchmark")
        parts = with_noise(parts, protocol, pairs)
    else:
        parts = divide(str(protocol), pairs)
    return Made(parts, split.users, dict.fromkeys(split.items))


def from_embedded(dataset: Dataset, protocol: Protocol, source: Embedded) -> Made:
    """Return a split of the data that ship with the package.

    Raises:
        UserError: the files were changed.
    """
    settings = dataset.settings_of(str(protocol))
    pairs = filtered(read_embedded(source, settings.id), settings.filter, timed=protocol.timed)
    parts = divide(str(protocol), pairs, held_out=settings.held_out)
    titles = read_titles(source)
    return Made(parts, pairs.users, {item: titles.get(item) for item in parts.item_ids(pairs)}, pairs.span)


def from_raw(dataset: Dataset, protocol: Protocol, source: Raw, files: Sequence[Path], cache: Path) -> Made:
    """Return a split of the original data.

    Args:
        dataset, protocol, source: what is asked for.
        files: where the files of `source` are, in their order.
        cache: a folder for what is unpacked; nothing stays in it.

    Raises:
        UserError: files that are not what the catalogue says, or too few interactions.
    """
    assert source.reader is not None
    settings = dataset.settings_of(str(protocol))
    with ExitStack() as opened:
        rows = {
            role: read_rows(
                _columns_of(source.reader, protocol, settings.filter.threshold),
                opened.enter_context(open_members(file, raw.archive, raw.member or None, cache)),
                settings.id,
            )
            for (role, raw), file in zip(source.files.items(), files, strict=True)
        }
        exposed_rows = rows.pop("exposed", None)
        everything = pl.concat(rows.values())
        pairs = filtered(everything, settings.filter, timed=protocol.timed)
        if protocol.name == "iid" and set(rows) == {"train", "test"}:
            train, test = (_interactions(rows[role], pairs) for role in ("train", "test"))
            parts = with_noise(with_validation("iid", train, test, "published"), protocol, pairs)
            return Made(parts, pairs.users, dict.fromkeys(pairs.items))
        exposed: Exposed | None = None
        if protocol.name == "exposure" and exposed_rows is not None:
            if source.apart:
                check_apart(everything, exposed_rows)
            exposed = number_exposed(exposed_rows, pairs, threshold=settings.filter.threshold)
    parts = divide(str(protocol), pairs, held_out=settings.held_out, exposed=exposed)
    return Made(parts, pairs.users, dict.fromkeys(parts.item_ids(pairs)), pairs.span)


def _columns_of(reader: Reader, protocol: Protocol, threshold: float | None) -> Reader:
    """Return the reader without the columns that are not needed: what is not read cannot be wrong."""
    unneeded = {"rating"} if threshold is None else set()
    unneeded |= set() if protocol.timed else {"time"}
    kept = {name: place for name, place in reader.columns.items() if name not in unneeded}
    return replace(reader, columns=kept, time=reader.time if protocol.timed else "none")


def _interactions(rows: pl.LazyFrame, pairs: Pairs) -> Interactions:
    """Return rows of ids as interactions of numbered users and items."""
    numbers = [
        pl.col(side).cast(pl.String).replace_strict(list(ids), np.arange(len(ids)), return_dtype=pl.Int32)
        for side, ids in (("user", pairs.users), ("item", pairs.items))
    ]
    frame = rows.select(numbers).collect()
    user, item = frame["user"].to_numpy(), frame["item"].to_numpy()  # (n,), (n,)
    return Interactions.from_pairs(user, item, pairs.n_users, pairs.n_items)
