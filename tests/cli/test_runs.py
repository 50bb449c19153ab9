"""`rankbench runs`: list, show, remove, and the way of runs from one store into another."""

import io
import json
import shlex
import shutil
import stat
import sys
import zipfile

import pytest

from fake_runs import store_run
from rankbench.cli.app import main
from rankbench.report.sparkline import sparkline
from rankbench.results.store import Store


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "runs")
    store_run(store, "dsl", 0, protocol="shift", ndcg=0.1234, params={"tau": 0.1}, train={"lr": 0.01})
    store_run(store, "bpr", 1, backbone="lightgcn", ndcg=0.2)
    return store


@pytest.fixture
def call(monkeypatch, capsys, store):
    """Run `rankbench runs ...` on the store in this process; return exit code, stdout and stderr."""

    def run(*words, runs=store.root) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["rankbench", "runs", *map(str, words), "--runs", str(runs)])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return run


def id_of(store: Store, loss: str) -> str:
    return next(run.id for run in store.runs() if run.spec["loss"]["name"] == loss)


def test_list_has_a_line_for_each_run(store, call):
    code, text, err = call("list")
    assert (code, err) == (0, "")
    assert "2 runs" in text
    (line,) = [line.split() for line in text.splitlines() if line.startswith(id_of(store, "dsl"))]
    assert line[1:8] == ["shop", "shift", "dsl:tau=0.1", "lr=0.01", "mf", "0", "0.5000"]


@pytest.mark.parametrize(
    ("words", "loss"),
    [(("--loss", "dsl"), "dsl"), (("--backbone", "lightgcn"), "bpr"), (("--split", "shift"), "dsl")],
)
def test_list_keeps_what_is_asked_for(call, words, loss):
    found = json.loads(call("list", *words, "--json")[1])
    assert [run["loss"]["name"] for run in found["runs"]] == [loss]
    assert set(found) == {"runs", "damaged"}


def test_list_names_and_counts_what_is_damaged(store, call):
    run = store_run(store, "psl", 0)
    (run.path / "users.parquet").write_bytes(b"PAR1")
    code, text, err = call("list")
    assert code == 0
    assert run.id not in text
    assert "Left out: 1 stored run that cannot be relied on" in err
    assert f"{run.path}: users.parquet cannot be read" in err
    found = json.loads(call("list", "--json")[1])
    assert len(found["runs"]) == 2
    assert [entry["path"] for entry in found["damaged"]] == [str(run.path)]


def test_list_says_where_there_is_nothing(call, tmp_path):
    assert "`rankbench run` makes some" in call("list", runs=tmp_path / "none")[2]
    assert "has all these names" in call("list", "--loss", "dsl", "--backbone", "lightgcn")[2]
    code, _, err = call("list", "--loss", "dls")
    assert code == 2
    assert "Did you mean 'dsl'" in err


def test_show_tells_all_of_a_run(store, call):
    code, text, err = call("show", id_of(store, "dsl")[:5])
    assert (code, err) == (0, "")
    for part in ("shop, split shift", "dsl:tau=0.1", "lr=0.01", "rankbench 0.1.0", "0.1234", "popularity NDCG@20"):
        assert part in text
    assert text.splitlines()[-1].startswith("rankbench run --dataset shop --split shift")
    found = json.loads(call("show", id_of(store, "dsl"), "--json")[1])
    assert {"curve", "metrics", "environment", "command"} <= set(found)
    assert found["curve"][0]["loss"] == 0.75


def test_a_diverged_run_shows_why(store, call):
    run = store_run(store, "psl", 0, diverged="the loss became nan", valid={})
    code, text, _ = call("show", run.id)
    assert code == 0
    assert "diverged after 1 epochs: the loss became nan" in " ".join(text.split())


def test_the_command_makes_the_same_run(monkeypatch, capsys, tmp_path):
    """What `run --dry-run` says of the printed command is the identifier of the run that it was printed for."""
    monkeypatch.setenv("RANKBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    words = "--loss softmax:tau=0.2,incl=true --seed 3 --epochs 1 --eval-every 1 --negatives 2 --dim 4 --split iid"
    words += " --item-table freqdouble:10%,40%"

    def run(*command: str) -> str:
        monkeypatch.setattr(sys, "argv", [*command])
        with pytest.raises(SystemExit):
            main()
        return capsys.readouterr().out

    run("rankbench", "run", *words.split())
    (listed,) = json.loads(run("rankbench", "runs", "list", "--json"))["runs"]
    again = run(*shlex.split(listed["command"]), "--dry-run", "--json")
    assert [entry["id"] for entry in json.loads(again)] == [listed["id"]]
    assert listed["tables"]["item"]["table"] == "freqdouble:10%,40%"
    assert "items freqdouble:10%,40%" in " ".join(run("rankbench", "runs", "show", listed["id"]).split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show", "zz"), "is too short"),
        (("show", "zzzz"), "There is no run 'zzzz'"),
        (("remove", "zzzz", "--yes"), "There is no run"),
        (("show", "./nowhere"), "There is no run"),
        (("export", "x.tar"), "does not end in .zip"),
        (("import", "none.zip"), "none.zip is missing"),
    ],
)
def test_wrong_requests_are_refused(call, words, message):
    code, text, err = call(*words)
    assert (code, text) == (2, "")
    assert message in err


def test_an_identifier_that_is_there_twice_is_not_guessed(store, call):
    run = id_of(store, "dsl")
    shutil.copytree(store.root / "shop" / "shift", store.root / "shop" / "copy")
    code, _, err = call("show", run)
    assert code == 2
    assert "begins 2 runs" in err
    assert call("remove", store.root / "shop" / "copy" / run, "--yes")[0] == 0
    assert call("show", run)[0] == 0


def test_remove_asks_and_takes_the_whole_run(store, call, monkeypatch):
    run = id_of(store, "dsl")
    for answer in ("n\n", ""):
        monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
        code, text, err = call("remove", run)
        assert (code, text.strip()) == (1, "")
        assert "Remove 1 run for good?" in err
    assert len(list(store.runs())) == 2
    code, text, _ = call("remove", run, "--yes")
    assert code == 0
    assert run in text
    assert [stored.spec["loss"]["name"] for stored in store.runs()] == ["bpr"]
    assert list((store.root / "shop" / "shift").iterdir()) == []


def test_remove_takes_nothing_when_one_of_the_names_is_wrong(store, call):
    assert call("remove", id_of(store, "dsl"), "ffff", "--yes")[0] == 2
    assert len(list(store.runs())) == 2


def test_remove_that_is_stopped_leaves_no_half_run(store, call, monkeypatch):
    def stopped(path, **kwargs):
        if not kwargs:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr("rankbench.results.lookup.shutil.rmtree", stopped)
    code, _, err = call("remove", id_of(store, "dsl"), "--yes")
    assert code == 2
    assert "Input/output error" in err
    assert [run.spec["loss"]["name"] for run in store.runs()] == ["bpr"]


def test_remove_takes_no_folder_but_a_run_of_the_store(store, call, tmp_path):
    (tmp_path / "thesis").mkdir()
    other = store_run(Store(tmp_path / "other"), "dsl")
    for folder in (tmp_path / "thesis", other.path):
        code, _, err = call("remove", folder, "--yes")
        assert code == 2
        assert "not the folder of a run" in err or "no run of the store" in err
        assert folder.is_dir()


def test_remove_leaves_a_run_that_is_being_made(store, call):
    run = id_of(store, "dsl")
    with store.lock_of(run):
        code, _, err = call("remove", run, "--yes")
    assert code == 2
    assert "is being made by another process" in err


def test_what_is_exported_is_the_same_file_and_a_store(store, call, tmp_path):
    assert call("export", tmp_path / "one.zip")[0] == 0
    for file in store.root.rglob("*.json"):
        file.touch()
    assert call("export", tmp_path / "two.zip", id_of(store, "bpr"), id_of(store, "dsl")[:4])[0] == 0
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    code, _, err = call("export", tmp_path / "one.zip")
    assert code == 2
    assert "is there already" in err
    assert call("export", tmp_path / "one.zip", "--loss", "dsl", "--force")[0] == 0
    with zipfile.ZipFile(tmp_path / "two.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    assert len(json.loads(call("list", "--json", runs=tmp_path / "unpacked")[1])["runs"]) == 2


def test_import_adds_what_is_new_and_skips_what_is_here(store, call, tmp_path):
    call("export", tmp_path / "some.zip", "--loss", "dsl")
    call("export", tmp_path / "all.zip")
    other = tmp_path / "other"
    assert call("import", tmp_path / "some.zip", runs=other)[:2] == (0, "1 added, 0 here already.\n")
    assert call("import", tmp_path / "all.zip", runs=other)[:2] == (0, "1 added, 1 here already.\n")
    again = tmp_path / "again.zip"
    assert call("export", again, runs=other)[0] == 0
    assert again.read_bytes() == (tmp_path / "all.zip").read_bytes()
    assert not (other / ".incoming").exists()


def test_the_same_numbers_from_another_machine_are_the_same_run(store, call, tmp_path):
    call("export", tmp_path / "all.zip")
    (store.root / "shop" / "shift" / id_of(store, "dsl") / "env.json").write_text('{"rankbench": "0.0.9"}')
    assert call("import", tmp_path / "all.zip")[:2] == (0, "0 added, 2 here already.\n")


def test_other_numbers_under_the_same_identifier_are_named_and_refused(store, call, tmp_path):
    call("export", tmp_path / "all.zip")
    store_run(store, "bpr", 1, backbone="lightgcn", ndcg=0.9)
    before = {file: file.read_bytes() for file in store.root.rglob("*.parquet")}
    code, text, err = call("import", tmp_path / "all.zip")
    assert (code, text) == (1, "0 added, 1 here already.\n")
    assert "stored here with other numbers" in err
    assert id_of(store, "bpr") in err
    assert {file: file.read_bytes() for file in store.root.rglob("*.parquet")} == before


def repacked(source, target, change) -> None:
    """Write the archive again, each member as `change` gives it: (name, content) pairs."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as out:
        for info in archive.infolist():
            for name, content in change(info.filename, archive.read(info)):
                out.writestr(name, content)


def test_a_damaged_run_in_an_archive_is_named_and_the_others_are_taken(store, call, tmp_path):
    run = id_of(store, "bpr")
    call("export", tmp_path / "all.zip")

    def cut(name, content):
        return [(name, content[:-5] if name.endswith(f"{run}/users.parquet") else content)]

    repacked(tmp_path / "all.zip", tmp_path / "cut.zip", cut)
    code, text, err = call("import", tmp_path / "cut.zip", runs=tmp_path / "other")
    assert (code, text) == (1, "1 added, 0 here already.\n")
    assert f"{run}: users.parquet cannot be read" in err
    assert not (tmp_path / "other" / "shop" / "iid").exists()


def _climbing(name, content):
    return [(name, content), ("../../a/b", b"x")] if name == "store.json" else [(name, content)]


def _a_program(name, content):
    return (
        [(name, content), (f"{name.rsplit('/', 1)[0]}/run.sh", b"x")]
        if name.endswith("env.json")
        else [(name, content)]
    )


def _another_layout(name, content):
    return [(name, b'{"format": 99}' if name == "store.json" else content)]


def _no_mark(name, content):
    return [] if name == "store.json" else [(name, content)]


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (_climbing, 2, "leads out of the folder"),
        (_a_program, 1, "it comes with run.sh, which no run has"),
        (_another_layout, 2, "have layout 99"),
        (_no_mark, 2, "store.json"),
    ],
)
def test_archives_that_do_harm_or_are_of_another_kind(store, call, tmp_path, change, code, message):
    call("export", tmp_path / "all.zip")
    repacked(tmp_path / "all.zip", tmp_path / "bad.zip", change)
    got, _, err = call("import", tmp_path / "bad.zip", runs=tmp_path / "x" / "other")
    assert got == code
    assert message in err
    assert [p for p in (tmp_path / "x").rglob("*") if p.is_file()] == []
    assert not (tmp_path / "a").exists()


def test_a_link_in_an_archive_is_refused(store, call, tmp_path):
    call("export", tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip", "a") as archive:
        info = zipfile.ZipInfo("shop/iid/0123456789ab/spec.json")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    code, _, err = call("import", tmp_path / "all.zip", runs=tmp_path / "other")
    assert code == 2
    assert "a link or a device" in err


def test_a_file_that_is_no_archive(call, tmp_path):
    (tmp_path / "x.zip").write_text("no archive")
    code, _, err = call("import", tmp_path / "x.zip", runs=tmp_path / "other")
    assert code == 2
    assert "not an archive that can be read" in err


@pytest.mark.parametrize(
    ("values", "bars"),
    [
        ([], ""),
        ([None, float("nan")], ""),
        ([1.0, 1.0], "▅▅"),
        ([0.0, 0.5, 1.0], "▁▅█"),
        ([0.0, None, 7.0], "▁ █"),
        (list(range(80)), "▁▁▁▁▁▂▂▂▂▂▃▃▃▃▃▄▄▄▄▄▅▅▅▅▅▆▆▆▆▆▇▇▇▇▇█████"),
    ],
)
def test_sparklines(values, bars):
    assert sparkline(values) == bars
