"""Stores that something went wrong with: what cannot be relied on is named and counted nowhere."""

import json
import random
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fake_runs import store_run
from rankbench.results.compare import compare
from rankbench.results.compare_shift import compare_shift
from rankbench.results.compare_tests import Metric
from rankbench.results.leaderboard import Query
from rankbench.results.sound import Reading, read_sound, surviving
from rankbench.results.store import DOCUMENTS, TABLES, Store, StoredRun

NDCG = Metric("ndcg", 20)
FILES = [*(f"{name}.json" for name in DOCUMENTS), *(f"{name}.parquet" for name in TABLES)]


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "runs")
    store_run(store, "dsl", 0, ndcg=0.2)
    store_run(store, "bpr", 0, ndcg=0.1)
    return store


def means(store: Store) -> tuple[dict[str, tuple[float, int]], list[str]]:
    """Return mean and number of seeds by loss, and what is said of the runs left out."""
    reading = read_sound(store)
    found, damaged = surviving(reading.runs, lambda kept: compare(kept, Query()))
    lines = [line for board in found.leaderboards for line in board.lines]
    return {line.loss: (line.scores[NDCG].mean, len(line.choice.seeds)) for line in lines}, [
        f"{fault.path.name}: {fault.what}" for fault in (*reading.faults, *damaged)
    ]


def edit(run: StoredRun, name: str, **fields) -> None:
    file = run.path / f"{name}.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))


def test_a_sound_store_has_no_faults(store):
    assert means(store) == ({"dsl": (0.2, 1), "bpr": (0.1, 1)}, [])


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kept", [None, 0.0, 0.5, 0.9], ids=["missing", "empty", "half", "short"])
def test_a_file_that_is_missing_or_cut_off_costs_its_run_only(store, name, kept):
    run = store_run(store, "dsl", 1, ndcg=0.4)
    file = run.path / name
    if kept is None:
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[: int(kept * file.stat().st_size)])
    found, faults = means(store)
    assert found == {"dsl": (0.2, 1), "bpr": (0.1, 1)}
    (fault,) = faults
    assert fault.startswith(f"{run.id}: {name} {'is missing' if kept is None else 'cannot be read'}")
    assert "\n" not in fault


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("spec", {"seed": 7}, "it was changed or renamed"),
        ("spec", {"schedule": "cosine"}, "the field 'schedule', which this version does not know"),
        ("spec", {"train": {"lr": float("nan")}}, "a value that is no number"),
        ("spec", {"labels": None}, "spec.json or outcome.json lacks"),
        ("outcome", {"status": "half"}, "the status 'half'"),
        ("outcome", {"best_valid_ndcg@20": {"iid": "high"}}, "are no numbers"),
        ("outcome", {"best_valid_ndcg@20": {"iid": float("nan")}}, "are no numbers"),
    ],
)
def test_a_document_that_does_not_belong_is_named(store, name, fields, message):
    edit(store_run(store, "dsl", 1, ndcg=0.4), name, **fields)
    found, (fault,) = means(store)
    assert found == {"dsl": (0.2, 1), "bpr": (0.1, 1)}
    assert message in fault


def test_a_field_that_a_later_version_adds_beside_the_results_does_no_harm(store):
    run = store_run(store, "dsl", 1, ndcg=0.4)
    edit(run, "outcome", energy=3)
    edit(run, "env", kernel=3)
    assert means(store) == ({"dsl": (pytest.approx(0.3), 2), "bpr": (0.1, 1)}, [])


def test_a_document_of_another_kind_is_named(store):
    for i, text in enumerate(("[]", "null", '"x"', "[" * 100_000)):
        (store_run(store, "dsl", 1 + i, ndcg=0.4).path / "spec.json").write_text(text)
    found, faults = means(store)
    assert found["dsl"] == (0.2, 1)
    assert len(faults) == 4


@pytest.mark.parametrize("changed", [False, True], ids=["same", "different"])
def test_a_copied_folder_is_no_second_seed(store, changed):
    shop = store.root / "shop"
    run = store_run(store, "dsl", 1, ndcg=0.4)
    shutil.copytree(shop / "iid", shop / "iid-copy")
    if changed:
        shutil.copy(store_run(store, "psl", 0, ndcg=0.9).path / "metrics.parquet", shop / "iid-copy" / run.id)
        shutil.rmtree(store_run(store, "psl", 0).path)
    found, faults = means(store)
    assert found == {"dsl": (pytest.approx(0.3), 2), "bpr": (0.1, 1)}
    assert len(faults) == 3
    (fault,) = [fault for fault in faults if run.id in fault]
    assert f"where the same run lies with {'different' if changed else 'the same'} contents" in fault


def test_a_run_in_the_wrong_place_is_named(store):
    run = store_run(store, "dsl", 1, ndcg=0.4)
    run.path.rename(run.path.with_name("0123456789ab"))
    (store.root / "other" / "iid").mkdir(parents=True)
    lonely = store_run(store, "dsl", 2, ndcg=0.4)
    lonely.path.rename(store.root / "other" / "iid" / lonely.id)
    found, faults = means(store)
    assert found["dsl"] == (0.2, 1)
    assert [message.split(": ", 1)[1].split(":")[0].split(", where")[-1] for message in faults] == [
        " there is none of its name",
        f"its spec.json is that of the run {run.id}",
    ]


def _rows(run: StoredRun, name: str, change) -> None:
    table = change(run.table(name))
    pq.write_table(table, run.path / f"{name}.parquet")


def _nan(table: pa.Table) -> pa.Table:
    place = table.schema.get_field_index("value")
    return table.set_column(place, "value", pa.array([float("nan")] * len(table)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: pa.concat_tables([table, table]), "twice"),
        (lambda table: table[:0], "lacks rows of metrics"),
        (lambda table: table[:3], "lacks recall@20 on iid"),
        (lambda table: table.drop_columns("value"), "lacks the column value"),
        (_nan, "is nan"),
    ],
)
def test_a_table_with_other_rows_is_named_when_it_is_read(store, change, message):
    run = store_run(store, "dsl", 1, ndcg=0.4)
    _rows(run, "metrics", change)
    assert not read_sound(store).faults
    found, (fault,) = means(store)
    assert found == {"dsl": (0.2, 1), "bpr": (0.1, 1)}
    assert message in fault


def test_a_run_that_lacks_a_test_does_not_shorten_its_mean(tmp_path):
    store = Store(tmp_path)
    for seed in range(2):
        run = store_run(store, "dsl", seed, protocol="shift", ndcg=0.2 + 0.2 * seed)
    _rows(run, "metrics", lambda table: table.filter(pa.compute.field("test") != "popularity"))
    reading = read_sound(store)
    found, (fault,) = surviving(reading.runs, lambda kept: compare_shift(kept, Query()))
    assert "lacks numbers on the test popularity" in fault.what
    (pair,) = found.tables[0].pairs
    assert (pair.plain.scores[NDCG].mean, pair.shifted.scores[NDCG].mean) == (0.2, 0.2)


@pytest.mark.parametrize("change", [lambda table: pa.concat_tables([table, table]), lambda table: table[:5]])
def test_popularity_groups_are_summed_once_or_not_at_all(tmp_path, change):
    store = Store(tmp_path)
    for seed in range(2):
        run = store_run(store, "dsl", seed, protocol="shift", hits=(5,) * 5)
    _rows(run, "groups", change)
    found, (fault,) = surviving(read_sound(store).runs, lambda kept: compare_shift(kept, Query()))
    assert "popularity group" in fault.what
    assert found.tables[0].pairs[0].plain_groups[0].relevant == 10


def test_a_flipped_bit_changes_no_number_in_silence(store):
    run = store_run(store, "dsl", 1, ndcg=0.4)
    right, draw = means(store)[0], random.Random(0)
    file = run.path / "metrics.parquet"
    content = file.read_bytes()
    named = 0
    for place in draw.sample(range(len(content)), 60):
        flipped = bytearray(content)
        flipped[place] ^= 1 << draw.randrange(8)
        file.write_bytes(flipped)
        found, faults = means(store)
        named += len(faults)
        assert found == (right if not faults else {"dsl": (0.2, 1), "bpr": (0.1, 1)})
    assert named > 20


def test_a_store_of_nothing_but_damage_reads_as_nothing(store):
    for file in store.root.glob("*/*/*/spec.json"):
        file.unlink()
    reading = read_sound(store)
    assert (reading.runs, len(reading.faults)) == ((), 2)
    assert isinstance(reading, Reading)


def test_what_is_not_about_a_run_is_raised(store):
    with pytest.raises(ZeroDivisionError):
        surviving(read_sound(store).runs, lambda kept: 1 // 0)
