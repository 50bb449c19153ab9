import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from rankbench.cli.fetch import fetch
from rankbench.data.catalog import load_catalog
from rankbench.errors import UserError

NOWHERE = "http://127.0.0.1:9"
"""Nothing listens on the discard port."""


def invoke(*words: object, **env: str) -> tuple[int, str, str]:
    """Run the command as typed; an error of the user ends it with 2 and is shown, as `rankbench` does."""
    app = typer.Typer()
    app.command()(fetch)
    result = CliRunner().invoke(app, [str(word) for word in words], env=env)
    if isinstance(result.exception, UserError):
        return 2, result.stdout, result.stderr + str(result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def run(monkeypatch):
    for name in ("RANKBENCH_DATA", "RANKBENCH_MIRROR", "COLUMNS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return invoke


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """What the first `rankbench fetch` on a machine shows, and the folder that it fills."""
    folder = tmp_path_factory.mktemp("data")
    return folder, invoke("--data", folder)


@pytest.fixture
def data(first) -> Path:
    return first[0]


@pytest.fixture
def mirror(shared_data) -> Path:
    return shared_data / "ir-benchmark"


def test_without_a_name_the_built_in_set_is_made_ready_and_the_catalogue_shown(first):
    folder, (code, out, err) = first
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == list(load_catalog())
    retail, wines = out.splitlines()[1:3]
    assert retail.split() == [
        "online-retail",
        "3,691",
        "2,779",
        "259,294",
        "shift",
        "iid",
        "popularity",
        "temporal",
        "ready",
    ]
    assert wines.rstrip().endswith("not fetched")
    assert next(line for line in out.splitlines() if line.startswith("yahoo-r3")).rstrip().endswith("takes a login")
    assert [f"Preparing online-retail {p}." in err for p in ("shift", "iid", "popularity", "temporal")] == [True] * 4
    assert f"`rankbench fetch NAME` makes the splits of a data set ready, in {folder}." in err
    assert "\x1b" not in out + err


def test_a_second_time_nothing_is_done_and_that_is_said(run, data):
    before = {f: f.stat().st_mtime_ns for f in data.rglob("*.parquet")}
    code, out, err = run("--data", data)
    assert code == 0
    assert "Nothing to do." in err
    assert "--force makes them again" in err
    assert "ready" in out
    assert {f: f.stat().st_mtime_ns for f in data.rglob("*.parquet")} == before


def test_force_makes_it_again(run, data):
    before = (data / "online-retail" / "temporal" / "manifest.json").stat().st_ino
    code, out, err = run("online-retail", "--split", "temporal", "--data", data, "--force")
    assert code == 0
    assert "Preparing online-retail temporal." in err
    assert (data / "online-retail" / "temporal" / "manifest.json").stat().st_ino != before
    assert "test-temporal" in out


def test_json_is_the_catalogue_and_its_state(run, data):
    code, out, _ = run("--data", data, "--json")
    assert code == 0
    found = {d["name"]: d for d in json.loads(out)["datasets"]}
    assert list(found) == list(load_catalog())
    retail = found["online-retail"]
    assert (retail["users"], retail["items"], retail["interactions"]) == (3_691, 2_779, 259_294)
    usual = ("shift", "iid", "popularity", "temporal")
    assert {p for p, s in retail["splits"].items() if s["state"] == "ready"} == set(usual)
    assert Path(retail["splits"]["shift"]["folder"]) == data / "online-retail" / "shift"
    assert len(retail["splits"]["shift"]["digest"]) == 64
    assert found["gowalla"]["splits"]["iid"]["state"] == "not fetched"
    assert found["gowalla"]["splits"]["iid"]["source"]["archive"]["bytes"] == 3_922_436
    assert "no licence" in found["gowalla"]["terms"]


def test_a_published_set_from_a_mirror(run, mirror, tmp_path):
    code, out, err = run("amazon2014-health", "--data", tmp_path, RANKBENCH_MIRROR=str(mirror))
    assert code == 0
    assert err.index("state no licence") < err.index("Cite: McAuley") < err.index("Preparing amazon2014-health shift")
    assert err.count("Cite:") == 1
    rows = [line.split() for line in out.splitlines()[1:]]
    assert ["amazon2014-health", "iid", "test-iid", "10,405", "1,974", "1,187", "0.446"][:5] in [r[:5] for r in rows]
    assert {r[1] for r in rows} == {"shift", "iid"}
    code, out, err = run("amazon2014-health", "--split", "iid", "--json", RANKBENCH_DATA=str(tmp_path))
    assert code == 0
    assert "Nothing to do" in err
    assert [d["name"] for d in json.loads(out)["datasets"]] == ["amazon2014-health"]


def test_one_fault_does_not_hinder_the_others(run, mirror, tmp_path, monkeypatch):
    from rankbench.data.download import patience

    monkeypatch.setattr(patience, "DEFAULT", patience.Patience(tries=1))
    (tmp_path / "mirror" / "iid").mkdir(parents=True)
    good = (mirror / "iid" / "amazon2014-health.zip").read_bytes()
    (tmp_path / "mirror" / "iid" / "amazon2014-health.zip").write_bytes(good)
    (tmp_path / "mirror" / "iid" / "movielens-100k.zip").write_bytes(b"<html>not found</html>")
    names = "movielens-100k", "amazon2014-health"
    words = *names, "--split", "iid", "--data", tmp_path / "data", "--mirror", tmp_path / "mirror"
    code, out, err = run(*words, https_proxy=NOWHERE, no_proxy="")
    assert code == 2
    assert "1 of 2 splits are not ready." in err
    assert "movielens-100k iid:" in err
    assert "expected 202,110 bytes, got 22; it is a web page (HTML)" in err
    assert "Connection refused (1 try)" in err
    assert "amazon2014-health" in out
    assert "movielens-100k" not in out
    assert not (tmp_path / "data" / "movielens-100k" / "iid").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["gowala"], "Unknown data set 'gowala'. Did you mean 'gowalla'"),
        (["gowalla", "--split", "exposure"], "Unknown split of gowalla 'exposure'"),
        (["online-retail", "--split", "idd"], "Did you mean 'iid'"),
        (["online-retail", "--split", ","], "--split names no split"),
        (["gowalla", "--mirror", "nowhere"], "The mirror nowhere is not a folder"),
        (["--splits", "iid"], "No such option"),
    ],
)
def test_mistakes_end_with_2_and_write_nothing(run, tmp_path, words, expected):
    code, out, err = run(*words, "--data", tmp_path / "data")
    assert code == 2
    assert expected in err
    assert out == ""
    assert not list((tmp_path / "data").rglob("*.parquet"))


def test_names_are_checked_before_anything_is_done(run, tmp_path):
    code, _, err = run("online-retail", "gowala", "--data", tmp_path / "data")
    assert code == 2
    assert "Unknown data set 'gowala'" in err
    assert not (tmp_path / "data").exists()


def test_a_folder_that_cannot_be_written_ends_with_2(run, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = run("online-retail", "--split", "iid", "--data", tmp_path / "file")
    assert code == 2
    assert "cannot be written" in err
    assert "--data DIR" in err


def test_tables_fit_80_columns(data, mirror):
    import io

    from rich.console import Console

    from rankbench.cli.catalogue import catalogue_table, splits_table

    catalog = load_catalog()
    screen = Console(file=io.StringIO(), width=80)
    screen.print(catalogue_table(Path("/data"), catalog.values()))
    screen.print(splits_table(data, [(catalog["online-retail"], p) for p in catalog["online-retail"].usual]))
    lines = screen.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines)
    for name in catalog:
        states = ("not fetched", "takes a login")
        assert any(line.startswith(f"{name} ") and line.rstrip().endswith(states) for line in lines), name
    assert any(line.split()[:4] == ["online-retail", "shift", "test-popularity", "25,929"] for line in lines)


def test_fetch_starts_without_torch_and_numba(data):
    code = (
        "import sys, typer; from rankbench.cli.fetch import fetch\n"
        "app = typer.Typer(); app.command()(fetch)\n"
        f"app(['online-retail', '--data', {str(data)!r}], standalone_mode=False)\n"
        "print([m for m in ('torch', 'numba', 'polars', 'httpx') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "[]"


def test_check_asks_every_link_and_fetches_nothing(run, tmp_path):
    code, out, err = run(
        "online-retail", "movielens-100k", "--check", "--data", tmp_path, https_proxy=NOWHERE, no_proxy=""
    )
    assert code == 1
    assert "online-retail ships with the package" in err
    links = [line for line in out.splitlines()[1:] if line.startswith("movielens-100k")]
    assert len(links) == 2
    assert not any(" yes " in line for line in links)
    code, out, _ = run("yahoo-r3", "--check", "--json", "--data", tmp_path)
    assert (code, out) == (0, "[]\n")
    assert not list(tmp_path.iterdir())


def test_data_without_users_are_fetched_as_files(run, tmp_path):
    mirror = tmp_path / "mirror" / "raw" / "otto"
    mirror.mkdir(parents=True)
    (mirror / "otto-recsys-train.jsonl").write_text("{}")
    code, out, err = run("otto", "--data", tmp_path / "data", "--mirror", tmp_path / "mirror")
    assert code == 0
    assert "OTTO" in err
    assert (tmp_path / "data" / "archives" / "raw" / "otto" / "otto-recsys-train.jsonl").read_text() == "{}"
    assert out.splitlines()[0].endswith("otto-recsys-train.jsonl")


def test_from_goes_with_one_set_and_must_be_there(run, tmp_path):
    assert "goes with one data set" in run("coat", "gowalla", "--from", tmp_path)[2]
    code, _, err = run("yahoo-r3", "--split", "iid", "--from", tmp_path / "none", "--data", tmp_path)
    assert code == 2
    assert "is not there" in err
