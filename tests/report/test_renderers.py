import csv
import io
import json

import pytest

from fake_runs import DIGEST, store_run
from rankbench.report.csv import csv_of, csv_of_shift
from rankbench.report.json import json_of, json_of_shift
from rankbench.report.leaderboard import table_of
from rankbench.report.markdown import markdown_of
from rankbench.report.shift import recall_tables, tables_of
from rankbench.results.compare import compare
from rankbench.results.compare_runs import read_runs
from rankbench.results.compare_shift import compare_shift
from rankbench.results.leaderboard import Query
from rankbench.results.store import Store
from rankbench.spec import NUMBERS


@pytest.fixture
def store(tmp_path):
    """Two seeds of softmax and dsl, a diverged bpr, older numerics."""
    store = Store(tmp_path / "runs")
    for seed, softmax, dsl in ((0, 0.1, 0.3), (1, 0.3, 0.2)):
        half = {"iid": softmax, "popularity": softmax / 2}
        store_run(store, "softmax", seed, protocol="shift", ndcg=half, recall=0.5, hits=(4, 3, 2, 1, 0))
        tenth = {"iid": dsl, "popularity": dsl / 10}
        store_run(
            store, "dsl", seed, protocol="shift", ndcg=tenth, recall=0.25, params={"tau": 0.2}, train={"lr": 0.01}
        )
    store_run(store, "dsl", 0, protocol="shift", valid=0.1, params={"tau": 0.3}, train={"lr": 0.01})
    store_run(store, "bpr", 0, protocol="shift", diverged="the loss became nan in epoch 3")
    store_run(store, "bpr", 0, protocol="shift", numbers=0)
    return store


@pytest.fixture
def board(store):
    (board,) = compare(read_runs(store), Query()).leaderboards
    return board


@pytest.fixture
def shift(store):
    (table,) = compare_shift(read_runs(store), Query()).tables
    return table


def test_hashed_tables_are_named_with_the_backbone_and_described_below(tmp_path):
    store = Store(tmp_path / "tables")
    store_run(store, "softmax")
    for loss in ("softmax", "dsl"):
        store_run(store, loss, ndcg=0.1, train={"item_table": "hash:50%"})
    (board,) = compare(read_runs(store), Query()).leaderboards
    table = table_of(board)
    assert [row[1].text for row in table.rows] == ["mf item_table=hash:50%", "mf item_table=hash:50%", "mf"]
    assert not any(
        "item_table" in text for text in (table.caption, *(cell.detail for row in table.rows for cell in row))
    )
    assert table.notes == (
        "mf item_table=hash:50% with d = 64: users full, 9,000 rows for 9,000, 2.3 MB; items hash:50%, 500 rows for "
        "1,000, 128 kB, collision rate 37.5%, 62.5% of train interactions on shared vectors.",
    )
    (found,) = json.loads(json_of([board]))
    assert found["lines"][0]["tables"]["item"]["collision_rate"] == 0.375
    assert found["lines"][2]["tables"]["item"]["table"] == "full"


def test_markdown_to_the_last_digit(board):
    lines = markdown_of(table_of(board)).splitlines()
    assert lines[:7] == [
        "### shop, split shift, test iid",
        "",
        "| loss | backbone | NDCG@20 | Recall@20 | gain | seeds | tried |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
        "| dsl:tau=0.2 lr=0.01 | mf | **0.2500 ± 0.0707** | 0.2500 ± 0.0000 | +25.0% | 2 | 2 |",
        "| softmax | mf | 0.2000 ± 0.1414 | **0.5000 ± 0.0000** | - | 2 | 1 |",
        "| bpr | mf | diverged | diverged | - | 1 | 1 |",
    ]


def test_the_caption_says_what_a_reader_must_know(board):
    caption = table_of(board).caption
    for fact in (
        "Test `iid` of split shift; --ood shows it beside test `popularity`.",
        "chosen by mean NDCG@20 on the validation set `iid`",
        "Mean ± sample standard deviation over seeds.",
        "Gain: NDCG@20 over softmax with the same backbone.",
        "Means over the 4 users with a test item.",
        "All items are ranked but the user's own in train, validation and the other test.",
    ):
        assert fact in caption


def test_notes_name_what_is_uneven(board):
    assert table_of(board).notes == (
        "bpr on mf diverged: the loss became nan in epoch 3; the last finite loss was 0.75 (seed 0; 1 of 1 seeds).",
        "dsl:tau=0.2 on mf: chosen on seed 0, which all configurations share.",
        f"Left out: 1 run of shop, split shift, made with another version of the numerics (0, here {NUMBERS}).",
    )


def test_the_caption_of_the_published_convention(store):
    (board,) = compare(read_runs(store), Query(convention="ir-benchmark")).leaderboards
    caption = table_of(board).caption
    assert "Means over all 8 users, those without a test item counting 0." in caption
    assert "validation items take up ranks" in caption


def test_one_seed_has_no_spread_and_training_that_all_share_is_in_the_caption(tmp_path):
    store = Store(tmp_path)
    store_run(store, "dsl", ndcg=0.25, train={"lr": 0.01, "dim": 32})
    (board,) = compare(read_runs(store), Query()).leaderboards
    table = table_of(board)
    assert [cell.text for cell in table.rows[0]] == ["dsl", "mf", "0.2500", "0.0000", "-", "1", "1"]
    assert not any(cell.spread or cell.detail or cell.best for cell in table.rows[0])
    assert "Trained with dim=32 lr=0.01." in table.caption
    assert "standard deviation" not in table.caption
    assert "Gain" not in table.caption


def test_both_tests_side_by_side(shift):
    (both,), (plain, shifted) = tables_of(shift), recall_tables(shift)
    assert [column.heading for column in both.columns] == [
        "loss", "backbone", "iid NDCG@20", "iid gain", "iid Recall@20", "popularity NDCG@20", "popularity gain",
        "popularity Recall@20", "kept", "iid tail@20", "iid ARP×", "iid Gini", "front", "line", "iid beats",
        "popularity beats", "seeds", "tried",
    ]  # fmt: skip
    assert [[cell.text for cell in row] for row in both.rows] == [
        ["softmax", "mf", "0.2000", "-", "0.5000", "0.1000", "-", "0.5000", "50.0%", "0.1000", "0.5000", "0.5000",
         "yes", "a", "none", "b", "2", "1"],
        ["dsl:tau=0.2", "mf", "0.2500", "+25.0% ≈", "0.2500", "0.0250", "-75.0%", "0.2500", "10.0%", "0.1250", "0.5000",
         "0.5000", "yes", "b", "a", "none", "2", "2"],
        ["bpr", "mf", "diverged", "-", "diverged", "diverged", "-", "diverged", "-", "-", "-", "-", "-", "c", "-", "-",
         "1", "1"],
    ]  # fmt: skip
    assert [(cell.detail, cell.faint) for cell in both.rows[1][3:7:3]] == [
        ("[25.0,25.0]", True),
        ("[-75.0,-75.0]", False),
    ]
    assert "0.125 and 0.062 nats (`iid`)" in both.caption
    best = [[cell.best for cell in row][:9] for row in both.rows]
    assert best[0] == [False, False, False, False, True, True, False, True, True]
    assert best[1] == [False, False, True, False, False, False, False, False, False]
    assert "One model measured on two tests of split shift" in both.caption
    for table, test in ((plain, "iid"), (shifted, "popularity")):
        assert table.title == f"shop, split shift, test {test}: Recall@20 by popularity of the item"
        assert [[cell.text for cell in row] for row in table.rows] == [
            ["softmax", "mf", "0.4000", "0.3000", "0.2000", "0.1000", "0.0000"],
            ["dsl:tau=0.2", "mf", "0.0000", "0.0000", "0.0000", "0.0000", "0.0000"],
            ["bpr", "mf", "-", "-", "-", "-", "-"],
        ]
    assert plain.caption == ""  # the same as that of the next table, which has it
    assert "here 1, 10, 100, 1,000 and 10,000 items" in shifted.caption


def test_two_trainings_show_both_choices_and_the_caption_says_so(tmp_path):
    store = Store(tmp_path)
    for tau, iid, popularity in ((0.1, 0.5, 0.1), (0.2, 0.1, 0.5)):
        store_run(store, "dsl", protocol="iid", params={"tau": tau}, valid=iid, ndcg=tau)
        store_run(store, "dsl", protocol="popularity", params={"tau": tau}, valid=popularity, ndcg=tau)
    store_run(store, "dsl", 1, protocol="iid", params={"tau": 0.1}, valid=0.5, ndcg=0.1)
    store_run(store, "bpr", protocol="popularity", ndcg=0.01)
    (table,) = compare_shift(read_runs(store), Query()).tables
    both, *_ = tables_of(table)
    assert both.title == "shop, splits iid and popularity: tests iid and popularity"
    assert [cell.text for cell in both.rows[0]] == [
        "dsl:tau=0.1 | dsl:tau=0.2", "mf", "0.1000", "-", "0.0000", "0.2000", "-", "0.0000", "200.0%", "0.0500",
        "0.5000", "0.5000", "yes", "a", "none", "b", "2/1", "2",
    ]  # fmt: skip
    assert [cell.text for cell in both.rows[1]][2:9] == ["-", "-", "-", "0.0100", "-", "0.0000", "-"]
    assert "Two trainings" in both.caption
    assert r"dsl:tau=0.1 \| dsl:tau=0.2" in markdown_of(both)


def test_csv_reads_back_in_full(board):
    rows = list(csv.DictReader(io.StringIO(csv_of([board], board.query))))
    assert [row["loss"] for row in rows] == ["dsl:tau=0.2", "softmax", "bpr"]
    dsl, softmax, bpr = rows
    assert float(dsl["ndcg@20_mean"]) == 0.25
    assert float(dsl["ndcg@20_sd"]) == pytest.approx(0.05 * 2**0.5, rel=1e-14)
    assert float(dsl["ndcg@20_gain_percent"]) == pytest.approx(25, rel=1e-13)
    assert dsl["seeds"] == "0 1"
    assert "lr=0.01" in dsl["train"].split()
    assert softmax["ndcg@20_gain_percent"] == ""
    assert (bpr["status"], bpr["ndcg@20_mean"], bpr["users"]) == ("diverged", "", "")


def test_csv_of_both_tests_has_a_row_for_each(shift):
    rows = list(csv.DictReader(io.StringIO(csv_of_shift([shift], shift.plain.query))))
    found = [(row["loss"], row["test"], row["kept_percent"], row["recall@20_group1"]) for row in rows]
    assert found[:2] == [("softmax", "iid", "50.0", "0.4"), ("softmax", "popularity", "50.0", "0.4")]
    assert found[4:] == [("bpr", "iid", "", ""), ("bpr", "popularity", "", "")]


def test_json_of_leaderboards(board):
    (content,) = json.loads(json_of([board]))
    lines = content.pop("lines")
    assert content == {
        "dataset": "shop",
        "protocol": "shift",
        "test": "iid",
        "digest": DIGEST,
        "numbers": NUMBERS,
        "selected_by": "iid",
        "convention": "standard",
        "metrics": ["ndcg@20", "recall@20"],
        "users": 4,
        "left_out": [{"numbers": 0, "digest": DIGEST, "runs": 1}],
    }
    dsl, softmax, bpr = lines
    assert dsl["loss"] == {"label": "dsl:tau=0.2", "name": "dsl", "params": {"tau": 0.2}, "source": ""}
    assert dsl["backbone"] == {"label": "mf", "name": "mf", "params": {}, "source": ""}
    assert (dsl["train"]["lr"], dsl["seeds"], dsl["tried"], dsl["shared_seeds"]) == (0.01, [0, 1], 2, [0])
    assert [len(run) for run in dsl["runs"]] == [12, 12]
    assert dsl["scores"]["ndcg@20"] == {
        "mean": 0.25,
        "sd": pytest.approx(0.05 * 2**0.5),
        "gain_percent": pytest.approx(25),
        "by_seed": [0.3, 0.2],
    }
    recall = {"mean": 0.5, "sd": 0.0, "gain_percent": None, "by_seed": [0.5, 0.5]}
    assert softmax["scores"]["recall@20"] == recall
    assert (bpr["status"], bpr["scores"]) == ("diverged", {})
    assert bpr["reason"].startswith("the loss became nan in epoch 3")


def test_json_of_both_tests(shift):
    (content,) = json.loads(json_of_shift([shift]))
    assert set(content) == {"dataset", "one_model", "plain", "shifted", "shift", "lines"}
    assert content["shift"]["iid"] == {"total_variation": 0.125, "kl_nats": 0.0625}
    assert (content["plain"]["test"], content["shifted"]["test"]) == ("iid", "popularity")
    softmax = content["lines"][0]
    assert softmax["kept_percent"] == 50
    assert softmax["plain"]["scores"]["ndcg@20"]["mean"] == 0.2
    assert softmax["shifted"]["scores"]["ndcg@20"]["mean"] == 0.1
    assert softmax["plain"]["groups"][0] == {"items": 1, "relevant": 20, "hits": 8, "recall": 0.4}
    assert content["lines"][2]["plain"]["groups"] == []
    dsl = content["lines"][1]
    assert (softmax["letter"], softmax["plain"]["against_softmax"], softmax["plain"]["beats"]) == ("a", None, [])
    assert (dsl["letter"], dsl["shifted"]["beats"], softmax["shifted"]["beats"]) == ("b", [], ["b"])
    against = dsl["plain"]["against_softmax"]
    assert (against["low_percent"], against["within_noise"], against["users"]) == (pytest.approx(25), True, 4)
    assert dsl["gain_change"]["value"] == pytest.approx(-100)
    assert dsl["plain"]["scores"]["gini@20"]["mean"] == 0.5
