"""The same lines as two validation sets choose them."""

import csv
import io
import json

import pytest

from fake_runs import store_run
from rankbench.report.both_choices import choices_table, shift_choices_table
from rankbench.results.both_choices import compare_both, compare_shift_both
from rankbench.results.leaderboard import Query
from rankbench.results.sound import read_sound
from rankbench.results.store import Store


@pytest.fixture
def store(tmp_path):
    """Softmax in one configuration, dsl in two: each validation set prefers another one. An epoch chosen by
    `popularity` is .02 higher for dsl. A protocol with one validation set beside it."""
    store = Store(tmp_path / "runs")
    store_run(store, "softmax", protocol="shift", ndcg={"iid": 0.2, "popularity": 0.1})
    for tau, iid, popularity in ((0.1, 0.6, 0.2), (0.2, 0.4, 0.3)):
        store_run(
            store,
            "dsl",
            protocol="shift",
            ndcg={"iid": iid / 2, "popularity": popularity / 2},
            valid={"iid": iid, "popularity": popularity},
            params={"tau": tau},
            shift=0.02,
        )
    store_run(store, "bpr", protocol="shift", diverged="the loss became nan")
    store_run(store, "softmax", protocol="iid", ndcg=0.3)
    return store


def texts(table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def test_both_choices_of_a_leaderboard_stand_side_by_side(store):
    both = compare_both(read_sound(store).runs, Query())
    alone, shift = sorted(both.found, key=len)
    dsl, softmax, bpr = texts(choices_table(shift))
    assert dsl == [
        "dsl:tau=0.1 | dsl:tau=0.2", "mf", "0.3000", "+50.0%", "0.2200", "+10.0%", "-26.7%", "5",
    ]  # fmt: skip
    assert softmax == ["softmax", "mf", "0.2000", "-", "0.2000", "-", "=", "5"]
    assert bpr[2:] == ["diverged", "-", "diverged", "-", "-", "-"]
    assert [line.choice.loss.name for line in alone[0].lines] == ["softmax"]
    assert both.omitted == ("shop, split iid: it has no validation set 'popularity', so there is one choice.",)


def test_both_choices_of_robustness(store):
    both = compare_shift_both(read_sound(store).runs, Query(losses=("dsl", "softmax")))
    (tables,) = both.found
    table = shift_choices_table(tables)
    dsl, _ = texts(table)
    assert dsl[2:] == [
        "0.3000", "+50.0%", "0.2200", "+10.0%", "-26.7%",
        "0.1000", "+0.0% ≈", "0.1700", "+70.0%", "+70.0%",
        "5",
    ]  # fmt: skip
    assert [column.heading for column in table.columns[7:12]] == [
        "popularity by iid", "popularity gain", "popularity by popularity", "popularity gain", "popularity change",
    ]  # fmt: skip


def test_an_epoch_is_the_mean_over_seeds_and_differs_between_the_sets(tmp_path):
    store = Store(tmp_path / "runs")
    for seed in range(2):
        path = store_run(store, "softmax", seed, protocol="shift", ndcg=0.2).path / "outcome.json"
        outcome = json.loads(path.read_text())
        outcome["best_epoch"] = {"iid": 10 + 5 * seed, "popularity": 5}
        path.write_text(json.dumps(outcome))
    (boards,) = compare_both(read_sound(store).runs, Query()).found
    assert texts(choices_table(boards))[0][-1] == "12.5 | 5"


def test_every_form_of_both_choices(store, report):
    code, text, err = report("--runs", store.root, "--select", "both", "--json")
    assert (code, [b["selected_by"] for b in json.loads(text)]) == (0, ["iid", "iid", "popularity"])
    assert "split iid: it has no validation set 'popularity'" in err
    code, text, _ = report("--runs", store.root, "--select", "both", "--ood", "--csv", "--loss", "dsl")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["selected_by"], row["test"], row["loss"]) for row in rows] == [
        (select, test, f"dsl:tau={tau}")
        for select, tau in (("iid", 0.1), ("popularity", 0.2))
        for test in ("iid", "popularity")
    ]
    for form in ("--markdown", "--latex"):
        code, text, _ = report("--runs", store.root, "--select", "both", "--ood", form)
        assert code == 0
        assert "by popularity" in text
