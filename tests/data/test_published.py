"""The protocols of IR-Benchmark against its published files, bit for bit."""

import hashlib

import polars as pl
import pytest

from rankbench.data.catalog import load_catalog
from rankbench.data.filter import Filter
from rankbench.data.formats import read_published
from rankbench.data.interactions import Interactions
from rankbench.data.protocols.filtering import filtered
from rankbench.data.protocols.iid import iid
from rankbench.data.protocols.popularity import popularity

HERE = [
    (d.name, protocol)
    for d in load_catalog().values()
    for protocol in d.published
    if f"{d.name} {protocol}"
    in (
        *("amazon2014-electronic iid", "amazon2014-electronic popularity", "amazon2014-health iid", "food iid"),
        *("food temporal", "movielens-100k iid", "movielens-1m temporal"),
    )
]


SHA256 = {
    "movielens-100k iid": (
        "ab40948f1452f76c6be1d6110cd243cf15860bdfe1197ecb49d695a3b897100a",
        "69be6ea7cad9ca1da2e45022f3cedaad32114eae187ab5c5bfd0a4c240e9f3d1",
    ),
    "amazon2014-electronic popularity": (
        "57b7a9a468965b08706743d7a4f6ed334de511cf67657752d52bf483fac4e1ba",
        "622b56bbde3387a4c5b386876f609a0b9579ba438656cf214eb33d04d1fb4a8b",
    ),
    "gowalla popularity": (
        "71ff05fbee17f0e3c1cc5a78ca1621919cb1dcb6d46bc6bb092af277599e8c27",
        "20538e5f614740ce9fc93b3b78ce91176cce58515698f85e81c05d79fa11b9bb",
    ),
}
"""Of the published train and test pairs, sorted, a line `user item` each."""


def sha256_of(part: Interactions) -> str:
    lines = "".join(f"{user} {item}\n" for user, item in zip(part.users.tolist(), part.items.tolist(), strict=True))
    return hashlib.sha256(lines.encode()).hexdigest()


@pytest.mark.parametrize("split", SHA256)
def test_the_published_pairs_have_these_hashes(shared_data, split):
    made = published(shared_data, *split.split())
    assert (sha256_of(made.train), sha256_of(made.test)) == SHA256[split]


def published(shared_data, name, protocol):
    dataset = load_catalog()[name]
    source = dataset.published[protocol]
    file = shared_data / "ir-benchmark" / source.file.path
    if not file.is_file():
        pytest.skip(f"{source.file.path} is not in the shared data folder")
    return read_published(file, dataset, source)


def test_iid_of_movielens_100k_from_its_ratings(shared_data):
    columns = {"user": pl.String, "item": pl.String, "rating": pl.Float64, "time": pl.Int64}
    raw = shared_data / "raw" / "ml-100k" / "u.data"
    if not raw.is_file():
        pytest.skip("the ratings of MovieLens 100K are not in the shared data folder")
    pairs = filtered(pl.read_csv(raw, separator="\t", has_header=False, schema=columns), Filter.core(10, 3))
    train, test = iid(pairs)
    assert (sha256_of(train), sha256_of(test)) == SHA256["movielens-100k iid"]
    split = published(shared_data, "movielens-100k", "iid")
    assert (pairs.users, pairs.items) == (split.users, split.items)


@pytest.mark.parametrize("name", ["amazon2014-electronic", "gowalla"])
def test_popularity_from_the_pairs_of_the_iid_files(shared_data, name):
    train, test = popularity(published(shared_data, name, "iid").pairs())
    assert (sha256_of(train), sha256_of(test)) == SHA256[f"{name} popularity"]


@pytest.mark.parametrize(("name", "protocol"), HERE)
def test_published_files_are_as_announced(shared_data, name, protocol):
    split = published(shared_data, name, protocol)
    if protocol == "temporal":
        assert (split.train.user_counts == 0).any()
        return
    both = split.train.union(split.test)
    assert min(both.user_counts.min(), both.item_counts.min()) >= 10
    assert min(split.train.user_counts.min(), split.train.item_counts.min()) >= 1
