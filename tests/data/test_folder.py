import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import platformdirs
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rankbench.data.catalog import find_dataset
from rankbench.data.disk import new_folder
from rankbench.data.folder import default_data_folder, load_split, read_manifest
from rankbench.data.prepare import Access, prepare
from rankbench.errors import UserError


@pytest.fixture
def ready(small, tmp_path) -> Path:
    """A data folder with the small set's iid split."""
    dataset, mirror = small
    prepare(tmp_path / "data", dataset, "iid", Access(str(mirror)))
    return tmp_path / "data"


def test_layout(retail):
    folder = retail / "online-retail" / "shift"
    parts = ["test-iid", "test-popularity", "train", "valid-iid", "valid-popularity"]
    assert sorted(file.name for file in folder.iterdir()) == sorted(
        ["manifest.json", "users.parquet", "items.parquet", *(f"{part}.parquet" for part in parts)]
    )
    for part in parts:
        table = pq.read_table(folder / f"{part}.parquet")
        assert table.schema.equals(pa.schema({"user": pa.int32(), "item": pa.int32()}))
        rows = list(zip(*(table[name].to_pylist() for name in ("user", "item")), strict=True))
        assert rows == sorted(set(rows))
    users, items = (pq.read_table(folder / f"{kind}.parquet").to_pydict() for kind in ("users", "items"))
    assert users["user"] == list(range(3_691))
    assert users["id"] == sorted(users["id"])
    assert users["id"][0] == "12347"
    assert items["item"] == list(range(2_779))
    assert items["id"] == sorted(items["id"])
    assert dict(zip(items["id"], items["title"], strict=True))["85123A"] == "WHITE HANGING HEART T-LIGHT HOLDER"


def test_manifest(retail, retail_splits):
    manifest = read_manifest(retail, "online-retail", "popularity")
    assert manifest["digest"] == retail_splits["popularity"].digest
    assert manifest["licence"] == "CC BY 4.0"
    assert "doi:10.24432/C5BW33" in manifest["terms"]
    assert manifest["parameters"]["seed"] == 0
    assert manifest["conventions"] == [
        "train, validation and test sets share no pair",
        "every user of a validation or test set occurs in train",
        "every item of a validation or test set occurs in train",
        "every user occurs in train",
        "every item occurs in train",
    ]
    test = manifest["parts"]["test-popularity"]
    assert (test["pairs"], test["users"]) == (51_859, 3_602)
    assert test["gini"] == pytest.approx(0.143, abs=5e-4)
    assert test["kl_from_train"] > 0
    assert 0.4 < test["total_variation_from_train"] < 0.6
    assert manifest["parts"]["train"]["kl_from_train"] == 0
    temporal = read_manifest(retail, "online-retail", "temporal")["conventions"]
    assert "every item occurs in train" not in temporal
    assert "every item of a validation or test set occurs in train" in temporal


def test_what_is_loaded_is_what_was_written(retail, retail_splits):
    for protocol, split in retail_splits.items():
        loaded = load_split(retail, "online-retail", protocol)
        assert loaded.digest == split.digest
        assert (loaded.dataset, loaded.protocol) == ("online-retail", protocol)
        for name, part in loaded.parts().items():
            assert part.indptr.dtype == np.int64
            assert part.items.dtype == np.int32
            assert (part.n_users, part.n_items) == (3_691, 2_779), name


def test_loading_needs_no_data_frames_no_network_and_no_torch(ready):
    code = (
        "import sys; from pathlib import Path; from rankbench.data.prepare import Access, load_split\n"
        f"load_split(Path({str(ready)!r}), 'small', 'iid')\n"
        "print([m for m in ('torch', 'numba', 'polars', 'httpx', 'rich', 'typer') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_missing_split_is_an_error_with_the_command(tmp_path):
    with pytest.raises(UserError, match="The split iid of small is not in") as caught:
        load_split(tmp_path, "small", "iid")
    assert caught.value.hint == "Run `rankbench fetch small --split iid`."


def damage_parquet(folder: Path) -> str:
    file = folder / "train.parquet"
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    file.write_bytes(bytes(content))
    return "train.parquet is damaged: expected sha256"


def remove_parquet(folder: Path) -> str:
    (folder / "test-iid.parquet").unlink()
    return "test-iid.parquet is missing"


def swap_content(folder: Path) -> str:
    """Other pairs, and a manifest that vouches for the file: only the digest tells."""
    from rankbench.data.download import sha256_of

    table = pq.read_table(folder / "test-iid.parquet")
    pq.write_table(table.slice(1), folder / "test-iid.parquet")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["test-iid.parquet"] = sha256_of(folder / "test-iid.parquet")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return "manifest.json: the digest is not that of the files"


def cut_manifest(folder: Path) -> str:
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text[:100])
    return "manifest.json is damaged"


def lose_key(folder: Path) -> str:
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["files"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return "manifest.json is damaged: 'files'"


def other_format(folder: Path) -> str:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"format": 99}))
    return "manifest.json is of format 99, this rankbench reads format 1"


DAMAGES = [damage_parquet, remove_parquet, swap_content, cut_manifest, lose_key, other_format]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_the_file_named_and_mended_by_fetching_again(ready, small, damage):
    dataset, mirror = small
    expected = damage(ready / "small" / "iid")
    with pytest.raises(UserError) as caught:
        load_split(ready, "small", "iid")
    assert expected in caught.value.message
    assert str(ready / "small" / "iid") in caught.value.message
    assert "rankbench fetch small --split iid --force" in caught.value.hint
    notes = []
    prepare(ready, dataset, "iid", Access(str(mirror)), notes.append)
    assert expected in notes[0].text
    assert load_split(ready, "small", "iid").n_users == 6


def test_the_data_folder(monkeypatch):
    monkeypatch.delenv("RANKBENCH_DATA", raising=False)
    assert default_data_folder() == platformdirs.user_data_path("rankbench")
    monkeypatch.setenv("RANKBENCH_DATA", "~/somewhere")
    assert default_data_folder() == Path.home() / "somewhere"


def test_a_new_folder_replaces_the_old_one_as_a_whole(tmp_path):
    final = tmp_path / "a" / "final"
    for text in ("old", "new"):
        with new_folder(final) as folder:
            (folder / text).write_text(text)
    assert [file.name for file in final.iterdir()] == ["new"]
    assert list(final.parent.iterdir()) == [final]


def test_the_old_folder_stays_when_the_new_one_fails(tmp_path, monkeypatch):
    final = tmp_path / "final"
    with new_folder(final) as folder:
        (folder / "old").write_text("")
    with pytest.raises(ZeroDivisionError), new_folder(final) as folder:
        (folder / "new").write_text(str(1 / 0))
    rename = Path.rename

    def failing(path: Path, to: Path) -> Path:
        if path.name.startswith(".tmp-") and not path.name.endswith("-old"):
            raise OSError(28, "No space left on device")
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(UserError, match="No space left"), new_folder(final) as folder:
        (folder / "new").write_text("")
    assert [file.name for file in final.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [final]


def test_the_titles_of_the_embedded_set_are_those_that_ship(retail):
    embedded = find_dataset("online-retail").embedded
    assert embedded is not None
    shipped = pq.read_table(embedded.items).to_pydict()
    titles = dict(zip(shipped["item"], shipped["title"], strict=True))
    items = pq.read_table(retail / "online-retail" / "iid" / "items.parquet").to_pydict()
    assert items["title"] == [titles[item] for item in items["id"]]
