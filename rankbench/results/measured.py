"""What is written of the evaluations of a run; `users` and `items` have a row group for each test that was measured.

    metrics      metric, k, value, users: means, and how many users they are over; k is 0 for what has no cut-off
    users        user, relevant (test items), first_hit (its rank, 0 for none in 100), ndcg@K and recall@K for every K;
                 at AT: arp, tail_ndcg (null without a test item in the tail), and for each exponent gamma of the graded
                 shift gain_GAMMA and weight_GAMMA, whose sums over users have NDCG(gamma) as their ratio
    items        item, relevant (test pairs), hits@AT, recommended@AT
    groups       group (0 the head), items, relevant, rankable, users, k, hits, recommended, ndcg, contribution
    user_groups  by, group (0 the lowest), users, k, ndcg, recall

All of them begin with selected_by, convention and test; what is not defined is null. Precision, hit rate and reciprocal
rank of a user follow from what is there (`per_user`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rankbench.evaluation.evaluate import Evaluation
from rankbench.evaluation.groups import GROUPS, QUARTILES
from rankbench.evaluation.meanings import GAMMAS
from rankbench.evaluation.metrics import AT, KS, METRICS

Measured = tuple[str, str, str]
"""(selected_by, convention, test): the validation set that chose the epoch, how was measured, and on what."""

KEYS = ("selected_by", "convention", "test")

_INT, _LONG, _SINGLE, _DOUBLE = pa.int32(), pa.int64(), pa.float32(), pa.float64()
_COLUMNS: Mapping[str, Mapping[str, pa.DataType]] = {
    "metrics": {"metric": pa.string(), "k": _INT, "value": _DOUBLE, "users": _INT},
    "users": {
        **dict.fromkeys(("user", "relevant"), _INT),
        "first_hit": pa.uint8(),
        **{f"{metric}@{K}": _SINGLE for metric in ("ndcg", "recall") for K in KS},
        **{f"{metric}@{AT}": _SINGLE for metric in ("arp", "tail_ndcg")},
        **{f"{what}_{gamma:g}": _SINGLE for what in ("gain", "weight") for gamma in GAMMAS},
    },
    "items": {"item": _INT, "relevant": _INT, f"hits@{AT}": _INT, f"recommended@{AT}": _INT},
    "groups": {
        **dict.fromkeys(("group", "items"), _INT),
        **dict.fromkeys(("relevant", "rankable", "users"), _LONG),
        "k": _INT,
        **dict.fromkeys(("hits", "recommended"), _LONG),
        **dict.fromkeys(("ndcg", "contribution"), _DOUBLE),
    },
    "user_groups": {"by": pa.string(), "group": _INT, "users": _INT, "k": _INT, "ndcg": _DOUBLE, "recall": _DOUBLE},
}


def tables_of(evaluations: Mapping[Measured, Evaluation]) -> dict[str, pa.Table]:
    """Return all tables of the evaluations of a run, the long ones with a chunk for every evaluation."""
    return {name: _table(name, evaluations) for name in _COLUMNS}


def _table(name: str, evaluations: Mapping[Measured, Evaluation]) -> pa.Table:
    schema = pa.schema([*((key, pa.string()) for key in KEYS), *_COLUMNS[name].items()])
    chunks = []
    for measured, found in evaluations.items():
        columns = _FILLED[name](found)
        length = len(next(iter(columns.values())))
        keys = {key: [value] * length for key, value in zip(KEYS, measured, strict=True)}
        filled = {column: pa.array(values, from_pandas=True) for column, values in {**keys, **columns}.items()}
        chunks.append(pa.table(filled).cast(schema))
    table = pa.concat_tables(chunks) if chunks else schema.empty_table()
    return table if name in ("users", "items") else table.combine_chunks()


def _metrics(found: Evaluation) -> dict[str, Any]:
    lists, n = found.beyond, len(found.users)
    rows = [(metric, K, found.mean(metric, K), found.n_averaged) for metric in METRICS for K in KS]
    for metric, values in lists.values.items():
        known = ~np.isnan(values)  # (n, C)
        for i, K in enumerate(KS):
            count = int(known[:, i].sum())
            rows.append((metric, K, float(values[known[:, i], i].sum()) / count if count else math.nan, count))
    rows += [(metric, K, float(of[i]), n) for metric, of in lists.of_lists.items() for i, K in enumerate(KS)]
    without_cut_off = {**lists.of_test, "effective_rank": found.rank, "auc": found.auc}
    rows += [(metric, 0, value, n) for metric, value in without_cut_off.items()]
    return dict(zip(("metric", "k", "value", "users"), zip(*rows, strict=True), strict=True))


def _users(found: Evaluation) -> dict[str, Any]:
    lists, at = found.beyond, KS.index(AT)
    reciprocal = found.values["mrr"][:, -1]  # (n,)
    rank = np.divide(1, reciprocal, out=np.zeros_like(reciprocal), where=reciprocal > 0)  # (n,)
    of_each = {
        **{f"{metric}@{K}": found.values[metric][:, i] for metric in ("ndcg", "recall") for i, K in enumerate(KS)},
        **{f"{metric}@{AT}": lists.values[metric][:, at] for metric in ("arp", "tail_ndcg")},
        **{f"gain_{gamma:g}": lists.graded_gains[:, at, i] for i, gamma in enumerate(GAMMAS)},
        **{f"weight_{gamma:g}": lists.graded_weights[:, i] for i, gamma in enumerate(GAMMAS)},
    }
    return {
        "user": found.users.astype(np.int32),
        "relevant": found.n_relevant.astype(np.int32),
        "first_hit": np.rint(rank).astype(np.uint8),
        **{name: np.ascontiguousarray(values, np.float32) for name, values in of_each.items()},
    }


def _items(found: Evaluation) -> dict[str, Any]:
    lists, at = found.beyond, KS.index(AT)
    return {
        "item": np.arange(len(lists.item_relevant), dtype=np.int32),
        "relevant": lists.item_relevant.astype(np.int32),
        f"hits@{AT}": lists.item_hits[:, at].astype(np.int32),
        f"recommended@{AT}": lists.item_recommended[:, at].astype(np.int32),
    }


def _groups(found: Evaluation) -> dict[str, Any]:
    group, place = _crossed(GROUPS)
    of = found.beyond.groups
    return {
        "group": group,
        **{name: getattr(of, name)[group] for name in ("items", "relevant", "rankable", "users")},
        "k": np.array(KS)[place],
        **{name: getattr(of, name)[group, place] for name in ("hits", "recommended", "ndcg", "contribution")},
    }


def _user_groups(found: Evaluation) -> dict[str, Any]:
    group, place = _crossed(QUARTILES)
    parts = [
        {
            "by": np.full(len(group), by),
            "group": group,
            "users": of.users[group],
            "k": np.array(KS)[place],
            **{metric: values[group, place] for metric, values in of.values.items()},
        }
        for by, of in found.user_groups.items()
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _crossed(groups: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return every group with the place of every cut-off."""
    group, place = np.meshgrid(np.arange(groups), np.arange(len(KS)), indexing="ij")
    return group.ravel(), place.ravel()


_FILLED: Mapping[str, Callable[[Evaluation], dict[str, Any]]] = {
    "metrics": _metrics,
    "users": _users,
    "items": _items,
    "groups": _groups,
    "user_groups": _user_groups,
}
