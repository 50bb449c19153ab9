"""From original files to splits, through a catalogue of one's own."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from rankbench.data.catalog import load_catalog
from rankbench.data.dataset import Dataset
from rankbench.data.folder import load_split, read_manifest
from rankbench.data.prepare import Access, prepare
from rankbench.errors import UserError

CATALOGUE = """
[shop]
title = "Shop"
home = "https://example.org"
licence = "none stated"
terms = "For tests."
cite = "Nobody."
threshold = 3
core = 2
id = "str"

[shop.raw]
format = "separated"
separator = "::"
header = false
columns = { user = 1, item = 2, rating = 3, time = 4 }
time = "s"

[shop.raw.files.ratings]
urls = ["http://127.0.0.1:9/shop.zip"]
archive = "zip"
member = "shop/ratings.dat"

[shop.protocols.strong]
threshold = 4
users = 1
items = 1
held_out = 3

[lists]
title = "Lists"
home = "https://example.org"
licence = "none stated"
terms = "For tests."
cite = "Nobody."
core = 1
id = "int"

[lists.raw]
format = "ngcf"

[lists.raw.files.train]
urls = ["http://127.0.0.1:9/train.txt"]

[lists.raw.files.test]
urls = ["http://127.0.0.1:9/test.txt"]

[coats]
title = "Coats"
home = "https://example.org"
licence = "none stated"
terms = "For tests."
cite = "Nobody."
threshold = 4
core = 1
id = "int"

[coats.raw]
format = "matrix"
separator = " "
login = "Ask at https://example.org."
apart = true

[coats.raw.files.logged]
path = "coats/train.ascii"

[coats.raw.files.exposed]
path = "coats/test.ascii"

[clicks]
title = "Clicks"
home = "https://example.org"
licence = "none stated"
terms = "For tests. They have no users."
cite = "Nobody."

[clicks.raw.files.log]
urls = ["http://127.0.0.1:9/log.txt"]
"""


@pytest.fixture
def catalogue(tmp_path):
    (tmp_path / "datasets.toml").write_text(CATALOGUE)
    return load_catalog(tmp_path / "datasets.toml")


@pytest.fixture
def mirror(tmp_path) -> Path:
    rng = np.random.default_rng(0)
    folder = tmp_path / "mirror" / "raw"
    for name in ("shop", "lists", "coats"):
        (folder / name).mkdir(parents=True)
    rows = [
        f"u{u}::i{i}::{rng.integers(1, 6)}::{rng.integers(1000)}"
        for u in range(30)
        for i in sorted(rng.choice(20, 12, replace=False))
    ]
    with zipfile.ZipFile(folder / "shop" / "shop.zip", "w") as archive:
        archive.writestr("shop/ratings.dat", "\n".join(rows))
        archive.writestr("shop/README", "not this one")
    (folder / "lists" / "train.txt").write_text("0 1 2 3 4 5 6 7 8 9\n1 0 2 4 6 8\n2 5 6 7 8 9\n")
    (folder / "lists" / "test.txt").write_text("0 0\n1\n2 1 2\n")
    logged, exposed = rng.integers(0, 6, (20, 12)), rng.integers(0, 6, (20, 12))
    exposed[logged > 0] = 0
    for name, matrix in (("train", logged), ("test", exposed)):
        np.savetxt(folder / "coats" / f"{name}.ascii", matrix, fmt="%d")
    return tmp_path / "mirror"


def made(tmp_path: Path, dataset: Dataset, protocol: str, mirror: Path):
    return prepare(tmp_path / "data", dataset, protocol, Access(str(mirror)))


@pytest.mark.parametrize("protocol", ["shift", "iid", "popularity", "popularity-inverse", "temporal", "leave-one-out"])
def test_every_protocol_is_made_of_original_ratings(catalogue, mirror, tmp_path, protocol):
    split = made(tmp_path, catalogue["shop"], protocol, mirror)
    assert load_split(tmp_path / "data", "shop", protocol).digest == split.digest
    manifest = read_manifest(tmp_path / "data", "shop", protocol)
    assert manifest["source"]["files"]["ratings"]["member"] == "shop/ratings.dat"
    assert manifest["source"]["filter"] == "ratings >= 3, users >= 2, items >= 2, iterative"
    assert set(manifest["pins"]) == {"raw/shop/shop.zip"}
    assert len(manifest["pins"]["raw/shop/shop.zip"]["sha256"]) == 64
    assert not list((tmp_path / "data" / "archives").rglob("*ratings.dat"))


def test_a_protocol_has_a_filter_of_its_own(catalogue, mirror, tmp_path):
    strong = made(tmp_path, catalogue["shop"], "strong", mirror)
    assert "ratings >= 4" in read_manifest(tmp_path / "data", "shop", "strong")["source"]["filter"]
    assert (strong.valids["iid"].user_counts > 0).sum() <= 3
    assert strong.fold_in is not None


def test_noise_is_part_of_the_protocol_and_of_its_folder(catalogue, mirror, tmp_path):
    plain = made(tmp_path, catalogue["shop"], "iid", mirror)
    noisy = made(tmp_path, catalogue["shop"], "iid+false-positive:0.20", mirror)
    assert len(noisy.train) > len(plain.train)
    assert noisy.tests["iid"].items.tolist() == plain.tests["iid"].items.tolist()
    assert (tmp_path / "data" / "shop" / "iid+false-positive=0.2" / "train.parquet").is_file()


def test_a_split_as_published_in_two_files_of_lists(catalogue, mirror, tmp_path):
    split = made(tmp_path, catalogue["lists"], "iid", mirror)
    assert {name: len(part) for name, part in split.parts().items()} == {"train": 16, "valid-iid": 3, "test-iid": 3}
    assert list(zip(split.tests["iid"].users.tolist(), split.tests["iid"].items.tolist(), strict=True)) == [
        (0, 0), (2, 1), (2, 2),
    ]  # fmt: skip


def test_exposed_items_are_ranked_and_apart(catalogue, mirror, tmp_path):
    split = made(tmp_path, catalogue["coats"], "exposure", mirror)
    assert split.exposed is not None
    assert len(split.exposed.union(split.tests["exposure"])) == len(split.exposed)
    logged = np.loadtxt(mirror / "raw" / "coats" / "train.ascii")
    np.savetxt(mirror / "raw" / "coats" / "test.ascii", np.maximum(logged, 1), fmt="%d")
    with pytest.raises(UserError, match="of the exposed part are in the logged part too"):
        prepare(tmp_path / "other", catalogue["coats"], "exposure", Access(str(mirror)))


def test_what_takes_a_login_says_where_and_takes_a_copy(catalogue, mirror, tmp_path):
    coats, data = catalogue["coats"], tmp_path / "data"
    with pytest.raises(UserError, match=r"coats takes a login: Ask at https://example.org.*--from PATH"):
        prepare(data, coats, "exposure")
    split = prepare(data, coats, "exposure", Access(given=mirror / "raw" / "coats"))
    assert len(split.train)
    assert (data / "archives" / "raw" / "coats" / "train.ascii").is_file()


def test_a_changed_file_that_was_pinned_is_refused_unless_forced(catalogue, mirror, tmp_path):
    lists, data = catalogue["lists"], tmp_path / "data"
    prepare(data, lists, "iid", Access(str(mirror)))
    (data / "archives" / "raw" / "lists" / "test.txt").unlink()
    (mirror / "raw" / "lists" / "test.txt").write_text("0 0\n2 1\n")
    with pytest.raises(UserError, match="it is not what it was on"):
        prepare(data, lists, "popularity", Access(str(mirror), offline=True))
    split = prepare(data, lists, "iid", Access(str(mirror), offline=True, force=True))
    assert len(split.tests["iid"]) == 2


def test_a_new_filter_in_the_catalogue_makes_the_split_again(catalogue, mirror, tmp_path):
    made(tmp_path, catalogue["shop"], "iid", mirror)
    (tmp_path / "datasets.toml").write_text(CATALOGUE.replace("core = 2", "core = 3"))
    again = load_catalog(tmp_path / "datasets.toml")["shop"]
    notes = []
    prepare(tmp_path / "data", again, "iid", Access(str(mirror)), notes.append)
    assert "has changed since shop iid was made; the split is made again" in notes[0].text


def test_data_without_users_have_files_and_no_splits(catalogue):
    assert catalogue["clicks"].protocols == ()
    with pytest.raises(UserError, match="Unknown split of clicks"):
        catalogue["clicks"].source_of("iid")
    assert [str(file.path) for file in catalogue["clicks"].files] == ["raw/clicks/log.txt"]
    assert json.dumps([file.urls for file in catalogue["clicks"].files]) == '[["http://127.0.0.1:9/log.txt"]]'
