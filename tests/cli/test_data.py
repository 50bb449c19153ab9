"""`rankbench data`: list, verify, remove, path."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rankbench.cli.app import app
from rankbench.data.prepare import Access, ensure_split
from rankbench.errors import UserError


@pytest.fixture
def folder(tmp_path) -> Path:
    for protocol in ("iid", "iid+false-positive:0.2"):
        ensure_split(tmp_path / "data", "x-wines-slim", protocol)
    return tmp_path / "data"


def call(folder: Path, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["data", *words, "--data", str(folder)], env={"COLUMNS": "80"})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


def test_what_is_there_is_listed_found_and_removed(folder):
    code, text = call(folder, "list")
    assert code == 0
    assert [line.split()[:2] for line in text.splitlines()[1:]] == [
        ["x-wines-slim", "iid"],
        ["x-wines-slim", "iid+false-positive:0.2"],
    ]
    noisy = folder / "x-wines-slim" / "iid+false-positive=0.2"
    assert call(folder, "path", "x-wines-slim", "--split", "iid+false-positive:0.20") == (0, f"{noisy}\n")
    code, text = call(folder, "remove", "x-wines-slim", "--split", "iid+false-positive:0.2")
    assert (code, text.split(",")[0]) == (0, "Removed x-wines-slim iid+false-positive:0.2")
    assert not noisy.exists()
    found = json.loads(call(folder, "list", "--json")[1])
    assert [split["protocol"] for split in found["splits"]] == ["iid"]
    assert found["splits"][0]["bytes"] == sum(f.stat().st_size for f in (folder / "x-wines-slim" / "iid").iterdir())
    assert [f.name for f in (folder / "x-wines-slim").iterdir() if f.name.startswith(".tmp")] == []


def test_verify_names_what_is_wrong(folder):
    code, text = call(folder, "verify")
    assert (code, text) == (0, "x-wines-slim iid: sound\nx-wines-slim iid+false-positive:0.2: sound\n")
    file = folder / "x-wines-slim" / "iid" / "train.parquet"
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)
    code, text = call(folder, "verify", "--json")
    assert code == 1
    bad, good = json.loads(text)
    assert f"{file} is damaged" in bad["fault"]
    assert good["fault"] == ""


def test_verify_hashes_downloads_too(tmp_path, shared_mirror):
    ensure_split(tmp_path, "amazon2014-health", "iid", Access(str(shared_mirror)))
    archive = tmp_path / "archives" / "iid" / "amazon2014-health.zip"
    assert call(tmp_path, "verify", "amazon2014-health")[1].endswith("iid/amazon2014-health.zip: sound\n")
    archive.write_bytes(archive.read_bytes()[:-1] + b"x")
    code, text = call(tmp_path, "verify")
    assert code == 1
    assert f"{archive} is not what it should be" in text
    assert archive.is_file()


@pytest.fixture
def shared_mirror() -> Path:
    mirror = Path(__file__).parents[2].parent / "shared" / "data" / "ir-benchmark"
    if not mirror.is_dir():
        pytest.skip("needs the published archives in ../shared/data")
    return mirror


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("path", "x-wine"), "Unknown prepared data set 'x-wine'. Did you mean 'x-wines-slim'"),
        (("remove", "x-wines-slim", "--split", "shift"), "The split shift of x-wines-slim is not in"),
        (("remove", "x-wines-slim", "--split", "idd"), "Unknown split 'idd'"),
        (("verify", "x-wine"), "Unknown data set 'x-wine'"),
    ],
)
def test_wrong_requests_are_refused(folder, words, message):
    with pytest.raises(UserError, match=message):
        call(folder, *words)
    assert (folder / "x-wines-slim" / "iid" / "train.parquet").is_file()
