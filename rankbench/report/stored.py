"""Stored runs as tables and as JSON: all of a store, and one with what it reached and how its training went.

The JSON of a list is {runs, damaged}: `damaged` a list of {path, what}, `runs` a list of

    id, path, command          the identifier, the folder, the command that makes the run again
    dataset, protocol, digest, numbers, seed, loss, backbone, train    as in spec.json
    status, reason, epochs, seconds, valid_ndcg@20, tables             as in outcome.json

That of a single run is the same with `environment` (env.json) and the rows of `curve` and `metrics` added.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from rankbench.evaluation.meanings import MEANINGS
from rankbench.report.captions import spelled
from rankbench.report.embeddings import in_words
from rankbench.report.sparkline import sparkline
from rankbench.report.table import Cell, Column, Table
from rankbench.results.compare_runs import Run
from rankbench.results.lookup import command_of
from rankbench.results.sound import Fault

METRICS = (("ndcg", 5), ("ndcg", 20), ("recall", 20), ("hit_rate", 20), ("mrr", 20))
"""What the page of a run shows; the JSON has everything."""


def table_of_runs(runs: Sequence[Run]) -> Table:
    """Return the table of runs, a line each."""
    rows = [
        (
            Cell(run.stored.id),
            Cell(run.dataset),
            Cell(run.protocol),
            Cell(run.loss_label, detail=spelled(run.asked, run.asked)),
            Cell(run.backbone_label),
            Cell(str(run.seed)),
            _valid(run),
            Cell(str(run.stored.outcome.get("epochs", ""))),
            Cell(duration(run.stored.outcome.get("seconds"))),
            Cell(str(run.stored.environment.get("finished", ""))[:10]),
        )
        for run in runs
    ]
    columns = (
        *(Column(title, number=False) for title in ("run", "data set", "split", "loss", "backbone")),
        Column("seed"),
        Column("valid NDCG@20"),
        Column("epochs", spare=3),
        Column("time", spare=2),
        Column("made", number=False, spare=1),
    )
    several = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    return Table(several, columns, tuple(rows), caption="Valid: the best on the validation set `iid`, else the first.")


def metrics_of_run(run: Run) -> Table:
    """Return what a run reached on the tests, a line for each test and validation set that chose the epoch."""
    values: dict[tuple[str, str], dict[tuple[str, int], float]] = {}
    for row in run.stored.table("metrics").to_pylist():
        if row["convention"] == "standard":
            values.setdefault((row["test"], row["selected_by"]), {})[row["metric"], row["k"]] = row["value"]
    best = run.stored.outcome["best_epoch"]
    rows = [
        (Cell(test), Cell(by), Cell(str(best.get(by, ""))), *(Cell(_four(found.get(metric))) for metric in METRICS))
        for (test, by), found in values.items()
    ]
    columns = (
        Column("test", number=False),
        Column("chosen on", number=False),
        Column("epoch"),
        *(Column(f"{MEANINGS[name].title}@{K}", spare=K == 5) for name, K in METRICS),
    )
    return Table("Reached", columns, tuple(rows))


def facts_of_run(run: Run) -> list[tuple[str, str]]:
    """Return what was run, how it ended and where, as names and values."""
    spec, outcome, environment = run.stored.spec, run.stored.outcome, run.stored.environment
    configuration = run.configuration
    facts = [
        ("data", f"{run.dataset}, split {run.protocol} (digest {run.digest[:12]})"),
        ("loss", str(configuration.loss)),
        ("backbone", str(configuration.backbone)),
        ("training", spelled(spec["train"], spec["train"])),
        *([("tables", in_words(run.tables))] if run.tables else []),
        *([("re-ranked by", configuration.rerank)] if configuration.rerank else []),
        ("seed", str(run.seed)),
        ("ended", _ending(outcome)),
        ("made", ", ".join(_machine(environment))),
        ("folder", str(run.stored.path)),
    ]
    for kind, part in (("loss", configuration.loss), ("backbone", configuration.backbone)):
        if part.source:
            facts.append((f"file of the {kind}", f"{part.name}.py with sha256 {part.source}"))
    return facts


def curves_of_run(run: Run) -> list[tuple[str, str, str]]:
    """Return name, bars and range of the loss and of each validation, by epoch."""
    found = []
    table = run.stored.table("curve")
    for name in table.schema.names:
        if name != "loss" and not name.startswith("valid-"):
            continue
        values = table[name].to_pylist()
        finite = [value for value in values if value is not None and math.isfinite(value)]
        if finite:
            title = name if name == "loss" else f"{name.removeprefix('valid-')} NDCG@20"
            found.append((title, sparkline(values), f"{finite[0]:.4f} to {finite[-1]:.4f}"))
    return found


def json_of_runs(runs: Sequence[Run], faults: Sequence[Fault]) -> str:
    """Return runs as JSON."""
    damaged = [{"path": str(fault.path), "what": fault.what} for fault in faults]
    return _written({"runs": [_run(run) for run in runs], "damaged": damaged})


def json_of_run(run: Run) -> str:
    """Return one run with its environment, curve and metrics as JSON; what is not finite is null."""
    tables = {name: [_finite(row) for row in run.stored.table(name).to_pylist()] for name in ("curve", "metrics")}
    return _written({**_run(run), "environment": run.stored.environment, **tables})


def _run(run: Run) -> dict[str, Any]:
    spec, outcome = run.stored.spec, run.stored.outcome
    of_spec = ("dataset", "protocol", "digest", "numbers", "seed", "loss", "backbone", "train")
    return {
        "id": run.stored.id,
        "path": str(run.stored.path),
        "command": command_of(run),
        **{key: spec[key] for key in of_spec},
        **{key: outcome.get(key) for key in ("status", "reason", "epochs", "seconds")},
        "valid_ndcg@20": run.valid,
        "tables": run.tables,
    }


def _ending(outcome: dict[str, Any]) -> str:
    if outcome["status"] == "diverged":
        return f"diverged after {outcome.get('epochs', '?')} epochs: {outcome.get('reason') or 'no reason is stored'}"
    return f"after {outcome.get('epochs', '?')} epochs and {duration(outcome.get('seconds'))}"


def _machine(environment: dict[str, Any]) -> list[str]:
    libraries = environment.get("libraries")
    versions = libraries.items() if isinstance(libraries, dict) else ()
    words = [
        environment.get("finished"),
        f"rankbench {environment.get('rankbench', '?')}",
        f"Python {environment.get('python', '?')}",
        *(f"{name} {version}" for name, version in versions),
        environment.get("device"),
        f"{environment['threads']} threads" if "threads" in environment else None,
        environment.get("platform"),
    ]
    return [str(word) for word in words if word]


def _valid(run: Run) -> Cell:
    if run.diverged:
        return Cell("diverged")
    value = run.valid.get("iid", next(iter(run.valid.values()), None))
    return Cell(_four(value))


def _four(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def duration(seconds: float | None) -> str:
    """Return a time in words: 2 h 5 min, 1 min 20 s, 7 s."""
    if seconds is None:
        return "-"
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {left} s" if minutes else f"{left} s"


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    return {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in row.items()}


def _written(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
