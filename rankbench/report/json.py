"""Leaderboards as JSON. The schema only grows: a program that reads it keeps working.

Without `--ood` a list of leaderboards:

    dataset, protocol, test    strings
    digest, numbers            the split's sha256, the version of the numerics
    selected_by, convention    the validation set that chose; "standard" or "ir-benchmark"
    metrics                    list of METRIC@K; the first one ranks
    users                      how many users the means are over
    left_out                   list of {numbers, digest, runs}: runs that may not stand in the same table
    lines                      list of lines, best first

With `--ood` a list of tables of robustness:

    dataset                    string
    one_model                  true if both tests measure the same models, false if they are two trainings
    plain, shifted             the leaderboards of the tests iid and popularity, as above, without `lines`
    lines                      list of {kept_percent, plain, shifted}, best under shift first: null or a line each, with
                               groups: list from head to tail of {items, relevant, hits, recall}, at the K of the first
                               metric, summed over the seeds

A line:

    loss, backbone             {label, name, params, source}: label as typed; source the sha256 of an outside file or ""
                               (loss of a backbone that needs none: label "-", name "none")
    train                      the training values
    tables                     {user, item} of the first run: {table, ids, rows, bytes, collision_rate,
                               traffic_collision_rate} of each embedding table, as `rankbench.tables.usage` defines it
    status                     "done" or "diverged"
    reason                     why it diverged; "" if it did not
    seeds, runs                list of seeds, and of the identifiers of their runs
    tried                      configurations to choose from
    shared_seeds               the seeds that the choice was made on; empty: each configuration was judged by its own
    valid_ndcg@20              mean over the seeds, or null
    scores                     {METRIC@K: {mean, sd, gain_percent}}: mean is null where undefined, sd with one seed, the
                               gain over softmax with the same backbone for softmax itself and without it; empty if
                               diverged
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

from rankbench.results.compare import Leaderboard, Line
from rankbench.results.compare_shift import Robustness
from rankbench.results.compare_tests import Group
from rankbench.spec import Part


def json_of(boards: Iterable[Leaderboard]) -> str:
    """Return leaderboards as JSON."""
    return _written([{**_board(board), "lines": [_line(line) for line in board.lines]} for board in boards])


def json_of_shift(tables: Iterable[Robustness]) -> str:
    """Return tables of robustness as JSON."""
    return _written([_robustness(table) for table in tables])


def _robustness(table: Robustness) -> dict[str, Any]:
    lines = [
        {
            "kept_percent": pair.kept,
            "plain": pair.plain and {**_line(pair.plain), "groups": [_group(g) for g in pair.plain_groups]},
            "shifted": pair.shifted and {**_line(pair.shifted), "groups": [_group(g) for g in pair.shifted_groups]},
        }
        for pair in table.pairs
    ]
    return {
        "dataset": table.plain.dataset,
        "one_model": table.one_model,
        "plain": _board(table.plain),
        "shifted": _board(table.shifted),
        "lines": lines,
    }


def _board(board: Leaderboard) -> dict[str, Any]:
    return {
        "dataset": board.dataset,
        "protocol": board.protocol,
        "test": board.test,
        "digest": board.digest,
        "numbers": board.numbers,
        "selected_by": board.query.select,
        "convention": board.query.convention,
        "metrics": [str(metric) for metric in board.query.metrics],
        "users": board.users,
        "left_out": [vars(left) for left in board.left_out],
    }


def _line(line: Line) -> dict[str, Any]:
    choice = line.choice
    return {
        "loss": _part(line.loss, choice.loss),
        "backbone": _part(line.backbone, choice.backbone),
        "train": choice.train,
        "tables": choice.runs[0].tables,
        "status": "done" if line.scores else "diverged",
        "reason": choice.failure,
        "seeds": choice.seeds,
        "runs": [run.stored.id for run in choice.runs],
        "tried": choice.tried,
        "shared_seeds": choice.shared_seeds,
        "valid_ndcg@20": choice.valid,
        "scores": {
            str(metric): {"mean": finite(score.mean), "sd": finite(score.sd), "gain_percent": score.gain}
            for metric, score in line.scores.items()
        },
    }


def finite(value: float | None) -> float | None:
    """Return a value, None in place of what JSON has no number for."""
    return value if value is not None and math.isfinite(value) else None


def _part(label: str, part: Part) -> dict[str, Any]:
    return {"label": label, **part.to_json()}


def _group(group: Group) -> dict[str, Any]:
    return {"items": group.items, "relevant": group.relevant, "hits": group.hits, "recall": group.recall}


def _written(content: list[dict[str, Any]]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
