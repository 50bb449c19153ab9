"""`rankbench report --html` and `--plots`: files that are whole or not there."""

import sys

import pytest

from fake_runs import store_run
from rankbench.cli.app import main
from rankbench.results.store import Store

pytest.importorskip("matplotlib")


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "runs")
    for i, loss in enumerate(("softmax", "dsl")):
        store_run(store, loss, protocol="shift", ndcg={"iid": 0.2 + 0.01 * i, "popularity": 0.1}, hits=(5, 4, 3, 2, 1))
    return store


@pytest.fixture
def call(monkeypatch, capsys, store):
    def run(*words, runs=store.root) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["rankbench", "report", *map(str, words), "--runs", str(runs)])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return run


def test_a_page_is_written_and_nothing_else(call, tmp_path):
    code, text, err = call("--html", tmp_path / "out.html")
    assert (code, err) == (0, "")
    assert text.startswith(str(tmp_path / "out.html"))
    assert (tmp_path / "out.html").read_text().startswith("<!DOCTYPE html>")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.html", "runs"]


def test_plots_are_written_as_svg_pdf_and_png(call, tmp_path):
    code, text, _ = call("--plots", tmp_path / "plots")
    assert code == 0
    written = sorted((tmp_path / "plots").iterdir())
    assert sorted(text.split()) == [str(path) for path in written]
    assert {path.suffix for path in written} == {".svg", ".pdf", ".png"}
    assert len(written) == 7 * 3


def test_damaged_runs_are_named_on_the_page_too(call, store, tmp_path):
    (store_run(store, "bpr", protocol="shift").path / "metrics.parquet").unlink()
    code, _, err = call("--html", tmp_path / "out.html")
    assert code == 0
    assert "Left out: 1 stored run" in err
    assert "metrics.parquet is missing" in (tmp_path / "out.html").read_text()


def test_nothing_to_show_writes_nothing(call, tmp_path):
    code, text, err = call("--html", tmp_path / "out.html", runs=tmp_path / "none")
    assert (code, text) == (0, "")
    assert "`rankbench run`" in err
    assert not (tmp_path / "out.html").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--html", "out.txt"), "does not end in .html"),
        (("--html", "none/out.html"), "there is no such folder"),
        (("--html", "out.html", "--json"), "--json is printed"),
        (("--plots", __file__), "is a file"),
    ],
)
def test_wrong_requests_are_refused(call, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    code, text, err = call(*words)
    assert (code, text) == (2, "")
    assert message in err


def test_a_disk_that_is_full_keeps_the_old_page(call, tmp_path, monkeypatch):
    (tmp_path / "out.html").write_text("old")

    def full(self, *args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    code, _, err = call("--html", tmp_path / "out.html")
    assert code == 2
    assert "No space left" in err
    assert (tmp_path / "out.html").read_bytes() == b"old"


def test_without_matplotlib_it_says_what_to_install(call, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, _, err = call("--html", tmp_path / "out.html")
    assert code == 2
    assert "pip install 'rankbench[plot]'" in err
