"""Published tables as data: one TOML file here is one table, with the settings that its figures were published with.

A file has `title`, `source`, `certainty` (how the figures are known to us, if that is to be said), `dataset`,
`protocol`, `backbone`, `convention` (how the test was measured), `train` (training values of all lines), `note` (what
was done otherwise) and a table `lines.NAME` for each line: `loss` as it is typed, `train` (where a list means that
validation chooses, because the published value is not known to us), `published` (METRIC@K = value) and `note` (why the
figure is not reached, where that is known).

A table over several backbones or data sets has `parts.NAME`, each with a `title`, its `lines`, and with `dataset`,
`backbone` or `train` of its own, which go before those of the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rankbench.data.toml_table import TomlTable, read_toml
from rankbench.errors import UserError, unknown
from rankbench.evaluation.evaluate import CONVENTIONS
from rankbench.evaluation.metrics import KS, METRICS
from rankbench.params import Value
from rankbench.results.compare_tests import Metric
from rankbench.spec import TrainSpec

FOLDER = Path(__file__).parent

_EPOCHS = TrainSpec.params["epochs"].default


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
    """A published table, or one part of it: where it stands, what it was measured on and its lines.

    Args:
        name: how it is asked for.
        part: which part it is; empty for a table of one.
        title: data set, split and backbone in words.
        source: where the figures stand.
        certainty: how they are known to us.
        note: what was done otherwise there; empty where nothing is known of.
        dataset, protocol, backbone: what it was measured on.
        convention: how.
        lines: its lines.
        full: most epochs of the published runs where these are made with fewer; 0 where they are not.
    """

    name: str
    part: str
    title: str
    source: str
    certainty: str
    note: str
    dataset: str
    protocol: str
    backbone: str
    convention: str
    lines: tuple[Line, ...]
    full: int = 0

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics that any line has a figure of, in the order of the file."""
        return tuple(dict.fromkeys(metric for line in self.lines for metric in line.published))


FORMER = {f"health-{part}": ("slatk-health", part) for part in ("mf", "lightgcn", "xsimgcl")}
"""Names that tables once had, with what they are now."""


def names() -> list[str]:
    """Return the names of the tables."""
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def find(name: str) -> tuple[PublishedTable, ...]:
    """Return the parts of a table by name, one for a table of one.

    Raises:
        UserError: there is none of the name.
    """
    name, part = FORMER.get(name, (name, ""))
    if name not in names():
        raise unknown("published table", name, names(), "`rankbench reproduce` lists them.")
    found = read(FOLDER / f"{name}.toml")
    return tuple(table for table in found if part in ("", table.part))


def only(tables: Sequence[PublishedTable], wanted: Sequence[str]) -> tuple[PublishedTable, ...]:
    """Return the parts with one of the backbones, data sets or part names that are wanted; all if none is.

    Raises:
        UserError: no part has a name.
    """
    known = {name for table in tables for name in (table.backbone, table.dataset, table.part) if name}
    for name in wanted:
        if name not in known:
            raise unknown(f"part of {tables[0].name}", name, known)
    return tuple(table for table in tables if not wanted or {table.backbone, table.dataset, table.part} & set(wanted))


def quick(table: PublishedTable) -> PublishedTable:
    """Return a table to be made with a tenth of the epochs; its runs have identifiers of their own."""
    published = [int(value) for line in table.lines for value in line.train.get("epochs", (_EPOCHS,))]
    tenth = tuple(max(1, epochs // 10) for epochs in dict.fromkeys(published))
    lines = tuple(replace(line, train={**line.train, "epochs": tenth}) for line in table.lines)
    return replace(table, lines=lines, full=max(published))


def read(file: Path) -> tuple[PublishedTable, ...]:
    """Return the parts of the table of a file.

    Raises:
        UserError: the file is not as described above; the message names the line.
    """
    table = read_toml(file)
    table.only(*_OF_FILE, *_OF_BOTH, "parts")
    if "parts" not in table.names:
        return (_part(file.stem, "", table, table),)
    parts = table.table("parts")
    for name in parts.names:
        parts.table(name).only(*_OF_BOTH)
    return tuple(_part(file.stem, name, table, parts.table(name)) for name in parts.names)


_OF_FILE = ("source", "certainty", "protocol", "convention", "note")
_OF_BOTH = ("title", "dataset", "backbone", "train", "lines")


def _part(name: str, part: str, file: TomlTable, own: TomlTable) -> PublishedTable:
    common, lines = {**_train(file), **_train(own)}, own.table("lines")
    titles = dict.fromkeys((file.text("title"), own.text("title")))
    return PublishedTable(
        name=name,
        part=part,
        title=", ".join(titles),
        source=file.text("source"),
        certainty=file.text("certainty") if "certainty" in file.names else "",
        note=" ".join(file.text("note").split()) if "note" in file.names else "",
        dataset=(own if "dataset" in own.names else file).text("dataset"),
        protocol=file.text("protocol"),
        backbone=(own if "backbone" in own.names else file).text("backbone"),
        convention=file.choice("convention", CONVENTIONS),
        lines=tuple(_line(key, lines.table(key), common) for key in lines.names),
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
