"""What is written of a training: its documents and its curve, see `store` for where they lie."""

from __future__ import annotations

import platform
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import pyarrow as pa
import torch

from rankbench import __version__, parallel
from rankbench.data.interactions import Split
from rankbench.device import deterministic
from rankbench.training.loop import Trained


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
        "rankbench": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": {name: version(name) for name in ("torch", "numpy", "numba", "pyarrow")},
        "device": torch.cuda.get_device_name(device) if cuda else platform.processor() or platform.machine(),
        "deterministic": device.type == "cpu" or deterministic(),
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
