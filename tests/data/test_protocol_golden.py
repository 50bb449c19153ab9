"""The splits of the embedded set are the golden ones: other digests mean other results under old names."""

from pathlib import Path

import polars as pl
import pytest

import rankbench.data
from rankbench.data.filter import Filter
from rankbench.data.protocol import read_protocol
from rankbench.data.protocols import divide
from rankbench.data.protocols.filtering import filtered
from rankbench.data.protocols.parts import Pairs

DIGESTS = {
    "popularity-inverse": "a124c936e94f57fb7da61ea3d2f0cbdc93af0b932a7c4b4613e0119e2b85065b",
    "leave-one-out": "e8ac01d94a15ecff4c035b635acc38e6841765d98b391e7706a43a0d1851e3e6",
    "strong": "b93580e4152e434c93aceaac1351442b0e559917e7911edecdd1b7f8532171a8",
    "shift+false-positive:0.1": "958736ebd7dabf9aba68934b514f8aaa68e274b04978694984be601235d98656",
    "iid+false-negative:0.1": "f206e4ddd16bfd142b2fe00e00530cc707b1bc1c9429c435d23deec5a7d09921",
    "iid+false-negative:0.05+false-positive:0.2": "cdc98092ab4aed73cc3697525e9d7f2fd0b31f3034f0560044fa5a6e42bb8285",
}


@pytest.fixture(scope="module")
def pairs() -> dict[bool, Pairs]:
    """The filtered pairs, without and with times."""
    file = Path(str(rankbench.data.__file__)).parent / "embedded" / "online-retail" / "interactions.parquet"
    frame = pl.read_parquet(file).select(pl.col("user", "item").cast(pl.String), time=pl.col("timestamp"))
    return {timed: filtered(frame, Filter.core(10), timed=timed) for timed in (False, True)}


@pytest.mark.parametrize("protocol", DIGESTS)
def test_the_splits_are_the_golden_ones(pairs, protocol):
    parts = divide(protocol, pairs[read_protocol(protocol).timed])
    assert parts.split("online-retail", protocol).digest == DIGESTS[protocol]
