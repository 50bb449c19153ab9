"""The part `data` of the benchmark, on a small file, and the file itself."""

import polars as pl
import pytest

from rankbench.errors import UserError
from rankbench.speed import preparing
from rankbench.speed.benchmark import PARTS, read_parts
from rankbench.speed.preparing import MEMORY, READING, measure_preparing
from rankbench.speed.ratings import RatingsShape, write_ratings

SMALL = RatingsShape("small", 900, 400, 30_000)


def test_a_file_has_the_shape_that_it_is_asked_for_and_is_the_same_again(tmp_path):
    write_ratings(tmp_path / "a.csv", SMALL)
    write_ratings(tmp_path / "b.csv", SMALL)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    frame = pl.read_csv(tmp_path / "a.csv")
    assert frame.columns == ["userId", "movieId", "rating", "timestamp"]
    assert (len(frame), frame["userId"].n_unique(), frame["movieId"].n_unique()) == (30_000, 900, 400)
    assert not frame.select("userId", "movieId").is_duplicated().any()
    assert set(frame["rating"]) == {half / 2 for half in range(1, 11)}
    assert 0.75 < (frame["rating"] >= 3).mean() < 0.9
    assert frame["timestamp"].min() > 8e8


def test_every_protocol_is_made_in_a_process_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(preparing, "PROTOCOLS", ("popularity", "temporal"))
    measuring, told = measure_preparing(2, 1, SMALL, RatingsShape("tiny", 200, 100, 4_000)), []
    while True:
        try:
            told.append(next(measuring))
        except StopIteration as end:
            results = end.value
            break
    assert told == [
        "small: a file of 30,000 ratings", *(f"small: split {protocol}" for protocol in preparing.PROTOCOLS),
        "tiny: reading a split",
    ]  # fmt: skip
    for protocol in preparing.PROTOCOLS:
        seconds = results.find("data", "small", protocol, "engine")
        memory = results.find("data", "small", protocol, "engine", MEMORY)
        assert (seconds.unit, memory.unit) == ("s", "MB")
        assert memory.median > 50
    assert results.find("data", "tiny", READING, "engine").unit == "ms"
    assert not list(tmp_path.iterdir())


def test_data_are_measured_only_when_asked_for():
    assert "data" not in PARTS
    assert read_parts("data,step") == ("step", "data")
    with pytest.raises(UserError, match="Did you mean 'data'"):
        read_parts("dta")
