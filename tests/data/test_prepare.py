import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from rankbench.data import prepare as module
from rankbench.data.folder import read_manifest
from rankbench.data.prepare import Access, ensure_split, find_sound, is_ready, prepare
from rankbench.errors import UserError


def state(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(f): (f.stat().st_ino, f.stat().st_mtime_ns) for f in sorted(folder.rglob("*")) if f.name != ".lock"}


def test_a_published_split_gets_a_validation_set_cut_from_train(small, tmp_path):
    dataset, mirror = small
    split = prepare(tmp_path / "data", dataset, "iid", Access(str(mirror)))
    assert {name: len(part) for name, part in split.parts().items()} == {"train": 18, "valid-iid": 6, "test-iid": 6}
    manifest = read_manifest(tmp_path / "data", "small", "iid")
    assert manifest["source"]["archive"]["checksum"] == dataset.published["iid"].file.checksum
    assert manifest["parameters"]["test set drawn by"] == "published by IR-Benchmark"


def test_shift_is_made_of_the_pairs_of_a_published_iid_split(small, tmp_path):
    dataset, mirror = small
    split = prepare(tmp_path / "data", dataset, "shift", Access(str(mirror)))
    assert sum(map(len, split.parts().values())) == 30
    assert list(split.tests) == ["iid", "popularity"]


@pytest.fixture(autouse=True)
def _small_shift_may_be_empty(request, monkeypatch):
    if "shift_is_made" in request.node.name:  # six users are too few for a popularity test
        monkeypatch.setattr(module, "_check_usable", lambda *_: None)


def test_a_set_too_small_for_a_protocol_is_refused_and_leaves_nothing(small, tmp_path):
    dataset, mirror = small
    with pytest.raises(UserError, match="The split shift of small has nothing in test popularity"):
        prepare(tmp_path / "data", dataset, "shift", Access(str(mirror)))
    assert not (tmp_path / "data" / "small" / "shift").exists()


def test_preparing_again_does_nothing_and_force_makes_it_anew(small, tmp_path):
    dataset, mirror = small
    data, events = tmp_path / "data", []
    first = prepare(data, dataset, "iid", Access(str(mirror)))
    before = state(data)
    assert prepare(data, dataset, "iid", Access("no mirror needed"), events.append).digest == first.digest
    assert events == []
    assert state(data) == before
    assert prepare(data, dataset, "iid", Access(str(mirror), force=True)).digest == first.digest
    assert state(data) != before


def test_a_new_source_in_the_catalogue_makes_the_split_again(small, tmp_path):
    dataset, mirror = small
    data = tmp_path / "data"
    prepare(data, dataset, "iid", Access(str(mirror)))
    assert is_ready(data, dataset, "iid")
    old = dataset.published["iid"]
    other = replace(old, file=replace(old.file, urls=("http://127.0.0.1:9/other.zip",)))
    moved = replace(dataset, published={"iid": other})
    assert not is_ready(data, moved, "iid")
    assert find_sound(data, moved, "iid") is None
    notes = []
    prepare(data, moved, "iid", Access(str(mirror)), notes.append)
    assert "has changed since small iid was made; the split is made again" in notes[0].text
    assert is_ready(data, moved, "iid")


def test_terms_are_told_before_a_download_and_only_then(small, tmp_path):
    dataset, mirror = small
    events = []
    prepare(tmp_path / "data", dataset, "iid", Access(str(mirror)), events.append)
    assert dataset.terms in events[0].text
    assert dataset.cite in events[0].text
    events.clear()
    prepare(tmp_path / "data", dataset, "iid", Access(str(mirror), force=True), events.append)
    assert [event.text for event in events] == ["Preparing small iid."]


def test_ensure_split_checks_names_first_and_loads_without_a_mirror(small, tmp_path, monkeypatch):
    dataset, mirror = small
    with pytest.raises(UserError, match="Unknown data set 'smal'"):
        ensure_split(tmp_path / "data", "smal", "iid")
    monkeypatch.setattr(module, "find_dataset", lambda *_: dataset)
    with pytest.raises(UserError, match="Unknown split of small 'temporal'"):
        ensure_split(tmp_path / "data", "small", "temporal")
    assert not (tmp_path / "data").exists()
    split = ensure_split(tmp_path / "data", "small", "iid", Access(str(mirror)))
    shutil.rmtree(mirror)
    assert ensure_split(tmp_path / "data", "small", "iid").digest == split.digest
    (tmp_path / "data" / "small" / "iid" / "train.parquet").write_bytes(b"")
    with pytest.raises(UserError, match=r"train\.parquet is damaged"):
        ensure_split(tmp_path / "data", "small", "iid")


@pytest.mark.parametrize("fault", [KeyboardInterrupt, OSError, RuntimeError])
def test_a_crash_in_the_middle_leaves_nothing_under_the_final_name(small, tmp_path, monkeypatch, fault):
    dataset, mirror = small
    data, calls, write = tmp_path / "data", [], pq.write_table

    def failing(*arguments, **options):
        calls.append(1)
        if len(calls) == 3:
            raise fault(28, "No space left on device")
        write(*arguments, **options)

    monkeypatch.setattr(pq, "write_table", failing)
    with pytest.raises(UserError if fault is OSError else fault):
        prepare(data, dataset, "iid", Access(str(mirror)))
    assert [f.name for f in (data / "small").iterdir()] == [".lock"]
    assert prepare(data, dataset, "iid", Access(str(mirror))).n_users == 6


def test_a_killed_process_leaves_nothing_under_the_final_name_and_its_leftovers_go(tmp_path):
    code = (
        "import os, signal, json; from pathlib import Path; from rankbench.data.prepare import Access, ensure_split\n"
        "json.dumps = lambda *_, **manifest: os.kill(os.getpid(), signal.SIGKILL) if manifest else ''\n"
        f"ensure_split(Path({str(tmp_path)!r}), 'online-retail', 'temporal')"
    )
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert killed.returncode == -9, killed.stderr
    left = [f.name for f in (tmp_path / "online-retail").iterdir() if f.name != ".lock"]
    assert len(left) == 1
    assert left[0].startswith(".tmp-temporal-")
    ensure_split(tmp_path, "online-retail", "temporal")
    assert sorted(f.name for f in (tmp_path / "online-retail").iterdir()) == [".lock", "temporal"]


def test_two_processes_at_once_prepare_once(tmp_path):
    code = (
        "from pathlib import Path; from rankbench.data.prepare import Access, ensure_split\n"
        f"print(ensure_split(Path({str(tmp_path)!r}), 'online-retail', 'temporal', progress=print).digest)"
    )
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=60)[0].splitlines() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert told[0][-1] == told[1][-1]
    assert sum("Preparing online-retail temporal" in line for lines in told for line in lines) == 1


def test_a_folder_that_cannot_be_written(small, tmp_path):
    dataset, mirror = small
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written: Not a directory") as caught:
        prepare(tmp_path / "file", dataset, "iid", Access(str(mirror)))
    assert "--data DIR" in caught.value.hint


def test_no_space_for_the_split(small, tmp_path, monkeypatch):
    dataset, mirror = small
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=0))
    with pytest.raises(UserError, match=r"Not enough space in .* are missing"):
        prepare(tmp_path / "data", dataset, "iid", Access(str(mirror)))
