"""Backbones that train without a loss, as a user runs and reports them."""

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rankbench.cli.app import app
from rankbench.data.prepare import ensure_split
from rankbench.errors import UserError

QUICK = ("--epochs", "1", "--dim", "8", "--batch-size", "8192")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for split in ("shift", "strong"):
        ensure_split(folder, "online-retail", split)
    return folder


def call(data: Path, runs: Path, *words: str):
    environment = {"RANKBENCH_DATA": str(data), "RANKBENCH_RUNS": str(runs), "COLUMNS": "80"}
    return CliRunner().invoke(app, list(words), env=environment)


@pytest.fixture(scope="module")
def runs(data, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    words = ("run", "--loss", "bpr", "--backbone", "popularity,random,mf", *QUICK, "--seed", "0-1")
    made = call(data, folder, *words)
    assert made.exit_code == 0, made.output
    assert "] popularity · online-retail/shift · seed 0" in made.stderr
    return folder


def test_each_has_a_line_of_its_own_whatever_the_losses_and_seeds(data, runs):
    (board,) = json.loads(call(data, runs, "report", "--json").stdout)
    found = {(line["loss"]["label"], line["backbone"]["label"]): line for line in board["lines"]}
    assert set(found) == {("-", "popularity"), ("-", "random"), ("bpr", "mf")}
    assert {key: len(line["seeds"]) for key, line in found.items() if key[0] == "-"} == {
        ("-", "popularity"): 1,
        ("-", "random"): 2,
    }
    popularity = found["-", "popularity"]
    assert popularity["train"] == {}
    assert popularity["scores"]["ndcg@20"]["gain_percent"] is None
    assert popularity["scores"]["ndcg@20"]["mean"] > 5 * found["-", "random"]["scores"]["ndcg@20"]["mean"]


def test_they_stand_in_every_form_of_the_report(data, runs):
    text = call(data, runs, "report", "--loss", "bpr").stdout
    assert "popularity" in text
    assert "Trained with batch_size=8192 dim=8 epochs=1" in text  # those that are not trained are not asked
    assert "popularity" in call(data, runs, "report", "--ood", "--markdown").stdout
    rows = list(csv.DictReader(io.StringIO(call(data, runs, "report", "--csv", "--backbone", "random").stdout)))
    assert [(row["loss"], row["train"], row["status"]) for row in rows] == [("-", "", "done")]


def test_what_is_stored_is_skipped_whatever_the_loss_and_the_seed(data, runs):
    again = call(data, runs, "run", "--loss", "psl", "--backbone", "popularity", "--seed", "7", "--json")
    (made,) = json.loads(again.stdout)
    assert made["cached"]
    assert (made["spec"]["loss"], made["spec"]["seed"]) == ({"name": "none", "params": {}, "source": ""}, 0)
    assert made["outcome"]["last_finite_loss"] is None


def test_users_who_are_not_in_train_are_scored(data, tmp_path):
    names = "random,popularity,ials:sweeps=3,itemknn,ease"
    made = call(data, tmp_path, "run", "--backbone", names, "--split", "strong", "--rerank", "pop:0.01", "--json")
    assert made.exit_code == 0, made.output
    values = [run["tests"]["strong"]["ndcg@20"] for run in json.loads(made.stdout)]
    plain, again = values[::2], values[1::2]
    assert 0 < 5 * plain[0] < plain[1] < plain[2] < plain[3] < plain[4]
    same = [a == b for a, b in zip(plain, again, strict=True)]
    assert same == [False, True, False, False, False]  # what goes by popularity alone keeps its order


def test_what_trains_nothing_is_refused(data, tmp_path):
    refused = call(data, tmp_path, "run", "--backbone", "popularity", "--lr", "0.1")
    assert isinstance(refused.exception, UserError)
    assert "popularity: trained without a loss, so lr has no effect" in str(refused.exception)
    assert not list(tmp_path.iterdir())
