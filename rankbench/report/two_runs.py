"""Two runs beside each other, as tables and as JSON.

The JSON is {a, b, spec, environment, reached, by_user, why_not}:

    a, b                 {id, path, loss, backbone, dataset, protocol, seed}
    spec, environment    list of {field, a, b}: what differs; null where a run has no such field
    reached              list of {test, metric, a, b, change_percent}
    by_user              list of {test, metric, better, equal, worse, difference, users, items}: for how many users B is
                         better, and the mean of B - A; users and items are {gain, lose}, lists of {number, id, a, b},
                         items with title and relevant (test pairs) too, and hits as a and b
    why_not              why by_user is empty, or ""
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from rankbench.data.names import Names
from rankbench.params import show
from rankbench.report.table import NOTHING, Cell, Column, Table, percent
from rankbench.results.by_user import ByUser, Gainer
from rankbench.results.compare_runs import Run
from rankbench.results.two_runs import Difference, TwoRuns

SHOWN = ("ndcg@20", "recall@20", "hit_rate@20", "mrr@20")
"""The metrics that the table has; the JSON has all."""


def tables_of(a: Run, b: Run, found: TwoRuns, names: Names) -> list[Table]:
    """Return what differs, what was reached, and for whom, as tables."""
    tables = [_differing(f"A: {_title(a)}\nB: {_title(b)}", found.spec), _reached(found)]
    if found.environment:
        tables.insert(1, _differing("Made elsewhere, or later", found.environment))
    if found.by_user:
        tables.append(_counts(found.by_user))
    for of in found.by_user:
        tables += [table for table in (_users(of, names), _items(of, names)) if table.rows]
    return tables


def json_of(a: Run, b: Run, found: TwoRuns, names: Names) -> str:
    """Return the same as JSON."""
    content = {
        "a": _run(a),
        "b": _run(b),
        "spec": [vars(one) for one in found.spec],
        "environment": [vars(one) for one in found.environment],
        "reached": [{**vars(one), "change_percent": one.change} for one in found.reached],
        "by_user": [_by_user(of, names) for of in found.by_user],
        "why_not": found.why_not,
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _title(run: Run) -> str:
    where = f"{run.dataset}/{run.protocol}"
    return f"{run.stored.id}  {run.loss_label} · {run.backbone_label} · {where} · seed {run.seed}"


def _differing(title: str, differences: Sequence[Difference]) -> Table:
    rows = tuple((Cell(one.field), Cell(_value(one.a)), Cell(_value(one.b))) for one in differences)
    columns = tuple(Column(name, number=False) for name in ("differs in", "A", "B"))
    return Table(title, columns, rows, notes=() if rows else ("Their specifications are the same.",))


def _reached(found: TwoRuns) -> Table:
    rows = tuple(
        (Cell(one.test), Cell(one.metric), _four(one.a), _four(one.b), percent(one.change, signed=True))
        for one in found.reached
        if one.metric in SHOWN
    )
    columns = (*(Column(name, number=False) for name in ("test", "metric")), *map(Column, ("A", "B", "change")))
    return Table("What they reached", columns, rows, notes=(found.why_not,) if found.why_not else ())


def _counts(by_user: Sequence[ByUser]) -> Table:
    rows = tuple(
        (Cell(of.test), *(Cell(f"{n:,}") for n in (of.better, of.equal, of.worse)), Cell(f"{of.difference:+.4f}"))
        for of in by_user
    )
    heads = ("B better", "equal", "A better", "mean of B - A")
    return Table(f"Users by {by_user[0].metric}", (Column("test", number=False), *map(Column, heads)), rows)


def _users(of: ByUser, names: Names) -> Table:
    rows = tuple(
        (Cell(side), Cell(names.user(one.number)), _four(one.a), _four(one.b), Cell(f"{one.b - one.a:+.4f}"))
        for side, one in _sides(of.gain, of.lose)
    )
    columns = (Column("", number=False), Column("user", number=False), *map(Column, ("A", "B", "B - A")))
    return Table(f"Test {of.test}: the users whom it moves most, {of.metric}", columns, rows)


def _items(of: ByUser, names: Names) -> Table:
    rows = tuple(
        (
            Cell(side),
            Cell(names.item(one.number)),
            *(Cell(f"{n:.0f}") for n in (one.relevant or 0, one.a, one.b)),
            Cell(f"{one.b - one.a:+.0f}"),
            Cell(names.title(one.number) or NOTHING),
        )
        for side, one in _sides(of.items_gain, of.items_lose)
    )
    columns = (
        *(Column(name, number=False) for name in ("", "item")),
        *map(Column, ("in the test", "found by A", "by B", "B - A")),
        Column("title", number=False, spare=1),
    )
    return Table(f"Test {of.test}: the items that it moves most, hits in the first 20", columns, rows)


def _sides(gain: Iterable[Gainer], lose: Iterable[Gainer]) -> list[tuple[str, Gainer]]:
    return [*(("gains", one) for one in gain), *(("loses", one) for one in lose)]


def _four(value: float | None) -> Cell:
    return Cell() if value is None else Cell(f"{value:.4f}")


def _value(value: Any) -> str:
    return NOTHING if value is None else show(value) if isinstance(value, bool | int | float | str) else str(value)


def _run(run: Run) -> dict[str, Any]:
    parts = {"loss": run.loss_label, "backbone": run.backbone_label}
    where = {"dataset": run.dataset, "protocol": run.protocol, "seed": run.seed}
    return {"id": run.stored.id, "path": str(run.stored.path), **parts, **where}


def _by_user(of: ByUser, names: Names) -> dict[str, Any]:
    counts = {key: getattr(of, key) for key in ("test", "metric", "better", "equal", "worse", "difference")}
    users = {side: [_user(one, names) for one in found] for side, found in (("gain", of.gain), ("lose", of.lose))}
    items = {
        side: [_item(one, names) for one in found] for side, found in (("gain", of.items_gain), ("lose", of.items_lose))
    }
    return {**counts, "users": users, "items": items}


def _user(one: Gainer, names: Names) -> dict[str, Any]:
    return {"number": one.number, "id": names.user(one.number), "a": one.a, "b": one.b}


def _item(one: Gainer, names: Names) -> dict[str, Any]:
    known = {"number": one.number, "id": names.item(one.number), "title": names.title(one.number)}
    return {**known, "relevant": one.relevant, "a": one.a, "b": one.b}
