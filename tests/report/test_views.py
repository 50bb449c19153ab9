"""The views behind the table of robustness: graded shift, groups, every K."""

import numpy as np
import pytest

from fake_runs import store_run
from rankbench.evaluation.meanings import GAMMAS
from rankbench.report.by_cut_off import at_every_cut_off
from rankbench.report.shift_table import ranges
from rankbench.report.view import tables_of_view
from rankbench.results.compare_shift import compare_shift
from rankbench.results.leaderboard import Query
from rankbench.results.sound import read_sound
from rankbench.results.store import Store


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "runs")
    for loss, ndcg in (("softmax", 0.2), ("dsl", 0.4)):
        for seed in range(2):
            store_run(store, loss, seed, protocol="shift", ndcg=ndcg + 0.1 * seed, hits=(4, 3, 2, 1, 0))
    store_run(store, "bpr", protocol="shift", diverged="the loss became nan in epoch 3")
    return store


def view(store: Store, name: str):
    query = at_every_cut_off(Query()) if name == "k" else Query()
    runs = read_sound(store).runs
    (table,) = compare_shift(runs, query).tables
    return tables_of_view(table, name, runs)


def texts(table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def test_one_table_is_the_answer_and_the_others_are_asked_for(store):
    (both,) = view(store, "")
    assert both.title == "shop, split shift: tests iid and popularity"


def test_the_curve_of_a_graded_shift_with_its_slope(store):
    (table,) = view(store, "gamma")
    dsl, softmax = texts(table)
    falls = np.array([1, *(1 - 0.1 * (i + 1) for i in range(len(GAMMAS)))])
    assert dsl == ["dsl", "mf", *(f"{0.45 * fall:.4f}" for fall in falls), f"{-0.4 * 0.45:+.4f}"]
    assert softmax[2] == "0.2500"
    assert [column.title for column in table.columns[2:]] == ["γ=0", "γ=0.25", "γ=0.5", "γ=0.75", "γ=1", "slope"]
    assert table.rows[0][-1].detail == "[-0.1800,-0.1800]"
    assert "0.125 and 0.062 nats (`iid`)" in table.caption


def test_groups_of_items_and_users(store):
    tables = {table.title.removeprefix("shop, split shift, test "): table for table in view(store, "group")}
    assert texts(tables["iid: Recall@20 by popularity of the item"])[0][2:] == [
        "0.4000", "0.3000", "0.2000", "0.1000", "0.0000",
    ]  # fmt: skip
    assert texts(tables["iid: NDCG@20 of the test items of a popularity group alone"])[0][2:] == ["0.5000"] * 5
    assert texts(tables["popularity: what hits with each popularity group add to NDCG@20"])[0][2:] == ["0.1000"] * 5
    by_user = texts(tables["iid: NDCG@20 by the activity of the user"])
    assert by_user == [["dsl", "mf", *["0.4500"] * 4, "0.0000"], ["softmax", "mf", *["0.2500"] * 4, "0.0000"]]
    assert len(tables) == 10


def test_every_cut_off(store):
    (table,) = view(store, "k")
    assert [column.heading for column in table.columns[2:7]] == ["iid @5", "iid @10", "iid @20", "iid @50", "iid @100"]
    dsl, softmax, bpr = texts(table)
    assert dsl[2:7] == ["0.5000", "0.5500", "0.4500", "0.9500", "1.4500"]  # K/100 higher but at 20
    assert bpr[2] == "diverged"
    assert softmax[7] == "0.3000"


def test_runs_of_older_versions_have_no_curve_and_no_groups_of_users(tmp_path):
    store = Store(tmp_path / "runs")
    store_run(store, "softmax", protocol="shift", ndcg=0.1, numbers=2)
    assert view(store, "gamma") == ()
    assert len(view(store, "group")) == 2


@pytest.fixture
def sweeps(tmp_path):
    """Softmax with one configuration; dsl with two on both sides of it and one that nothing recommends."""
    store = Store(tmp_path / "swept")
    store_run(store, "softmax", protocol="shift", ndcg={"iid": 0.3, "popularity": 0.1})
    for tau, iid, popularity, valid in ((0.1, 0.2, 0.2, 0.3), (0.2, 0.4, 0.1, 0.6), (0.3, 0.1, 0.05, 0.1)):
        ndcg = {"iid": iid, "popularity": popularity}
        store_run(store, "dsl", protocol="shift", ndcg=ndcg, params={"tau": tau}, valid=valid)
    return store


def test_the_front_of_all_configurations(sweeps):
    table, covered = view(sweeps, "pareto")
    assert [(row[0].text, row[0].detail) for row in table.rows] == [("dsl:tau=0.1", ""), ("dsl:tau=0.2", "chosen")]
    assert "4 configurations" in table.title
    dsl = 0.5 * 0.5 * 1 + 1 * 1 * 0.5 - 0.5 * 0.5 * 0.5  # NDCG, tail NDCG and NDCG under shift, evenness 1
    softmax = 0.75 * 0.75 * 0.5
    assert texts(covered) == [
        ["dsl", "mf", "3", "2", "-", f"{dsl:.4f}", f"{dsl - softmax:.4f}"],
        ["softmax", "mf", "1", "0", "-", f"{softmax:.4f}", "0.0000"],
    ]
    assert f"all together {dsl:.4f}" in covered.caption


def test_how_often_a_configuration_is_on_the_front(tmp_path):
    store = Store(tmp_path / "seeds")
    for seed, (softmax, dsl) in enumerate(((0.2, 0.3), (0.3, 0.26))):
        store_run(store, "softmax", seed, protocol="shift", ndcg=softmax)
        store_run(store, "dsl", seed, protocol="shift", ndcg=dsl)
    table, covered = view(store, "pareto")  # of 4 draws of two seeds, softmax is ahead where seed 1 is drawn twice
    assert [(row[0].text, row[-1].text) for row in table.rows] == [("dsl", "75%")]
    assert {row[0].text: row[4].text for row in covered.rows} == {"dsl": "75%", "softmax": "25%"}
    (both, *_) = view(store, "")
    place = [column.title for column in both.columns].index("front")
    assert [(row[place].text, row[place].detail) for row in both.rows] == [("yes", "75%"), ("no", "25%")]


@pytest.mark.parametrize(("by", "range_"), [("arp", "10.00..40.00"), ("ndcg", "0.1000..0.4000")])
def test_losses_at_the_popularity_or_ndcg_of_softmax(sweeps, by, range_):
    (table,) = view(sweeps, by)
    rows = {row[0]: row for row in texts(table)}
    assert rows["dsl"] == ["dsl", "mf", range_, "3", "30.00", "0.3000", "+0.0%", "0.1500", "+50.0%"]
    assert rows["softmax"][4:] == ["30.00", "0.3000", "-", "0.1000", "-"]


def test_a_sweep_that_does_not_reach_softmax_has_a_dash(tmp_path):
    store = Store(tmp_path / "far")
    store_run(store, "softmax", protocol="shift", ndcg=0.3)
    store_run(store, "dsl", protocol="shift", ndcg=0.2)
    (table,) = view(store, "arp")
    assert {row[0]: row[4] for row in texts(table)} == {"softmax": "30.00", "dsl": "-"}


def test_letters_in_a_row_are_written_as_a_range():
    order = ["a", "b", "c", "d", "e", "f"]
    assert ranges(["b", "a", "e"], order) == "a b e"
    assert ranges(["f", "c", "d", "e", "a"], order) == "a c-f"
    assert ranges([], order) == ""
