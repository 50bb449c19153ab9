"""The archives of published splits."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from rankbench.data.dataset import Dataset, Published
from rankbench.data.interactions import Interactions
from rankbench.data.protocols.parts import Pairs
from rankbench.errors import UserError

PolarsType = type[pl.String] | type[pl.Int32]

_FETCH_AGAIN = "Fetch it again with --force; if it stays so, report it: the catalogue or the source is wrong."


@dataclass(frozen=True, eq=False)
class PublishedSplit:
    """A published split as its archive has it.

    Args:
        train, test: the pairs.
        users, items: (U,), (I,) the original ids.
    """

    train: Interactions
    test: Interactions
    users: tuple[str, ...]
    items: tuple[str, ...]

    def pairs(self) -> Pairs:
        """Return the pairs of train and test together."""
        both = self.train.union(self.test)
        return Pairs(both.users, both.items, self.users, self.items)


def read_published(archive: Path, dataset: Dataset, published: Published) -> PublishedSplit:
    """Return what the archive of a published split holds, checked against the catalogue.

    Only the four files that matter are read, by name: `train.tsv`, `test.tsv`, `user_list.tsv`, `item_list.tsv`.

    Raises:
        UserError: no archive, a damaged one, a file missing in it, or content that the catalogue does not announce.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            users = _read_ids(archive, opened, "user")
            items = _read_ids(archive, opened, "item")
            _expect(archive, "users", dataset.users, len(users))
            _expect(archive, "items", dataset.items, len(items))
            train = _read_pairs(archive, opened, "train", len(users), len(items), published.train)
            test = _read_pairs(archive, opened, "test", len(users), len(items), published.test)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
        raise UserError(f"{archive} is not a zip archive that can be read: {error}.", _FETCH_AGAIN) from error
    overlap = len(train) + len(test) - len(train.union(test))
    _expect(archive, "pairs both in train and in test", 0, overlap)
    return PublishedSplit(train, test, users, items)


def _read_ids(archive: Path, opened: zipfile.ZipFile, kind: str) -> tuple[str, ...]:
    """Return the original ids of users or items in the order of their numbers, which must be 0, 1, 2, ..."""
    member = f"{kind}_list.tsv"
    frame = _read_tsv(archive, opened, member, {f"{kind}_orgid": pl.String, f"{kind}_procid": pl.Int32})
    frame = frame.sort(f"{kind}_procid")
    if not np.array_equal(frame[f"{kind}_procid"].to_numpy(), np.arange(len(frame))):
        raise _unexpected(archive, member, "the numbers 0, 1, 2, ... once each", "others")
    return tuple(frame[f"{kind}_orgid"])


def _read_pairs(
    archive: Path, opened: zipfile.ZipFile, part: str, n_users: int, n_items: int, announced: int
) -> Interactions:
    member = f"{part}.tsv"
    frame = _read_tsv(archive, opened, member, {"user_procid": pl.Int32, "item_procid": pl.Int32})
    user, item = frame["user_procid"].to_numpy(), frame["item_procid"].to_numpy()  # (n,), (n,)
    for ids, size, kind in ((user, n_users, "users"), (item, n_items, "items")):
        if len(ids) and not (ids.min() >= 0 and ids.max() < size):
            raise _unexpected(archive, member, f"{kind} from 0 to {size - 1}", f"{ids.min()} to {ids.max()}")
    pairs = Interactions.from_pairs(user, item, n_users, n_items)
    _expect(archive, f"rows in {member}", announced, len(frame))
    _expect(archive, f"distinct pairs in {member}", announced, len(pairs))
    return pairs


def _read_tsv(archive: Path, opened: zipfile.ZipFile, member: str, schema: dict[str, PolarsType]) -> pl.DataFrame:
    try:
        content = opened.read(member)
    except KeyError as error:
        raise UserError(f"{archive} has no file {member}.", _FETCH_AGAIN) from error
    try:
        # pl.String first: a header of other names is then found by name, not by a failed number
        frame = pl.read_csv(content, separator="\t", infer_schema=False, quote_char=None)
        if frame.columns != list(schema):
            raise _unexpected(archive, member, f"the columns {', '.join(schema)}", ", ".join(frame.columns))
        frame = frame.select(pl.col(name).cast(kind) for name, kind in schema.items())
    except pl.exceptions.PolarsError as error:
        raise _unexpected(archive, member, "tab-separated ids", str(error).splitlines()[0]) from error
    if any(frame.null_count().row(0)):
        raise _unexpected(archive, member, "an id in every field", "empty fields")
    return frame


def _expect(archive: Path, what: str, announced: int | None, got: int) -> None:
    if announced is not None and announced != got:
        raise UserError(f"{archive}: expected {announced:,} {what}, got {got:,}.", _FETCH_AGAIN)


def _unexpected(archive: Path, member: str, expected: str, got: str) -> UserError:
    return UserError(f"{archive}, {member}: expected {expected}, got {got}.", _FETCH_AGAIN)
