"""What is written of a run: its documents and tables, see `store` for where they lie."""

from __future__ import annotations

import platform
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from rankbench import parallel
from rankbench.data.interactions import Split
from rankbench.evaluation.evaluate import Evaluation
from rankbench.evaluation.groups import GROUPS
from rankbench.evaluation.metrics import KS, METRICS
from rankbench.training.loop import Trained

Measured = tuple[str, str, str]
"""(selected_by, convention, test): the validation set that chose the epoch, how was measured, and on what."""


def outcome(trained: Trained, seconds: float) -> dict[str, Any]:
    """Return how a training ended: the content of outcome.json."""
    return {
        "status": "diverged" if trained.diverged else "done",
        "reason": trained.diverged,
        "epochs": len(trained.curve),
        "best_epoch": {name: best.epoch for name, best in trained.best.items() if best.epoch},
        "best_valid_ndcg@20": {name: best.value for name, best in trained.best.items() if best.epoch},
        "last_finite_loss": trained.curve[-1].loss if trained.curve else None,
        "seconds": seconds,
        "train_seconds": sum(end.train_seconds for end in trained.curve),
        "valid_seconds": sum(end.valid_seconds for end in trained.curve),
        "tables": {side: asdict(usage) for side, usage in trained.tables.items()},
    }


def environment(device: torch.device) -> dict[str, Any]:
    """Return what the machine and the libraries were: for the record, not part of the identifier."""
    cuda = device.type == "cuda"
    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "rankbench": version("rankbench"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": {name: version(name) for name in ("torch", "numpy", "numba", "pyarrow")},
        "device": torch.cuda.get_device_name(device) if cuda else platform.processor() or platform.machine(),
        "threads": parallel.threads(),
    }


def curve(trained: Trained, split: Split) -> pa.Table:
    """Return the epochs of a training, one row each."""
    ends = trained.curve
    return pa.table(
        {
            "epoch": pa.array([end.epoch for end in ends], pa.int32()),
            "loss": pa.array([end.loss for end in ends], pa.float64()),
            "train_seconds": pa.array([end.train_seconds for end in ends], pa.float64()),
            "valid_seconds": pa.array([end.valid_seconds for end in ends], pa.float64()),
            **{f"valid-{v}": pa.array([end.valid.get(v) for end in ends], pa.float64()) for v in sorted(split.valids)},
        }
    )


def tables_of(evaluations: dict[Measured, Evaluation]) -> dict[str, pa.Table]:
    """Return the tables `metrics`, `users` and `groups` of all evaluations of a run."""
    metrics, users, groups = [], [], []
    for measured, found in evaluations.items():
        metrics.append(_metrics_table(measured, found))
        users.append(_users_table(measured, found))
        groups.append(_groups_table(measured, found))
    empty = Evaluation(np.empty(0, np.int64), {m: np.empty((0, len(KS))) for m in METRICS}, 1, *_no_groups())
    nothing: Measured = ("", "", "")
    return {
        "metrics": pa.concat_tables(metrics) if metrics else _metrics_table(nothing, empty)[:0],
        "users": pa.concat_tables(users) if users else _users_table(nothing, empty)[:0],
        "groups": pa.concat_tables(groups) if groups else _groups_table(nothing, empty)[:0],
    }


def _no_groups() -> tuple[Any, Any, Any]:
    return np.zeros(GROUPS, np.int64), np.zeros(GROUPS, np.int64), np.zeros((GROUPS, len(KS)), np.int64)


def _keyed(measured: Measured, n: int, columns: dict[str, Any]) -> pa.Table:
    names = ("selected_by", "convention", "test")
    return pa.table(
        {**{name: pa.array([value] * n, pa.string()) for name, value in zip(names, measured, strict=True)}, **columns}
    )


def _metrics_table(measured: Measured, found: Evaluation) -> pa.Table:
    rows = [(metric, K, found.mean(metric, K)) for metric in METRICS for K in KS]
    metric, k, value = zip(*rows, strict=True)
    columns = {
        "metric": pa.array(metric),
        "k": pa.array(k, pa.int32()),
        "value": pa.array(value, pa.float64()),
        "users": pa.array([found.n_averaged] * len(rows), pa.int32()),
    }
    return _keyed(measured, len(rows), columns)


def _users_table(measured: Measured, found: Evaluation) -> pa.Table:
    values = {
        f"{metric}@{K}": pa.array(found.values[metric][:, i].astype(np.float32))
        for metric in METRICS
        for i, K in enumerate(KS)
    }
    return _keyed(measured, len(found.users), {"user": pa.array(found.users.astype(np.int32)), **values})


def _groups_table(measured: Measured, found: Evaluation) -> pa.Table:
    group, place = (a.ravel() for a in np.meshgrid(np.arange(GROUPS), np.arange(len(KS)), indexing="ij"))
    columns = {
        "group": pa.array(group.astype(np.int32)),
        "items": pa.array(found.group_items[group].astype(np.int32)),
        "relevant": pa.array(found.group_relevant[group]),
        "k": pa.array(np.array(KS, np.int32)[place]),
        "hits": pa.array(found.group_hits[group, place]),
    }
    return _keyed(measured, len(group), columns)
