"""An explanation as tables and as JSON.

The JSON is {run, user, faithful, recommended, personas}:

    user          {number, id}
    faithful      share of the items whose score falls more without their persona than without another
    recommended   list of {item, score, persona, attention, without, rank_without, without_others}
    personas      list of {number, share, nearest, history, items}

Items are {number, id, title}; personas are counted from 1; what cannot be told of a single persona is null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from rankbench.data.names import Names
from rankbench.explanation import Explanation
from rankbench.report.table import NOTHING, Cell, Column, Table, percent


def tables_of(run: str, found: Explanation, names: Names) -> list[Table]:
    """Return the list of a user with the persona behind every item, and the personas."""
    return [_list(run, found, names), _personas(found, names)]


def json_of(run: str, found: Explanation, names: Names) -> str:
    """Return the same as JSON."""
    content = {
        "run": run,
        "user": {"number": found.user, "id": names.user(found.user)},
        "faithful": found.faithful if len(found.personas) > 1 else None,
        "recommended": [
            {**_plain(asdict(r)), "item": _item(r.item, names), "persona": r.persona + 1} for r in found.recommended
        ],
        "personas": [
            {
                **_plain(asdict(p)),
                "number": p.number + 1,
                "history": [_item(i, names) for i in p.history],
                "items": [_item(i, names) for i in p.items],
            }
            for p in found.personas
        ],
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _list(run: str, found: Explanation, names: Names) -> Table:
    alone = len(found.personas) == 1
    rows = tuple(
        (
            Cell(str(rank)),
            Cell(_called(r.item, names)),
            Cell(f"{r.score:.3f}"),
            Cell(str(r.persona + 1)),
            percent(100 * r.attention),
            Cell(NOTHING if alone else f"{r.without - r.score:+.3f}"),
            Cell(NOTHING if alone else f"{r.without_others - r.score:+.3f}"),
            Cell(NOTHING if alone else str(r.rank_without)),
        )
        for rank, r in enumerate(found.recommended, start=1)
    )
    columns = (
        Column("rank"), Column("item", number=False), Column("score"), Column("persona"), Column("attention", spare=3),
        Column("without it"), Column("without another", spare=2), Column("rank then", spare=1),
    )  # fmt: skip
    caption = (
        "One persona: nothing to tell apart."
        if alone
        else f"Persona: the one with the most attention for the item. The score falls more without it than without "
        f"another for {100 * found.faithful:.0f} % of the items."
    )
    return Table(f"User {names.user(found.user)}, run {run}", columns, rows, caption=caption)


def _personas(found: Explanation, names: Names) -> Table:
    rows = tuple(
        (
            Cell(str(p.number + 1)),
            percent(100 * p.share),
            Cell(NOTHING if math.isnan(p.nearest) else f"{p.nearest:.2f}"),
            Cell(_calls(p.history, names)),
            Cell(_calls(p.items, names)),
        )
        for p in found.personas
    )
    columns = (
        Column("persona"), Column("history"), Column("nearest"), Column("of the history", number=False),
        Column("of new items", number=False, spare=1),
    )  # fmt: skip
    caption = (
        "History: the share of the user's train items that a persona has the most attention for. Nearest: its cosine "
        "with the most similar other persona; near 1, the two are one."
    )
    return Table("Personas", columns, rows, caption=caption)


def _calls(items: Iterable[int], names: Names) -> str:
    return "; ".join(_called(item, names) for item in items) or NOTHING


def _called(item: int, names: Names) -> str:
    return names.title(item) or names.item(item)


def _item(item: int, names: Names) -> dict[str, Any]:
    return {"number": item, "id": names.item(item), "title": names.title(item) or None}


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {key: None if isinstance(v, float) and math.isnan(v) else v for key, v in values.items()}
