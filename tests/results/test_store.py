import json

import pyarrow as pa
import pytest
from filelock import Timeout

from rankbench.errors import UserError
from rankbench.results.store import FORMAT, Store
from rankbench.spec import Part, RunSpec

SPEC = RunSpec("toy", "shift", "d" * 64, Part("softmax"), Part("mf"), (), 0)
OTHER = RunSpec("toy", "shift", "d" * 64, Part("softmax"), Part("mf"), (), 1)
DOCUMENTS = {"spec": {"seed": 0}, "outcome": {"status": "done"}}
TABLES = {"curve": pa.table({"epoch": [1, 2], "loss": [0.5, 0.25]})}


def test_what_is_written_reads_back(tmp_path):
    store = Store(tmp_path / "runs")
    assert list(store.runs()) == []
    assert not store.has(SPEC)
    written = store.write(SPEC, DOCUMENTS, TABLES)
    assert store.has(SPEC)
    (found,) = Store(tmp_path / "runs").runs()
    assert (found.id, found.path) == (SPEC.id, written.path)
    assert found.spec == {"seed": 0}
    assert not found.diverged
    assert found.table("curve").equals(TABLES["curve"])


def test_a_run_being_made_is_no_run(tmp_path):
    store = Store(tmp_path)
    (store.working_folder(SPEC) / "spec.json").write_text("{}")
    assert not store.has(SPEC)
    assert list(store.runs()) == []


def test_a_crash_while_writing_leaves_no_run_and_loses_none(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.write(OTHER, DOCUMENTS, TABLES)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pyarrow.parquet.ParquetWriter", full)
    with pytest.raises(UserError, match="No space left"):
        store.write(SPEC, DOCUMENTS, TABLES)
    assert [run.id for run in store.runs()] == [OTHER.id]
    monkeypatch.undo()
    store.write(SPEC, DOCUMENTS, TABLES)
    assert {run.id for run in store.runs()} == {OTHER.id, SPEC.id}


def test_a_run_made_again_replaces_the_old_one(tmp_path):
    store = Store(tmp_path)
    store.write(SPEC, DOCUMENTS, TABLES)
    (store.working_folder(SPEC) / "checkpoint.pt").write_bytes(b"x")
    store.write(SPEC, {**DOCUMENTS, "spec": {"seed": 9}}, TABLES)
    (found,) = store.runs()
    assert found.spec == {"seed": 9}
    assert sorted(p.name for p in found.path.parent.iterdir()) == [SPEC.id]
    assert sorted(p.name for p in found.path.iterdir()) == ["curve.parquet", "outcome.json", "spec.json"]


def test_a_run_is_locked_by_one_at_a_time(tmp_path):
    store = Store(tmp_path)
    with store.lock(SPEC).acquire(blocking=False):
        with pytest.raises(Timeout):
            store.lock(SPEC).acquire(blocking=False)
        with store.lock(OTHER).acquire(blocking=False):
            pass


@pytest.mark.parametrize("text", [json.dumps({"format": FORMAT + 1}), "not json", "[]"])
def test_a_store_that_cannot_be_read_is_left_alone(tmp_path, text):
    (tmp_path / "store.json").write_text(text)
    with pytest.raises(UserError) as caught:
        Store(tmp_path)
    assert "--runs" in caught.value.hint
    assert (tmp_path / "store.json").read_text() == text


def test_a_damaged_run_is_named(tmp_path):
    store = Store(tmp_path)
    run = store.write(SPEC, DOCUMENTS, TABLES)
    (run.path / "outcome.json").write_text("{")
    (run.path / "curve.parquet").write_bytes(b"PAR1")
    (found,) = store.runs()
    with pytest.raises(UserError, match=r"outcome\.json"):
        _ = found.outcome
    with pytest.raises(UserError, match=r"curve\.parquet"):
        found.table("curve")


def test_a_store_that_cannot_be_written(tmp_path):
    (tmp_path / "runs").write_text("a file where the folder should be")
    with pytest.raises(UserError, match="is not a folder of runs"):
        Store(tmp_path / "runs").working_folder(SPEC)
