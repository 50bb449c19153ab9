"""The views for other programs: what their tables show, in full."""

import csv
import io
import json

import pytest

from fake_runs import store_run
from rankbench.report.records import columns_of_view
from rankbench.results.leaderboard import Query
from rankbench.results.store import Store

VIEWS = {
    "group": ("--by", "group"),
    "gamma": ("--curve", "gamma"),
    "pareto": ("--pareto",),
    "arp": ("--matched", "arp"),
    "ndcg": ("--matched", "ndcg"),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Softmax in one configuration; dsl in two on both sides of it, the first chosen; a diverged bpr."""
    store = Store(tmp_path_factory.mktemp("records") / "runs")
    store_run(store, "softmax", protocol="shift", ndcg={"iid": 0.3, "popularity": 0.1}, hits=(4, 3, 2, 1, 0))
    for tau, iid, popularity, valid in ((0.1, 0.2, 0.2, 0.6), (0.2, 0.4, 0.1, 0.3)):
        ndcg = {"iid": iid, "popularity": popularity}
        store_run(store, "dsl", protocol="shift", ndcg=ndcg, params={"tau": tau}, valid=valid)
    store_run(store, "bpr", protocol="shift", diverged="the loss became nan")
    return store


def records(store, report, view: str) -> list[dict]:
    code, text, err = report("--runs", store.root, "--ood", *VIEWS[view], "--json")
    (found,) = json.loads(text)
    assert (code, err, found["view"], found["plain"]["test"]) == (0, "", view, "iid")
    return found["records"]


@pytest.mark.parametrize("view", VIEWS)
def test_csv_has_the_same_records_in_the_columns_of_the_view(store, report, view):
    found = records(store, report, view)
    code, text, _ = report("--runs", store.root, "--ood", *VIEWS[view], "--csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert code == 0
    assert rows == [{key: "" if value is None else str(value) for key, value in record.items()} for record in found]
    assert all(tuple(row) == columns_of_view(view, Query()) for row in rows)
    assert text.splitlines()[0] == report("--runs", store.root / "none", "--ood", *VIEWS[view], "--csv")[1].strip()


def test_groups(store, report):
    found = records(store, report, "group")
    of_softmax = [r for r in found if r["loss"] == "softmax" and r["test"] == "iid"]
    recall = [r["value"] for r in of_softmax if r["measure"] == "recall"]
    assert recall == [0.4, 0.3, 0.2, 0.1, 0.0]
    by_user = [(r["name"], r["value"]) for r in of_softmax if r["by"] == "activity"]
    assert by_user == [(name, pytest.approx(0.3)) for name in ("least", "2", "3", "most")]
    assert {r["loss"] for r in found} == {"softmax", "dsl:tau=0.1"}


def test_every_configuration_with_the_front(store, report):
    found = {r["loss"]: r for r in records(store, report, "pareto")}
    assert [(name, r["chosen"], r["on_front"]) for name, r in sorted(found.items())] == [
        ("dsl:tau=0.1", True, True), ("dsl:tau=0.2", False, True), ("softmax", True, False),
    ]  # fmt: skip
    assert found["dsl:tau=0.2"]["plain_ndcg@20"] == pytest.approx(0.4)
    assert "lr=" in found["softmax"]["train"]


def test_losses_at_the_ndcg_of_softmax(store, report):
    found = {r["loss"]: r for r in records(store, report, "ndcg")}
    dsl = found["dsl"]
    assert (dsl["configurations"], dsl["matched"]) == (2, "ndcg@20")
    assert [dsl[name] for name in ("low", "high", "target", "shifted")] == pytest.approx([0.2, 0.4, 0.3, 0.15])
    assert dsl["shifted_gain_percent"] == pytest.approx(50)
    assert found["softmax"]["shifted_gain_percent"] is None


def test_a_graded_shift(store, report):
    dsl = next(r for r in records(store, report, "gamma") if r["loss"].startswith("dsl"))
    assert [dsl["gamma_0"], dsl["gamma_1"]] == pytest.approx([0.2, 0.2 * 0.6])
    assert dsl["slope"] == pytest.approx(-0.4 * 0.2)


def test_by_k_is_the_report_at_every_k(store, report):
    (found,) = json.loads(report("--runs", store.root, "--ood", "--by", "k", "--json")[1])
    assert found["plain"]["metrics"] == ["ndcg@20", "ndcg@5", "ndcg@10", "ndcg@50", "ndcg@100"]
    assert "ndcg@100_mean" in report("--runs", store.root, "--ood", "--by", "k", "--csv")[1]


def test_runs_of_older_versions_have_no_records(tmp_path, report):
    store = Store(tmp_path / "runs")
    store_run(store, "softmax", protocol="shift", ndcg=0.1, numbers=2)
    assert records(store, report, "gamma") == []
