"""The protocols of IR-Benchmark against its published files, bit for bit."""

import numpy as np
import polars as pl
import pytest

from rankbench.data.catalog import load_catalog
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


def published(shared_data, name, protocol):
    dataset = load_catalog()[name]
    source = dataset.published[protocol]
    file = shared_data / "ir-benchmark" / source.archive
    if not file.is_file():
        pytest.skip(f"{source.archive} is not in the shared data folder")
    return read_published(file, dataset, source)


def same(a: Interactions, b: Interactions) -> bool:
    return np.array_equal(a.indptr, b.indptr) and np.array_equal(a.items, b.items)


def test_iid_of_movielens_100k_from_its_ratings(shared_data):
    columns = {"user": pl.String, "item": pl.String, "rating": pl.Float64, "time": pl.Int64}
    raw = shared_data / "raw" / "ml-100k" / "u.data"
    if not raw.is_file():
        pytest.skip("the ratings of MovieLens 100K are not in the shared data folder")
    pairs = filtered(pl.read_csv(raw, separator="\t", has_header=False, schema=columns), core=10, threshold=3)
    split = published(shared_data, "movielens-100k", "iid")
    train, test = iid(pairs)
    assert (pairs.users, pairs.items) == (split.users, split.items)
    assert same(train, split.train)
    assert same(test, split.test)


@pytest.mark.parametrize("name", ["amazon2014-electronic", "gowalla"])
def test_popularity_from_the_pairs_of_the_iid_files(shared_data, name):
    train, test = popularity(published(shared_data, name, "iid").pairs())
    split = published(shared_data, name, "popularity")
    assert same(train, split.train)
    assert same(test, split.test)


@pytest.mark.parametrize(("name", "protocol"), HERE)
def test_published_files_are_as_announced(shared_data, name, protocol):
    split = published(shared_data, name, protocol)
    if protocol == "temporal":
        assert (split.train.user_counts == 0).any()
        return
    both = split.train.union(split.test)
    assert min(both.user_counts.min(), both.item_counts.min()) >= 10
    assert min(split.train.user_counts.min(), split.train.item_counts.min()) >= 1
