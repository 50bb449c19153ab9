"""The manifest of a prepared split: what it is, what it was made from, what holds for it, statistics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rankbench.data.dataset import Dataset, Embedded, Published
from rankbench.data.interactions import Interactions, Split
from rankbench.data.measures import gini, kl_divergence, total_variation
from rankbench.data.protocols.parts import Parts
from rankbench.data.sources import RemoteFile

FORMAT = 1
"""Version of the layout of a prepared split. It rises when files or manifest change, and old ones are made again."""

LOCAL = "file"
"""Key of the place of a user's own file."""


def build_manifest(
    dataset: Dataset,
    split: Split,
    parts: Parts,
    files: Mapping[str, str],
    pins: Mapping[str, Any],
    span: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """Return the manifest of a split as plain data, fit for strict JSON.

    Args:
        dataset: the entry of the catalogue.
        split: its content.
        parts: what the protocol says of it.
        files: sha256 of each file of the folder.
        pins: what was found of the files that the catalogue does not fully know, by path.
        span: the first and the last time of the interactions, Unix seconds, where they were read.
    """
    return {
        "format": FORMAT,
        "dataset": split.dataset,
        "protocol": split.protocol,
        "digest": split.digest,
        "source": source_of(dataset, split.protocol),
        "licence": dataset.licence,
        "terms": dataset.terms,
        "cite": dataset.cite,
        "home": dataset.home,
        "pins": dict(pins),
        "parameters": dict(parts.parameters),
        "conventions": conventions(split),
        "warnings": list(parts.warnings),
        "users": split.n_users,
        "items": split.n_items,
        "time": dict(zip(("first", "last"), span, strict=True)) if span else None,
        "parts": {name: statistics(part, split.train) for name, part in split.parts().items()},
        "files": dict(files),
    }


def source_of(dataset: Dataset, protocol: str) -> dict[str, Any]:
    """Return what a split is made from and how: files with what is known of them, and the filter."""
    source, settings = dataset.source_of(protocol), dataset.settings_of(protocol)
    if isinstance(source, Published):
        return {"archive": _file(source.file)}
    made = {"filter": str(settings.filter), "id": settings.id, "held out": settings.held_out}
    if isinstance(source, Embedded):
        return {"embedded": source.interactions.parent.name, "sha256": source.sha256, **made}
    assert source.reader is not None
    reader = {**asdict(source.reader), "columns": dict(source.reader.columns)}
    files = {role: {**_file(raw.file), "member": raw.member} for role, raw in source.files.items()}
    return {"files": files, "reader": reader, **made}


def _file(file: RemoteFile) -> dict[str, Any]:
    if file.local:
        return {"path": str(file.path), LOCAL: str(file.local)}
    return {"path": str(file.path), "urls": list(file.urls), "bytes": file.bytes, "checksum": file.checksum}


def statistics(part: Interactions, train: Interactions) -> dict[str, float | int | None]:
    """Return the counts of a part, the Gini coefficient of its items' popularity, and its distance from train.

    `users` and `items` count those that have a pair in the part. A figure that an empty part has not is None.
    """
    popularity, of_train = part.item_counts, train.item_counts
    measured = len(part) > 0
    return {
        "pairs": len(part),
        "users": int((part.user_counts > 0).sum()),
        "items": int((popularity > 0).sum()),
        "gini": _rounded(gini(popularity)) if measured else None,
        "kl_from_train": _rounded(kl_divergence(popularity, of_train)) if measured else None,
        "total_variation_from_train": _rounded(total_variation(popularity, of_train)) if measured else None,
    }


def conventions(split: Split) -> list[str]:
    """Return the conventions that hold for a split, each one checked on its content."""
    held_out = [*split.valids.values(), *split.tests.values()]
    disjoint = len(split.train.union(*held_out)) == len(split.train) + sum(map(len, held_out))
    user_in_train, item_in_train = split.train.user_counts > 0, split.train.item_counts > 0  # (U,), (I,)
    checked = {
        "train, validation and test sets share no pair": disjoint,
        "every user of a validation or test set occurs in train": _all(user_in_train, held_out, "users"),
        "every item of a validation or test set occurs in train": _all(item_in_train, held_out, "items"),
        "every user occurs in train": bool(user_in_train.all()),
        "every item occurs in train": bool(item_in_train.all()),
        **_of_fold_in(split, held_out, user_in_train),
        **_of_exposed(split),
        **_of_false_negatives(split, held_out),
    }
    return [text for text, holds in checked.items() if holds]


def _of_fold_in(split: Split, held_out: list[Interactions], user_in_train: NDArray[np.bool_]) -> dict[str, bool]:
    fold_in = split.fold_in
    if fold_in is None:
        return {}
    return {
        "no user of a validation or test set occurs in train": _all(~user_in_train, [*held_out, fold_in], "users"),
        "every user of a validation or test set has fold-in items": _all(fold_in.user_counts > 0, held_out, "users"),
        "fold-in items are in no other part": _apart(fold_in, [split.train, *held_out]),
    }


def _of_exposed(split: Split) -> dict[str, bool]:
    if split.exposed is None:
        return {}
    contained = len(split.exposed.union(*split.tests.values())) == len(split.exposed)
    return {
        "every test item is among the items exposed to its user": contained,
        "no exposed pair is in train or validation": _apart(split.exposed, [split.train, *split.valids.values()]),
    }


def _of_false_negatives(split: Split, held_out: list[Interactions]) -> dict[str, bool]:
    if split.false_negatives is None:
        return {}
    pairs = split.false_negatives.pairs
    return {"false negatives are in no other part": _apart(pairs, [split.train, *held_out])}


def _all(allowed: NDArray[np.bool_], parts: list[Interactions], side: Literal["users", "items"]) -> bool:
    """Return whether all users or items of some parts are among those allowed."""
    return all(bool(allowed[part.users if side == "users" else part.items].all()) for part in parts)


def _apart(part: Interactions, others: list[Interactions]) -> bool:
    """Return whether no pair of a part is in any of the others."""
    return all(len(part.without(other)) == len(part) for other in others)


def _rounded(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
