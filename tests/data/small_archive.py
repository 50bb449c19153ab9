"""A published data set small enough to write down: its archive and its entry in the catalogue."""

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path, PurePosixPath

from rankbench.data.catalog import find_dataset
from rankbench.data.dataset import Dataset, Published, Settings
from rankbench.data.filter import Filter
from rankbench.data.sources import RemoteFile


def tsv(header: tuple[str, str], rows) -> str:
    return "\n".join("\t".join(map(str, row)) for row in [header, *rows]) + "\n"


def archive_files(n_users: int = 6, n_items: int = 8) -> dict[str, str]:
    """The files of a small published split: user u has items u, u + 1, ..., the last one is test."""
    train = [(u, (u + k) % n_items) for u in range(n_users) for k in range(4)]
    test = [(u, (u + 4) % n_items) for u in range(n_users)]
    return {
        "train.tsv": tsv(("user_procid", "item_procid"), sorted(train)),
        "test.tsv": tsv(("user_procid", "item_procid"), sorted(test)),
        "user_list.tsv": tsv(("user_orgid", "user_procid"), [(f"U{u}", u) for u in range(n_users)]),
        "item_list.tsv": tsv(("item_orgid", "item_procid"), [(f"00{i}", i) for i in range(n_items)]),
        "summary.txt": "small",
    }


def write_archive(file: Path, files: dict[str, str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)


def small_dataset(mirror: Path) -> Dataset:
    content = (mirror / "iid" / "small.zip").read_bytes()
    file = RemoteFile(
        path=PurePosixPath("iid/small.zip"),
        urls=("http://127.0.0.1:9/small.zip",),  # nothing listens on the discard port
        bytes=len(content),
        checksum=f"sha256:{hashlib.sha256(content).hexdigest()}",
    )
    published = Published(file, train=24, test=6)
    model = find_dataset("movielens-100k")
    return replace(
        model,
        name="small",
        title="Small",
        users=6,
        items=8,
        interactions=30,
        settings=Settings(Filter(), "str"),
        published={"iid": published},
        raw=None,
    )
