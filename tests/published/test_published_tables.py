"""Published tables: the files that ship, how strictly they are read, and what is made of them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rankbench import published
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
    table = published.find(name)
    assert table.protocol in find_dataset(table.dataset).protocols
    assert part("backbone", table.backbone)
    assert Metric("ndcg", 20) in table.metrics
    for line in table.lines:
        assert find("loss", part("loss", line.loss).name)
        assert all(0 < value < 1 for value in line.published.values())
        fixed = {key: values[0] for key, values in line.train.items()}
        assert plan(Request(line.loss, table.backbone, [0], fixed), []) == []


def test_a_table_is_made_once_and_shown_beside_the_figures(folder):
    code, text = call("small", "--json", "--stored")
    assert code == 1
    assert json.loads(text)["lines"][0]["scores"]["ndcg@20"]["here"] is None
    code, text = call("small", "--json")
    assert code == 0
    sl, bpr = json.loads(text)["lines"]
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
    (line,) = json.loads(text)["lines"]
    outcomes = {run.parent.name: json.loads(run.read_text()) for run in folder.glob("runs/*/*/*/outcome.json")}
    best = max(outcomes, key=lambda run: outcomes[run]["best_valid_ndcg@20"]["iid"])
    assert line["runs"] == [best]
    import pyarrow.parquet as pq

    rows = pq.read_table(folder / "runs/online-retail/iid" / best / "metrics.parquet").to_pylist()
    value = {(r["convention"], r["metric"], r["k"]): r["value"] for r in rows}
    assert line["scores"]["ndcg@20"]["here"] == value["ir-benchmark", "ndcg", 20] != value["standard", "ndcg", 20]


def test_screens(folder):
    assert "A small table" in call()[1]
    assert json.loads(call("--json")[1]) == {"small": {"title": "A small table", "source": "Nobody, 2026"}}
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
        ("negatives = 4", "negative = 4", "line 8.*Unknown key 'negative'"),
        ("negatives = 4", "negatives = 0", "negatives = 0 is out of range"),
        ('"ndcg@20" = 0.4', '"ndcg@21" = 0.4', "line 18.*no METRIC@K"),
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
    table = published.find("small")
    assert [line.name for line in lines_of(table, ["BPR", "sl"])] == ["SL", "BPR"]
    assert [line.name for line in lines_of(table, [])] == ["SL", "BPR"]
