"""A published table beside what was reached here, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rankbench.params import show
from rankbench.published import PublishedTable
from rankbench.published.reproduction import Reproduced
from rankbench.report.captions import title_of
from rankbench.report.table import Cell, Column, Table, number, percent
from rankbench.results.compare_tests import Metric


def table_of(table: PublishedTable, lines: Sequence[Reproduced]) -> Table:
    """Return the table: a line each with, for every metric, our figure, the published one and the difference."""
    metrics = [metric for metric in table.metrics if any(metric in line.line.published for line in lines)]
    columns = [Column("published as", number=False), Column("loss", number=False)]
    for i, metric in enumerate(metrics):
        columns += [Column(title, above=title_of(metric), spare=i) for title in ("here", "published", "difference")]
    columns.append(Column("seeds", spare=len(metrics)))
    rows = [_row(line, metrics) for line in lines]
    return Table(
        title=f"{table.name}: {table.title}{_quick(table)}",
        columns=tuple(columns),
        rows=tuple(rows),
        caption=_caption(table, lines),
        notes=tuple(f"{line.line.name}: {line.line.note}" for line in lines if line.line.note),
    )


def json_of(found: Sequence[tuple[PublishedTable, Sequence[Reproduced]]]) -> str:
    """Return the same as JSON: a list of the parts of the table with their fields.

    `quick` says whether fewer epochs were made than published, and `lines` is a list of {name, loss, train, seeds,
    runs, tried, scores, note}: `train` holds the training values asked for, and `scores` {METRIC@K: {here, sd,
    published, difference_percent}}, null where there is none.
    """
    content = [
        {
            **{key: getattr(table, key) for key in _FIELDS},
            "quick": bool(table.full),
            "lines": [_line_as_json(line, table.metrics) for line in lines],
        }
        for table, lines in found
    ]
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


_FIELDS = ("name", "part", "title", "source", "certainty", "dataset", "protocol", "backbone", "convention", "note")


def _quick(table: PublishedTable) -> str:
    return " (quick: not a reproduction)" if table.full else ""


def _row(line: Reproduced, metrics: Sequence[Metric]) -> tuple[Cell, ...]:
    cells = [Cell(line.line.name), Cell(line.line.loss, detail=_training(line))]
    for metric in metrics:
        cells += [_here(line, metric), number(line.line.published.get(metric)), percent(line.difference(metric), True)]
    return (*cells, Cell(str(len(line.choice.seeds)) if line.choice else "0"))


def _here(line: Reproduced, metric: Metric) -> Cell:
    if line.choice and line.choice.failed:
        return Cell("diverged")
    if metric not in line.scores:
        return Cell()
    score = line.scores[metric]
    return Cell(f"{score.mean:.4f}", spread="" if score.sd is None else f"{score.sd:.4f}")


def _training(line: Reproduced) -> str:
    """Return the training values that are the line's own or that validation chose."""
    chosen = line.choice.train if line.choice else {}
    words = []
    for key, values in line.line.train.items():
        if key in ("epochs", "patience"):
            continue
        words.append(f"{key}={show(chosen[key] if key in chosen else values[0])}")
    return " ".join(words)


def _caption(table: PublishedTable, lines: Sequence[Reproduced]) -> str:
    here = f"{table.dataset}, split {table.protocol}, {table.backbone}"
    known = f" ({table.certainty})" if table.certainty else ""
    source = f"Published: {table.source}{known}. Here: {here}"
    epochs = {values for line in lines for key, values in line.line.train.items() if key == "epochs"}
    trained = f", {epochs.pop()[0]} epochs" if len(epochs) == 1 else ""
    trained += f" in place of the published {table.full}" if table.full else ""
    open_values = sorted({key for line in lines for key, values in line.line.train.items() if len(values) > 1})
    chosen = f" and {', '.join(open_values)} where the published value is not known to us" if open_values else ""
    convention = "" if table.convention == "standard" else f" Measured in the convention {table.convention}."
    return f"{source}{trained}. Validation NDCG@20 chose the epoch{chosen}.{convention} {table.note}".rstrip()


def _line_as_json(line: Reproduced, metrics: Sequence[Metric]) -> dict[str, Any]:
    choice = line.choice
    return {
        "name": line.line.name,
        "loss": line.line.loss,
        "train": {key: choice.train[key] for key in line.line.train} if choice else None,
        "seeds": list(choice.seeds) if choice else [],
        "runs": [run.stored.id for run in choice.runs] if choice else [],
        "tried": choice.tried if choice else 0,
        "scores": {str(metric): _score_as_json(line, metric) for metric in metrics},
        "note": line.line.note,
    }


def _score_as_json(line: Reproduced, metric: Metric) -> dict[str, float | None]:
    score = line.scores.get(metric)
    return {
        "here": score.mean if score else None,
        "sd": score.sd if score else None,
        "published": line.line.published.get(metric),
        "difference_percent": line.difference(metric),
    }
