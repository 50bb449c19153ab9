"""Stored runs with numbers made up by hand, written in the form in which real runs are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from rankbench.data.interactions import Interactions
from rankbench.evaluation.audience import user_groups
from rankbench.evaluation.beyond import Beyond, ItemGroups
from rankbench.evaluation.evaluate import CONVENTIONS, Evaluation
from rankbench.evaluation.groups import GROUPS
from rankbench.evaluation.meanings import GAMMAS, MEANINGS
from rankbench.evaluation.metrics import KS, METRICS
from rankbench.results.documents import outcome
from rankbench.results.measured import tables_of
from rankbench.results.store import Store, StoredRun
from rankbench.spec import NUMBERS, Part, RunSpec, TrainSpec, spell
from rankbench.tables.usage import Usage
from rankbench.training.loop import Trained
from rankbench.training.progress import EpochEnd
from rankbench.training.selection import Best

USERS = 4
"""Users with a test item; twice as many count under the convention of IR-Benchmark, so that its means are half."""

DIGEST = "d1" * 32

_ONE_EACH = Interactions.from_pairs(np.arange(USERS), np.zeros(USERS), USERS, 3)


def store_run(
    store: Store,
    loss: str = "softmax",
    seed: int = 0,
    *,
    ndcg: Mapping[str, float] | float = 0.0,
    recall: Mapping[str, float] | float = 0.0,
    valid: Mapping[str, float] | float = 0.5,
    shift: float = 0.0,
    params: Mapping[str, float] | None = None,
    source: str = "",
    backbone: str = "mf",
    dataset: str = "shop",
    protocol: str = "iid",
    train: Mapping[str, float | str] | None = None,
    digest: str = DIGEST,
    numbers: int = NUMBERS,
    diverged: str = "",
    hits: tuple[int, ...] = (0,) * GROUPS,
    relevant: tuple[int, ...] = (10,) * GROUPS,
    rerank: str = "",
    arp_ratio: float = 0.5,
) -> StoredRun:
    """Store a run with the given test metrics at K = 20, by test set or the same on all.

    At other K a metric is K/100 higher than `ndcg` or `recall`; the epoch that validation `popularity` chose is `shift`
    higher; hits by group are those at K = 20, at other K there are none.
    """
    both = ("iid", "popularity")
    tests, valids = (both, both) if protocol == "shift" else ((protocol,), ("iid",))
    spec = RunSpec(
        dataset=dataset,
        protocol=protocol,
        digest=digest,
        loss=Part(loss, tuple(sorted((params or {}).items())), source),
        backbone=Part(backbone),
        train=tuple({**TrainSpec().values(), **(train or {})}.items()),
        seed=seed,
        numbers=numbers,
        rerank=rerank,
    )
    values = valid if isinstance(valid, Mapping) else dict.fromkeys(valids, valid)
    best = {name: Best(5, values[name], {"user": torch.zeros(1)}) if name in values else Best() for name in valids}
    trained = Trained({}, best, [EpochEnd(1, 0.75, {}, 0.0, 0.0)], diverged, _tables(train or {}))
    measured = {
        (by, convention, test): _evaluation(
            {"ndcg": _of(ndcg, test), "recall": _of(recall, test)},
            shift if by == "popularity" else 0.0,
            USERS * (2 if convention == "ir-benchmark" else 1),
            hits,
            relevant,
            arp_ratio,
        )
        for by in values
        for convention in CONVENTIONS
        for test in tests
    }
    labels = {"loss": spell(loss, params or {}), "backbone": backbone}
    documents = {
        "spec": {**spec.to_json(), "id": spec.id, "labels": labels, "recipe": TrainSpec().values()},
        "outcome": outcome(trained, 1.0),
        "env": {"rankbench": "0.1.0"},
    }
    epochs = {"epoch": [1], "loss": [0.75], "train_seconds": [0.0], "valid_seconds": [0.0]}
    curve = pa.table({**epochs, **{f"valid-{name}": [values.get(name)] for name in valids}})
    return store.write(spec, documents, {"curve": curve, **tables_of(measured)})


def give_users(run: StoredRun, users: Mapping[str, np.ndarray], ndcg: Mapping[str, np.ndarray]) -> None:
    """Give a run these users of each test and their NDCG@20, and its mean."""
    schema = pq.read_schema(run.path / "users.parquet")
    with pq.ParquetWriter(run.path / "users.parquet", schema) as writer:
        for test, own in users.items():
            columns = {name: [0] * len(own) for name in schema.names}
            columns |= {"selected_by": ["iid"] * len(own), "convention": ["standard"] * len(own)}
            columns |= {"test": [test] * len(own), "user": own, "ndcg@20": ndcg[test].astype(np.float32)}
            writer.write_table(pa.table({name: pa.array(c) for name, c in columns.items()}).cast(schema))
    table = pq.read_table(run.path / "metrics.parquet").to_pylist()
    for row in table:
        if row["metric"] == "ndcg" and row["k"] == 20 and row["convention"] == "standard":
            row["value"] = float(ndcg[row["test"]].mean())
    pq.write_table(pa.Table.from_pylist(table), run.path / "metrics.parquet")


def _tables(train: Mapping[str, float | str]) -> dict[str, Usage]:
    table = str(train.get("item_table", "full"))
    return {
        "user": Usage("full", 9_000, 9_000, 2_304_000, 0.0, 0.0),
        "item": Usage(table, 1_000, 500, 128_000, 0.0 if table == "full" else 0.375, 0.625),
    }


def _of(value: Mapping[str, float] | float, test: str) -> float:
    return value[test] if isinstance(value, Mapping) else value


def _evaluation(
    at_20: Mapping[str, float],
    higher: float,
    n_averaged: int,
    hits: tuple[int, ...],
    relevant: tuple[int, ...],
    arp_ratio: float,
) -> Evaluation:
    def values(metric: str) -> np.ndarray:
        row = [at_20.get(metric, 0.0) + higher + (0 if K == 20 else K / 100) for K in KS]
        return np.tile(np.array(row), (USERS, 1))

    group_hits = np.zeros((GROUPS, len(KS)), np.int64)
    group_hits[:, KS.index(20)] = hits
    return Evaluation(
        users=np.arange(USERS),
        n_relevant=np.full(USERS, 10),
        values={metric: values(metric) for metric in METRICS},
        n_averaged=n_averaged,
        beyond=_beyond(group_hits, np.array(relevant), values("ndcg"), arp_ratio),
        user_groups=user_groups(_ONE_EACH, np.ones(3), np.arange(USERS), {m: values(m) for m in ("ndcg", "recall")}),
        rank=2.5,
    )


def _beyond(hits: np.ndarray, relevant: np.ndarray, ndcg: np.ndarray, arp_ratio: float) -> Beyond:
    """What there is of two items and no lists; graded NDCG falls by a tenth of NDCG from one exponent to the next."""
    stored = {name: meaning for name, meaning in MEANINGS.items() if not meaning.derived and name not in METRICS}
    names = [name for name, meaning in stored.items() if meaning.of == "users"]
    of_lists = [name for name, meaning in stored.items() if meaning.of == "lists"]
    fall = np.array([1 - 0.1 * (i + 1) for i in range(len(GAMMAS))])
    return Beyond(
        values={name: np.full((USERS, len(KS)), 0.25) for name in names} | {"tail_ndcg": ndcg / 2, "arp": 100 * ndcg},
        of_lists=dict.fromkeys(of_lists, np.full(len(KS), 0.5)) | {"arp_ratio": np.full(len(KS), arp_ratio)},
        of_test={"shift_tv": 0.125, "shift_kl": 0.0625},
        graded_gains=ndcg[:, :, None] * fall,
        graded_weights=np.ones((USERS, len(GAMMAS))),
        item_hits=np.zeros((2, len(KS)), np.int64),
        item_recommended=np.zeros((2, len(KS)), np.int64),
        item_relevant=np.array([3, 1]),
        groups=ItemGroups(
            items=10 ** np.arange(GROUPS),
            relevant=relevant,
            hits=hits,
            recommended=hits,
            rankable=relevant,
            users=np.full(GROUPS, USERS),
            ndcg=np.full((GROUPS, len(KS)), 0.5),
            contribution=np.full((GROUPS, len(KS)), 0.1),
        ),
    )
