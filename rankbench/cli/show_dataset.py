"""What `rankbench show` says of a data set: terms, filter, and the statistics of what is prepared of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from rich.table import Table

    from rankbench.data.dataset import Dataset
    from rankbench.data.interactions import Split

TENTHS = 10
_WIDTH = 40


def describe_dataset(found: Dataset) -> dict[str, Any]:
    """Return what the catalogue says of a data set and, if a split of it is prepared, what its pairs are like."""
    from rankbench.data.folder import default_data_folder, load_split

    data = default_data_folder()
    paragraphs = found.title, found.terms, found.cite and f"Cite: {found.cite}", found.home and f"Home: {found.home}"
    described: dict[str, Any] = {
        "kind": "data set",
        "name": found.name,
        "text": "\n\n".join(filter(None, paragraphs)),
        "splits": list(found.protocols),
        "counts": {"users": found.users, "items": found.items, "interactions": found.interactions},
        "licence": found.licence,
        "login": found.raw.login if found.raw else "",
        "filter": str(found.settings.filter) if found.protocols else "",
    }
    if prepared := _prepared(data, found):
        split = load_split(data, found.name, prepared[0])
        described |= _statistics(split)
        described["statistics"] |= _span(data, found.name, prepared)
    return described


def _prepared(data: Path, dataset: Dataset) -> list[str]:
    """Return the splits that are prepared, the usual ones first."""
    from rankbench.data.folder import has_split

    offered = dict.fromkeys([*dataset.usual, *dataset.protocols])
    return [protocol for protocol in offered if has_split(data, dataset.name, protocol)]


def _span(data: Path, name: str, protocols: list[str]) -> dict[str, str]:
    """Return the first and the last date of the interactions, from a split that has read their times."""
    from datetime import UTC, datetime

    from rankbench.data.folder import read_manifest

    spans = (read_manifest(data, name, protocol).get("time") for protocol in protocols)
    span: dict[str, int] = next(filter(None, spans), {})
    return {key: datetime.fromtimestamp(seconds, UTC).date().isoformat() for key, seconds in span.items()}


def _statistics(split: Split) -> dict[str, Any]:
    """Return density, Gini coefficient and shares of interactions of a split's pairs, all parts together."""
    import numpy as np

    from rankbench.data.measures import gini

    pairs = split.train.union(*split.valids.values(), *split.tests.values())
    counts = np.sort(pairs.item_counts)[::-1]  # (I,) the popular first
    tenths = [int(part.sum()) for part in np.array_split(counts, TENTHS)]
    return {
        "statistics": {
            "split": split.protocol,
            "users": pairs.n_users,
            "items": pairs.n_items,
            "pairs": len(pairs),
            "density": f"{len(pairs) / (pairs.n_users * pairs.n_items):.3%}",
            "gini": f"{gini(pairs.item_counts):.3f}",
            "median_item": int(np.median(counts)),
            "median_user": int(np.median(pairs.user_counts)),
        },
        "popularity": [round(tenth / len(pairs), 4) for tenth in tenths],
    }


def popularity_plot(shares: list[float]) -> Table:
    """Return a bar for each tenth of the items, the popular first: its share of all interactions."""
    from rich.table import Table

    table = Table("items", "share", "of all interactions", box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for i, share in enumerate(shares):
        first, last = i * 100 // len(shares), (i + 1) * 100 // len(shares)
        bar = "█" * max(round(share / max(shares) * _WIDTH), 1 if share else 0)
        table.add_row(f"{first}-{last} %", f"{share:.1%}", bar)
    return table
