"""Published tables as data: one TOML file here is one table, with the settings that its figures were published with.

A file has `title`, `source`, `dataset`, `protocol`, `backbone`, `convention` (how the test was measured), `train`
(training values of all lines) and a table `lines.NAME` for each line: `loss` as it is typed, `train` (where a list
means that validation chooses, because the published value is not known to us), `published` (METRIC@K = value) and
`note` (why the figure is not reached, where that is known).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rankbench.data.toml_table import TomlTable, read_toml
from rankbench.errors import UserError, unknown
from rankbench.evaluation.evaluate import CONVENTIONS
from rankbench.evaluation.metrics import KS, METRICS
from rankbench.params import Value
from rankbench.results.compare_tests import Metric
from rankbench.spec import TrainSpec

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Line:
    """One line of a published table.

    Args:
        name: the loss as the source names it.
        loss: the loss as it is typed here.
        train: training values to try, most of them one.
        published: the figures, by metric.
        note: why they are not reached; empty where they are, or where nobody knows.
    """

    name: str
    loss: str
    train: Mapping[str, tuple[Value, ...]]
    published: Mapping[Metric, float]
    note: str


@dataclass(frozen=True)
class PublishedTable:
    """A published table: where it stands, what it was measured on and its lines."""

    name: str
    title: str
    source: str
    dataset: str
    protocol: str
    backbone: str
    convention: str
    lines: tuple[Line, ...]

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics that any line has a figure of, in the order of the file."""
        return tuple(dict.fromkeys(metric for line in self.lines for metric in line.published))


def names() -> list[str]:
    """Return the names of the tables."""
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def find(name: str) -> PublishedTable:
    """Return a table by name.

    Raises:
        UserError: there is none of the name.
    """
    if name not in names():
        raise unknown("published table", name, names(), "`rankbench reproduce` lists them.")
    return read(FOLDER / f"{name}.toml")


def read(file: Path) -> PublishedTable:
    """Return the table of a file.

    Raises:
        UserError: the file is not as described above; the message names the line.
    """
    table = read_toml(file)
    table.only("title", "source", "dataset", "protocol", "backbone", "convention", "train", "lines")
    common, lines = _train(table), table.table("lines")
    return PublishedTable(
        name=file.stem,
        title=table.text("title"),
        source=table.text("source"),
        dataset=table.text("dataset"),
        protocol=table.text("protocol"),
        backbone=table.text("backbone"),
        convention=table.choice("convention", CONVENTIONS),
        lines=tuple(_line(name, lines.table(name), common) for name in lines.names),
    )


def _line(name: str, table: TomlTable, common: Mapping[str, tuple[Value, ...]]) -> Line:
    table.only("loss", "train", "published", "note")
    figures = table.table("published")
    return Line(
        name=name,
        loss=table.text("loss"),
        train={**common, **_train(table)},
        published={_metric(figures, key): figures.number(key) or 0.0 for key in figures.names},
        note=" ".join(table.text("note").split()) if "note" in table.names else "",
    )


def _train(table: TomlTable) -> dict[str, tuple[Value, ...]]:
    if "train" not in table.names:
        return {}
    train = table.table("train")
    train.only(*TrainSpec.params)
    return {
        key: tuple(TrainSpec.params[key].check(value, train.where(key)) for value in train.one_or_more(key))
        for key in train.names
    }


def _metric(figures: TomlTable, key: str) -> Metric:
    name, _, K = key.partition("@")
    if name not in METRICS or not K.isdecimal() or int(K) not in KS:
        raise UserError(f"{figures.where(key)}: {key!r} is no METRIC@K.", 'For example "ndcg@20".')
    return Metric(name, int(K))
