"""`rankbench compare`: what differs between two runs, and for whom."""

import json
import shutil
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fake_runs import store_run
from rankbench.cli.app import main
from rankbench.results.store import Store, StoredRun

OF_A = [0.25, 0.5, 0.5, 0.125]
OF_B = [0.5, 0.5, 0.0, 0.25]


def with_users(run: StoredRun, values: list[float]) -> StoredRun:
    """Give the users of a run these values of NDCG@20 on every test."""
    table = run.table("users")
    place = table.schema.get_field_index("ndcg@20")
    column = pa.array(np.tile(np.float32(values), len(table) // len(values)))
    file = run.path / "users.parquet"
    pq.write_table(
        table.set_column(place, "ndcg@20", column), file, row_group_size=len(values)
    )  # a group for each test
    return run


def with_items(run: StoredRun, hits: list[int]) -> StoredRun:
    """Give a run a table of items with these hits in its first test."""
    first = run.table("users").to_pylist()[0]
    keys = {key: [first[key]] * len(hits) for key in ("selected_by", "convention", "test")}
    of_each = {"item": range(len(hits)), "relevant": [9] * len(hits), "hits@20": hits}
    pq.write_table(pa.table({**keys, **{key: list(of) for key, of in of_each.items()}}), run.path / "items.parquet")
    return run


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


@pytest.fixture
def pair(store):
    a = store_run(store, "softmax", 0, ndcg=0.2, params={"tau": 0.1}, train={"lr": 0.01})
    b = store_run(store, "softmax", 0, ndcg=0.25, params={"tau": 0.2, "rho": 0.5}, train={"lr": 0.01})
    (b.path / "env.json").write_text('{"rankbench": "0.2.0", "libraries": {"torch": "3"}}')
    return with_items(with_users(a, OF_A), [0, 5, 3, 3]), with_items(with_users(b, OF_B), [4, 5, 1, 2])


@pytest.fixture
def call(monkeypatch, capsys, store, tmp_path):
    def run(*words) -> tuple[int, str, str]:
        words = [*map(str, words), "--runs", str(store.root), "--data", str(tmp_path / "data")]
        monkeypatch.setattr(sys, "argv", ["rankbench", "compare", *words])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return run


def test_what_differs_and_nothing_else(pair, call):
    code, text, _ = call(pair[0].id, pair[1].id, "--json")
    found = json.loads(text)
    assert code == 0
    assert found["spec"] == [
        {"field": "loss.tau", "a": 0.1, "b": 0.2},
        {"field": "loss.rho", "a": None, "b": 0.5},
    ]
    assert found["environment"] == [
        {"field": "rankbench", "a": "0.1.0", "b": "0.2.0"},
        {"field": "libraries.torch", "a": None, "b": "3"},
    ]
    (ndcg,) = [one for one in found["reached"] if one["metric"] == "ndcg@20"]
    assert (ndcg["a"], ndcg["b"], ndcg["change_percent"]) == (0.2, 0.25, pytest.approx(25))


def test_users_and_items_are_counted_and_named(pair, call):
    (found,) = json.loads(call(pair[0].id, pair[1].id, "--json", "--most", 1)[1])["by_user"]
    assert (found["better"], found["equal"], found["worse"]) == (2, 1, 1)
    assert found["difference"] == pytest.approx(np.mean(np.subtract(OF_B, OF_A)))
    assert found["users"] == {
        "gain": [{"number": 0, "id": "0", "a": 0.25, "b": 0.5}],
        "lose": [{"number": 2, "id": "2", "a": 0.5, "b": 0.0}],
    }
    names = {"title": "", "relevant": 9}
    assert found["items"] == {
        "gain": [{"number": 0, "id": "0", **names, "a": 0, "b": 4}],
        "lose": [{"number": 2, "id": "2", **names, "a": 3, "b": 1}],
    }


def test_the_other_way_round_is_the_mirror_image(pair, call):
    there = json.loads(call(pair[0].id, pair[1].id, "--json")[1])["by_user"][0]
    back = json.loads(call(pair[1].id, pair[0].id, "--json")[1])["by_user"][0]
    assert (there["better"], there["worse"], there["difference"]) == (
        back["worse"],
        back["better"],
        -back["difference"],
    )
    assert [one["number"] for one in there["users"]["gain"]] == [one["number"] for one in back["users"]["lose"]]


def test_a_run_against_itself_differs_in_nothing(pair, call):
    found = json.loads(call(pair[0].id, pair[0].id, "--json")[1])
    assert (found["spec"], found["environment"]) == ([], [])
    (of,) = found["by_user"]
    assert (of["better"], of["equal"], of["worse"]) == (0, 4, 0)
    assert of["users"] == of["items"] == {"gain": [], "lose": []}
    assert "Their specifications are the same." in call(pair[0].id, pair[0].id)[1]


def test_the_screen(pair, call):
    code, text, err = call(pair[0].id[:6], pair[1].id[:6])
    assert code == 0
    for part in ("loss.tau", "0.2500", "+25.0%", "B better", "gains  0", "loses  2", "in the test"):
        assert part in text
    assert "Users and items by number" in err


def test_runs_of_other_data_have_no_users_in_common(store, call):
    a, b = store_run(store, "dsl", ndcg=0.2), store_run(store, "dsl", dataset="shop-2", ndcg=0.3)
    c = store_run(store, "dsl", digest="e" * 64, ndcg=0.3)
    code, text, err = call(a.id, b.id)
    assert (code, err) == (0, "")
    assert "no users to compare" in text
    assert "shop-2" in text
    assert "two splits of the same name" in call(a.id, c.id)[1]


def test_a_diverged_run_is_said_to_be(store, call):
    a, b = store_run(store, "dsl", ndcg=0.2), store_run(store, "bpr", diverged="the loss became nan", valid={})
    code, text, _ = call(a.id, b.id)
    assert code == 0
    assert "diverged: the loss became nan" in text
    assert "0.2000" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--metric", "ndgc@20"), "Did you mean 'ndcg@20'"),
        (("--select", "popularity"), "Unknown validation set of run"),
    ],
)
def test_wrong_requests_are_refused(pair, call, words, message):
    code, text, err = call(pair[0].id, pair[1].id, *words)
    assert (code, text) == (2, "")
    assert message in err


@pytest.mark.parametrize("name", ["users.parquet", "spec.json", "items.parquet"])
def test_a_damaged_run_is_named(pair, call, name):
    file = pair[1].path / name
    file.write_bytes(file.read_bytes()[:-9])
    code, text, err = call(pair[0].id, pair[1].id)
    assert (code, text) == (2, "")
    assert f"{pair[1].id} is damaged: {name}" in err


def test_other_users_under_the_same_digest_are_no_comparison(pair, call):
    table = pair[1].table("users").filter(pa.compute.field("user") != 0)
    pq.write_table(table, pair[1].path / "users.parquet", row_group_size=len(OF_B) - 1)
    code, _, err = call(pair[0].id, pair[1].id)
    assert code == 2
    assert "have different users" in err


def test_names_come_from_the_split_with_the_digest_only(monkeypatch, capsys, tmp_path):
    from rankbench.data.names import names_of

    monkeypatch.setenv("RANKBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(sys, "argv", ["rankbench", "fetch", "online-retail", "--split", "iid"])
    with pytest.raises(SystemExit):
        main()
    folder = tmp_path / "data" / "online-retail" / "iid"
    digest = json.loads((folder / "manifest.json").read_text())["digest"]
    names = names_of(tmp_path / "data", "online-retail", "iid", digest)
    users = pq.read_table(folder / "users.parquet")["id"].to_pylist()
    assert names.user(7) == str(users[7])
    assert names.title(3) == pq.read_table(folder / "items.parquet")["title"].to_pylist()[3]
    assert names.user(10**9) == str(10**9)
    assert names_of(tmp_path / "data", "online-retail", "iid", "0" * 64).users == ()
    shutil.copy(folder / "manifest.json", folder / "users.parquet")
    assert names_of(tmp_path / "data", "online-retail", "iid", digest).users == ()
