"""What the tests of data share: prepared splits of the embedded set, a small published set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from faulty_server import Server, faulty_server
from small_archive import archive_files, small_dataset, write_archive

from rankbench.data.dataset import Dataset
from rankbench.data.interactions import Split
from rankbench.data.prepare import ensure_split, protocols_of


@pytest.fixture(scope="session")
def retail(tmp_path_factory) -> Path:
    """A data folder with the embedded set in all its protocols."""
    data = tmp_path_factory.mktemp("retail")
    for protocol in protocols_of("online-retail"):
        ensure_split(data, "online-retail", protocol)
    return data


@pytest.fixture(scope="session")
def retail_splits(retail) -> dict[str, Split]:
    return {protocol: ensure_split(retail, "online-retail", protocol) for protocol in protocols_of("online-retail")}


@pytest.fixture
def small(tmp_path) -> tuple[Dataset, Path]:
    """A small published data set, and a mirror folder that has its archive."""
    mirror = tmp_path / "mirror"
    write_archive(mirror / "iid" / "small.zip", archive_files())
    return small_dataset(mirror), mirror


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    """A web server on this machine, reached without the proxies of the environment."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with faulty_server() as running:
        yield running
