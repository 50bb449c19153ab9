"""The readers on files as they are published; counts as their origins state them."""

import numpy as np
import pytest

from rankbench.data.archives import open_members
from rankbench.data.catalog import find_dataset
from rankbench.data.filter import Filter
from rankbench.data.formats import Reader, read_published, read_rows, sniff
from rankbench.data.protocols.filtering import filtered

FOUR = {"user": 1, "item": 2, "rating": 3, "time": 4}


@pytest.fixture
def raw(shared_data):
    def find(name):
        file = shared_data / "raw" / name
        if not file.is_file():
            pytest.skip(f"{name} is not in the shared data folder")
        return file

    return find


def read(reader, file, id="str"):
    return read_rows(reader, [file], id).collect(engine="streaming")


def test_movielens_100k(raw, shared_data):
    file = raw("ml-100k/u.data")
    rows = read(Reader("separated", "\t", False, FOUR, "s"), file, "int")
    assert (len(rows), rows["user"].n_unique(), rows["item"].n_unique()) == (100_000, 943, 1_682)
    assert rows.row(0) == (196, 242, 3.0, 881_250_949)
    assert set(rows["rating"]) == {1, 2, 3, 4, 5}
    assert sniff(file).columns == FOUR
    archive = shared_data / "ir-benchmark" / "iid" / "movielens-100k.zip"
    if not archive.is_file():
        pytest.skip("the published split is not in the shared data folder")
    dataset = find_dataset("movielens-100k")
    split = read_published(archive, dataset, dataset.published["iid"])
    pairs = filtered(read_rows(sniff(file), [file], "str"), Filter.core(10, 3))
    assert (pairs.users, pairs.items) == (split.users, split.items)
    assert np.array_equal(pairs.user, split.pairs().user)
    assert np.array_equal(pairs.item, split.pairs().item)


def test_the_titles_of_movielens_100k_are_latin_1(raw):
    reader = Reader("separated", "|", False, {"user": 1, "item": 2}, encoding="latin-1", quoted=False)
    rows = read(reader, raw("ml-100k/u.item"))
    assert len(rows) == 1_682
    assert "Misérables, Les (1995)" in set(rows["item"])


def test_movielens_latest_small(raw):
    file = raw("ml-latest-small/ratings.csv")
    columns = {"user": "userId", "item": "movieId", "rating": "rating", "time": "timestamp"}
    reader = sniff(file)
    assert reader == Reader("separated", ",", True, columns, "s")
    rows = read(reader, file, "int")
    assert (len(rows), rows["user"].n_unique(), rows["item"].n_unique()) == (100_836, 610, 9_724)
    assert rows["rating"].min() == 0.5


def test_hetrec_lastfm(raw):
    file = raw("hetrec2011-lastfm/user_artists.dat")
    columns = {"user": "userID", "item": "artistID", "rating": "weight"}
    rows = read(Reader("separated", "\t", True, columns), file)
    assert (len(rows), rows["user"].n_unique(), rows["item"].n_unique()) == (92_834, 1_892, 17_632)
    assert sniff(file).columns == {"user": "userID", "item": "artistID"}


def test_coat(raw):
    train, test = (read(Reader("matrix", " "), raw(f"coat/{part}.ascii"), "int") for part in ("train", "test"))
    assert (len(train), len(test)) == (6_960, 4_640)
    assert train["user"].max() == 289
    assert set(train.group_by("user").len()["len"]) == {24}
    assert set(test.group_by("user").len()["len"]) == {16}
    assert len(train.join(test, on=["user", "item"])) == 366


@pytest.mark.parametrize(
    ("name", "users", "items", "rows"),
    [
        ("Beauty", 22_363, 12_101, 198_502),
        ("Toys_and_Games", 19_412, 11_924, 167_597),
        ("LastFM", 1_090, 3_646, 52_551),
    ],
)
def test_s3rec_sequences(raw, name, users, items, rows):
    file = raw(f"s3rec-sequences/{name}.txt")
    assert sniff(file) == Reader("ngcf")
    frame = read(Reader("ngcf"), file, "int")
    assert (len(frame), frame["user"].n_unique(), frame["item"].n_unique()) == (rows, users, items)
    assert frame.head(5).rows() == [(1, item) for item in frame["item"].head(5)]


def test_open_bandit(raw, tmp_path):
    columns = {"user": "user_feature_0", "item": "item_id", "rating": "click", "time": "timestamp"}
    reader = Reader("separated", ",", True, columns, "iso")
    archive = raw("open-bandit-small/obd-small.zip")
    clicks = {}
    for part in ("random", "bts"):
        with open_members(archive, "zip", f"{part}/*/*[!t].csv", tmp_path) as files:
            assert [file.name for file in files] == ["all.csv", "men.csv", "women.csv"]
            clicks[part] = [int(read(reader, file)["rating"].sum()) for file in files]
    assert clicks == {"random": [38, 46, 46], "bts": [42, 69, 46]}
    with open_members(archive, "zip", "random/all/all.csv", tmp_path) as (file,):
        rows = read(reader, file)
        assert (len(rows), rows["item"].n_unique(), rows["time"][0]) == (
            10_000,
            80,
            1_574_553_600 + rows["time"][0] % 60,
        )
    assert list(tmp_path.iterdir()) == []


def test_criteo_and_avazu(raw):
    columns = {"user": "device_ip", "item": "site_id", "rating": "click", "time": "hour"}
    rows = read(Reader("separated", ",", True, columns, "yymmddhh"), raw("ctr-samples/avazu/train.csv"))
    assert (len(rows), rows["rating"].sum()) == (8_087, 1_397)
    assert rows["time"][0] == 1_413_849_600
    criteo = Reader("separated", "\t", False, {"user": 15, "item": 16, "rating": 1})
    rows = read(criteo, raw("ctr-samples/criteo/train.csv"))
    assert (len(rows), rows["rating"].sum()) == (7_200, 1_549)
