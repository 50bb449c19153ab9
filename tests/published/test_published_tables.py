"""Published tables: the files that ship, how strictly they are read, and what is made of them."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from rankbench import published
from rankbench.cli import running, side_by_side
from rankbench.cli.app import app
from rankbench.data.catalog import find_dataset
from rankbench.errors import UserError
from rankbench.plan import Request, plan
from rankbench.published.reproduction import lines_of
from rankbench.registry import find, part
from rankbench.results.compare_tests import Metric

SMALL = """
title = "A small table"
source = "Nobody, 2026"
certainty = "made up"
dataset = "online-retail"
protocol = "iid"
backbone = "mf"
convention = "ir-benchmark"
train = { epochs = 1, eval_every = 1, negatives = 4, dim = 8 }

[lines.SL]
loss = "softmax:tau=0.2"
published = { "ndcg@20" = 0.5, "recall@20" = 0.25 }
note = "One epoch is too short."

[lines.BPR]
loss = "bpr"
train = { lr = [0.01, 0.1] }
published = { "ndcg@20" = 0.4 }
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    (tmp_path / "small.toml").write_text(SMALL)
    monkeypatch.setattr(published, "FOLDER", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RANKBENCH_DATA", str(tmp_path / "data"))
    return tmp_path


def call(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["reproduce", *words], env={"COLUMNS": "80"})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


@pytest.mark.parametrize("name", published.names())
def test_the_tables_that_ship_can_be_run(name):
    for table in published.find(name):
        assert table.protocol in find_dataset(table.dataset).protocols
        assert part("backbone", table.backbone)
        assert Metric("ndcg", 20) in table.metrics
        for line in table.lines:
            assert find("loss", part("loss", line.loss).name)
            assert all(0 < value < 1 for value in line.published.values())
            fixed = {key: values[0] for key, values in line.train.items()}
            assert plan(Request(line.loss, table.backbone, [0], fixed), []) == []


def figures(name: str, line: str, metric: str = "ndcg@20") -> list[float | None]:
    """Return the published figures of a line in all parts of a table."""
    name_of, _, K = metric.partition("@")
    key = Metric(name_of, int(K))
    found = [{of.name: of for of in table.lines}[line] for table in published.find(name)]
    return [of.published.get(key) for of in found]


def test_figures_of_the_tables_that_ship():
    """Some of each table, as the papers print them."""
    assert figures("slatk-health", "SL@20") == [0.1390, 0.1371, 0.1332]
    assert figures("slatk-electronic", "BPR") == [0.0527, 0.0524, 0.0508]
    assert figures("slatk-electronic", "SL", "recall@20") == [0.0821, None, None]
    assert figures("slatk-gowalla", "PSL") == [0.1647, 0.1648, 0.1593]
    assert figures("slatk-book", "SL@20") == [0.1269, 0.1280, 0.1277]
    assert figures("psl-ood", "PSL") == [0.0839, 0.0149, 0.0752, 0.0229]
    assert figures("psl-ood", "SL", "recall@20") == [0.1184, 0.0230, 0.1006, 0.0349]


def test_former_names_are_parts_of_tables():
    (table,) = published.find("health-mf")
    assert (table.name, table.part, table.backbone) == ("slatk-health", "mf", "mf")
    assert published.find("health-lightgcn") == published.only(published.find("slatk-health"), ["lightgcn"])
    assert not set(published.FORMER) & set(published.names())


def test_a_table_is_made_once_and_shown_beside_the_figures(folder):
    code, text = call("small", "--json", "--stored")
    assert code == 1
    assert json.loads(text)[0]["lines"][0]["scores"]["ndcg@20"]["here"] is None
    code, text = call("small", "--json")
    assert code == 0
    (table,) = json.loads(text)
    sl, bpr = table["lines"]
    assert (table["part"], table["quick"], table["certainty"]) == ("", False, "made up")
    assert (sl["name"], sl["tried"], sl["note"]) == ("SL", 1, "One epoch is too short.")
    assert (bpr["name"], bpr["tried"]) == ("BPR", 2)
    assert bpr["train"]["lr"] in (0.01, 0.1)
    assert bpr["train"]["negatives"] == 4
    ndcg = sl["scores"]["ndcg@20"]
    assert ndcg["difference_percent"] == pytest.approx(100 * (ndcg["here"] / 0.5 - 1))
    assert bpr["scores"]["recall@20"]["difference_percent"] is None
    assert len(list(folder.glob("runs/online-retail/iid/*/spec.json"))) == 3
    stored = {row.name: row.stat().st_mtime_ns for row in folder.glob("runs/online-retail/iid/*")}
    assert call("small", "--json", "--stored") == (0, text)
    assert call("small", "--json") == (0, text)
    assert {row.name: row.stat().st_mtime_ns for row in folder.glob("runs/online-retail/iid/*")} == stored


def test_the_figure_is_that_of_the_convention_and_of_the_parameters_that_validation_chose(folder):
    code, text = call("small", "--line", "bpr", "--json")
    assert code == 0
    (line,) = json.loads(text)[0]["lines"]
    outcomes = {run.parent.name: json.loads(run.read_text()) for run in folder.glob("runs/*/*/*/outcome.json")}
    best = max(outcomes, key=lambda run: outcomes[run]["best_valid_ndcg@20"]["iid"])
    assert line["runs"] == [best]
    import pyarrow.parquet as pq

    rows = pq.read_table(folder / "runs/online-retail/iid" / best / "metrics.parquet").to_pylist()
    value = {(r["convention"], r["metric"], r["k"]): r["value"] for r in rows}
    assert line["scores"]["ndcg@20"]["here"] == value["ir-benchmark", "ndcg", 20] != value["standard", "ndcg", 20]


def test_runs_side_by_side_give_the_same_table(folder, monkeypatch):
    one_by_one = call("small", "--json")
    assert one_by_one[0] == 0
    assert call("small", "--json", "--jobs", "2", "--threads", "2", "--runs", "others") == one_by_one
    asked = []
    monkeypatch.setattr(running, "make", lambda *given: asked.append(given))
    monkeypatch.setattr(side_by_side, "available_threads", lambda: 3)
    call("small", "--jobs", "3", "--deterministic", "--runs", "none")
    ((how, jobs, _, n),) = asked
    assert (how.deterministic, n) == (True, 3)
    assert [job.spec for job in how.plan()] == [job.spec for job in jobs]
    with pytest.raises(UserError, match=r"--jobs 4: on the CPU"):
        call("small", "--jobs", "4")


def test_screens(folder):
    assert "A small table" in call()[1]
    (listed,) = json.loads(call("--json")[1])["small"]
    assert (listed["title"], listed["source"], listed["lines"]) == ("A small table", "Nobody, 2026", 2)
    code, text = call("small", "--line", "SL", "--seed", "0-1")
    assert code == 0
    assert "±" in text
    assert "SL: One epoch is too short." in text
    assert "0.5000" in text
    markdown = call("small", "--line", "SL", "--stored", "--markdown")[1]
    assert markdown.startswith("### small: A small table")
    assert "| SL | softmax:tau=0.2 eval\\_every=1 negatives=4 dim=8 |" in markdown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("smal",), "Unknown published table 'smal'"),
        (("small", "--line", "PSL"), "Unknown line of small 'PSL'"),
        (("small", "--json", "--markdown"), "exclude each other"),
        (("small", "--seed", "x"), "--seed 'x'"),
    ],
)
def test_wrong_requests_are_refused(folder, words, message):
    with pytest.raises(UserError, match=message):
        call(*words)
    assert not (folder / "runs").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('title = "A small table"', 'titel = "x"', "line 2.*Unknown key 'titel'"),
        ("negatives = 4", "negative = 4", "line 9.*Unknown key 'negative'"),
        ("negatives = 4", "negatives = 0", "negatives = 0 is out of range"),
        ('"ndcg@20" = 0.4', '"ndcg@21" = 0.4', "line 19.*no METRIC@K"),
        ("lr = [0.01, 0.1]", "lr = []", "a value or a list"),
        ('convention = "ir-benchmark"', 'convention = "own"', "convention must be"),
    ],
)
def test_files_are_read_strictly(folder, old, new, message):
    assert old in SMALL
    (folder / "small.toml").write_text(SMALL.replace(old, new))
    with pytest.raises(UserError, match=message):
        published.find("small")


def test_lines_by_name_keep_the_order_of_the_table(folder):
    tables = published.find("small")
    assert [line.name for line in lines_of(tables, tables[0], ["BPR", "sl"])] == ["SL", "BPR"]
    assert [line.name for line in lines_of(tables, tables[0], [])] == ["SL", "BPR"]


PARTS = (
    SMALL.split("[lines.SL]")[0].replace('backbone = "mf"', 'note = "Another machine."')
    + """
[parts.mf]
title = "factors"
backbone = "mf"

[parts.mf.lines.SL]
loss = "softmax"
published = { "ndcg@20" = 0.5 }

[parts.graph]
title = "graph"
backbone = "lightgcn"
train = { negatives = 2 }

[parts.graph.lines.PSL]
loss = "psl"
published = { "ndcg@20" = 0.4 }
"""
)


def test_a_table_of_parts_is_asked_for_by_part_backbone_or_data_set(folder):
    (folder / "parts.toml").write_text(PARTS)
    tables = published.find("parts")
    assert [(table.part, table.title) for table in tables] == [
        ("mf", "A small table, factors"),
        ("graph", "A small table, graph"),
    ]
    assert [table.lines[0].train["negatives"] for table in tables] == [(4,), (2,)]
    assert [table.part for table in published.only(tables, ["lightgcn"])] == ["graph"]
    assert [table.part for table in published.only(tables, ["graph", "mf"])] == ["mf", "graph"]
    assert published.only(tables, ["online-retail"]) == tables
    assert [line.name for table in tables for line in lines_of(tables, table, ["psl"])] == ["PSL"]
    code, text = call("parts", "--only", "lightgcn", "--stored", "--json")
    assert code == 1
    assert [table["part"] for table in json.loads(text)] == ["graph"]
    code, text = call("parts", "--stored")
    assert text.count("Another machine.") == 2
    with pytest.raises(UserError, match="Unknown part of parts 'lightgnc'"):
        call("parts", "--only", "lightgnc")


def test_quick_runs_are_runs_of_their_own_and_say_so(folder):
    (folder / "long.toml").write_text(SMALL.replace("epochs = 1,", "epochs = 10,"))
    plans = [json.loads(call("long", "--line", "SL", "--dry-run", "--json", *words)[1]) for words in ([], ["--quick"])]
    full, quick = ({run["id"] for run in of} for of in plans)
    assert full.isdisjoint(quick)
    code, text = call("long", "--line", "SL", "--quick")
    assert code == 0
    assert "quick: not a reproduction" in text
    assert "1 epochs in place of the published 10" in " ".join(text.split())
    assert json.loads(call("long", "--line", "SL", "--stored", "--json")[1])[0]["lines"][0]["runs"] == []
    (table,) = json.loads(call("long", "--line", "SL", "--stored", "--quick", "--json")[1])
    assert table["quick"]
    assert set(table["lines"][0]["runs"]) == quick


def test_how_long_it_takes_is_guessed_from_stored_runs_else_measured(folder, capsys):
    from rankbench.cli.run import splits_of
    from rankbench.published.duration import guess
    from rankbench.published.reproduction import jobs_of
    from rankbench.results.store import Store

    (table,) = published.find("small")
    splits, store = splits_of(None, table.dataset, table.protocol, None), Store(folder / "runs")
    jobs = [job for line in table.lines for job in jobs_of(table, line, splits, [0, 1])]
    found = guess(jobs[:2], store, torch.device("cpu"))
    assert (found.missing, found.known, found.measured) == (2, 0, 1)
    assert found.seconds > 0
    assert not (folder / "runs").exists(), "what is trained to be measured is thrown away"
    call("small", "--line", "SL")
    (stored,) = store.runs()
    found = guess(jobs[:2], store, torch.device("cpu"))
    assert (found.missing, found.known, found.measured) == (1, 1, 0)
    assert found.seconds == pytest.approx(stored.outcome["seconds"])
    call("small", "--line", "SL", "--seed", "0-1")
    assert guess(jobs[:2], store, torch.device("cpu")).missing == 0
