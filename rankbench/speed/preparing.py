"""How long it takes, and how much memory, to make splits of a made-up file of 25 million ratings, and to read one.

Every split is made in a process of its own, from its start to its end, as `rankbench fetch` does it: all of the file
is read and checked, filtered, divided and written.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections.abc import Generator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from rankbench.speed.ratings import MOVIELENS_1M, MOVIELENS_25M, RatingsShape, write_ratings
from rankbench.speed.results import Measurement, Results

PROTOCOLS = ("iid", "popularity", "temporal")
READING = "reading"
MEMORY = "memory"

_BYTES_A_ROW = 60
"""Of the file and of what is made of it."""

_CATALOGUE = """
[ratings]
threshold = {threshold}
core = {core}

[ratings.raw]
format = "separated"
columns = {{ user = "userId", item = "movieId", rating = "rating", time = "timestamp" }}
time = "s"

[ratings.raw.files.rows]
file = "ratings.csv"
"""


def measure_preparing(
    threads: int, rounds: int, large: RatingsShape = MOVIELENS_25M, small: RatingsShape = MOVIELENS_1M
) -> Generator[str, None, Results]:
    """Return the seconds and the peak memory of each split of the large file, and the time to read one of the small.

    Args:
        threads: that reading files may use.
        rounds: times that the small split is read.
        large, small: what the files have.
    """
    from rankbench.data.disk import need_space

    results = Results()
    with tempfile.TemporaryDirectory(prefix="rankbench-") as folder:
        need_space(Path(folder), large.n_ratings * _BYTES_A_ROW)
        yield f"{large.name}: a file of {large.n_ratings:,} ratings"
        data = _with_catalogue(Path(folder) / large.name, threshold=3, core=10)
        write_ratings(data / "ratings.csv", large)
        for protocol in PROTOCOLS:
            yield f"{large.name}: split {protocol}"
            found = _in_own_process(data, protocol, threads)
            for stage, value, unit in (("", found[0], "s"), (MEMORY, found[1], "MB")) if found else ():
                results.add(
                    Measurement("data", large.name, protocol, stage, "engine", threads, value, value, value, 1, unit)
                )
        yield f"{small.name}: reading a split"
        data = _with_catalogue(Path(folder) / small.name, threshold=0, core=1)
        write_ratings(data / "ratings.csv", small)
        results.add(_reading(data, small, rounds))
    return results


def _with_catalogue(data: Path, threshold: int, core: int) -> Path:
    data.mkdir()
    (data / "datasets.toml").write_text(_CATALOGUE.format(threshold=threshold, core=core), encoding="utf-8")
    return data


def _in_own_process(data: Path, protocol: str, threads: int) -> tuple[float, float] | None:
    """Return the seconds and the peak of the resident memory (MB); None if the system ended it, for want of memory."""
    start = time.perf_counter()
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            peak = pool.submit(_prepare, data, protocol, threads).result()
        except BrokenProcessPool:
            return None
    return time.perf_counter() - start, peak


def _prepare(data: Path, protocol: str, threads: int) -> float:
    """Make a split ready; return the peak of this process's resident memory, in MB."""
    os.environ["POLARS_MAX_THREADS"] = str(threads)  # before it is imported
    from rankbench.data.prepare import ensure_split
    from rankbench.speed.footprint import resident

    ensure_split(data, "ratings", protocol)
    return resident("VmHWM") / 1e6


def _reading(data: Path, shape: RatingsShape, rounds: int) -> Measurement:
    """Return the time in which a split is read from its files, all parts, hashes checked."""
    from rankbench.data.prepare import ensure_split, load_split
    from rankbench.speed.clock import take_turns
    from rankbench.speed.results import in_ms

    ensure_split(data, "ratings", "iid")

    def read() -> float:
        start = time.perf_counter()
        load_split(data, "ratings", "iid")
        return time.perf_counter() - start

    timing = take_turns({READING: read}, rounds)[READING]
    return in_ms("data", shape.name, READING, "engine", 1, timing)
