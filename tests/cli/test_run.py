"""`rankbench run` as a user calls it, on the embedded data, with faults injected."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from command import arguments, environment, rankbench

from rankbench.data.prepare import ensure_split
from rankbench.errors import UserError
from rankbench.runner import check_split
from toy import random_split

QUICK = ("--negatives", "5", "--epochs", "2", "--dim", "8", "--eval-every", "1")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    ensure_split(folder, "online-retail", "shift")
    return folder


def folders(runs: Path) -> list[str]:
    """Names of everything beside finished runs: finished ones, and what was left behind."""
    return sorted(p.name for p in runs.glob("*/*/*"))


def tables(run: Path) -> dict[str, list]:
    return {name: pq.read_table(run / f"{name}.parquet").to_pylist() for name in ("metrics", "users", "groups")}


def test_runs_are_made_stored_and_skipped(data, tmp_path):
    words = ("run", "--loss", "softmax", *QUICK, "--seed", "0-1", "--json")
    planned = rankbench(*words, "--dry-run", data=data, cwd=tmp_path)
    assert not (tmp_path / "runs").exists()
    first = rankbench(*words, data=data, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    made = json.loads(first.stdout)
    assert [row["id"] for row in json.loads(planned.stdout)] == [row["id"] for row in made]
    assert [row["cached"] for row in made] == [False] * 2
    assert folders(tmp_path / "runs") == sorted(row["id"] for row in made)
    for row in made:
        assert set(row["tests"]) == {"iid", "popularity"}
        assert 0 < row["tests"]["iid"]["ndcg@20"] < 1
    second = rankbench(*words, data=data, cwd=tmp_path)
    again = json.loads(second.stdout)
    assert [row["cached"] for row in again] == [True] * 2
    assert [row["tests"] for row in again] == [row["tests"] for row in made]


def test_screens(data, tmp_path):
    words = ("run", "--loss", "softmax:tau=0.2", *QUICK)
    dry = rankbench(*words, "--dry-run", data=data, cwd=tmp_path)
    assert "1 runs, 0 of them stored" in dry.stdout
    made = rankbench(*words, data=data, cwd=tmp_path)
    assert "softmax:tau=0.2" in made.stdout
    assert "NDCG@20" in made.stdout
    assert "validation NDCG@20: iid" in " ".join(made.stderr.split())
    assert "\x1b" not in made.stdout + made.stderr
    stored = rankbench(*words, "--dry-run", data=data, cwd=tmp_path)
    assert "1 of them stored" in stored.stdout


def test_tables_are_typed_named_stored_and_measured(data, tmp_path):
    words = ("run", "--loss", "softmax", *QUICK, "--set", "item_table=full,hash:50%,freqdouble:10%,40%")
    made = rankbench(*words, data=data, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert "mf item_table=freqdouble:10%,40%" in " ".join(made.stdout.split())
    said = " ".join(made.stderr.split())
    assert "items hash:50%, 1,390 rows for 2,779, 44 kB, collision rate" in said
    found = json.loads(rankbench(*words, "--json", data=data, cwd=tmp_path).stdout)
    assert [row["cached"] for row in found] == [True] * 3
    full, half, _ = (row["outcome"]["tables"]["item"] for row in found)
    assert (full["rows"], half["rows"], half["bytes"]) == (2779, 1390, 1390 * 8 * 4)
    assert full["collision_rate"] == 0.0 < half["collision_rate"]
    assert "item_table" not in found[0]["spec"]["train"]
    listed = json.loads(rankbench("report", "--json", data=data, cwd=tmp_path).stdout)
    assert len(listed[0]["lines"]) == 3


@pytest.mark.parametrize("loss", ["dsl:lambda_similarity=0.25", "slatk:refresh_every=1"])
def test_one_thread_equals_two(data, tmp_path, loss):
    found = []
    for threads in ("1", "2"):
        words = ("run", "--loss", loss, "--backbone", "mf,lightgcn", *QUICK, "--threads", threads, "--runs", threads)
        done = rankbench(*words, data=data, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        found.append([tables(run.parent) for run in sorted((tmp_path / threads).glob("*/*/*/spec.json"))])
    assert len(found[0]) == 2
    assert found[0] == found[1]


def started(words: tuple[str, ...], data: Path, cwd: Path) -> subprocess.Popen:
    """Start a run and wait until it has saved a checkpoint."""
    process = subprocess.Popen(
        arguments(*words), cwd=cwd, env=environment(data), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for _ in range(600):
        if list((cwd / "runs").glob("*/*/.tmp-*/checkpoint.pt")):
            return process
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    raise AssertionError("no checkpoint within a minute")


LONG = ("run", "--loss", "bpr", "--dim", "8", "--epochs", "12", "--patience", "0")


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory) -> dict[str, list]:
    """The tables of the long run without interruption."""
    folder = tmp_path_factory.mktemp("whole")
    assert rankbench(*LONG, data=data, cwd=folder).returncode == 0
    (run,) = (folder / "runs").glob("*/*/*/spec.json")
    return tables(run.parent)


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_run_goes_on_to_the_same_numbers(data, tmp_path, whole, stop):
    process = started(LONG, data, tmp_path)
    process.send_signal(stop)
    _, stderr = process.communicate(timeout=60)
    if stop == signal.SIGINT:
        assert process.returncode == 130
        assert "same command goes on" in stderr
        assert "Traceback" not in stderr
    assert rankbench("report", "--json", data=data, cwd=tmp_path).returncode == 0  # a store with a run half made
    done = rankbench(*LONG, data=data, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "runs").glob("*/*/*/spec.json")
    assert tables(run.parent) == whole
    assert folders(tmp_path / "runs") == [run.parent.name]


def test_two_processes_share_a_store(data, tmp_path):
    words = arguments("run", "--loss", "softmax", *QUICK, "--seed", "0-1", "--json")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(words, cwd=tmp_path, env=environment(data), **pipes) for _ in range(2)]
    outputs = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    first, second = (sorted(json.loads(stdout), key=lambda row: row["id"]) for stdout, _ in outputs)
    assert [row["tests"] for row in first] == [row["tests"] for row in second]
    assert folders(tmp_path / "runs") == [row["id"] for row in first]
    assert sum(not row["cached"] for row in first + second) == 2  # each was made by one of them


def test_a_diverged_run_is_stored_and_the_others_go_on(data, tmp_path):
    done = rankbench("run", "--loss", "bpr", *QUICK, "--set", "lr=1e30,0.001", "--json", data=data, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    diverged, fine = json.loads(done.stdout)
    assert diverged["outcome"]["status"] == "diverged"
    assert "epoch" in diverged["outcome"]["reason"]
    assert fine["outcome"]["status"] == "done"
    report = rankbench("report", "--json", data=data, cwd=tmp_path)
    assert report.returncode == 0


def test_a_loss_that_raises_fails_alone(data, tmp_path):
    (tmp_path / "broken.py").write_text(
        "from rankbench.losses import Loss\n"
        "class Broken(Loss):\n"
        '    """Broken: asks for what is not there."""\n'
        "    def forward(self, s):\n"
        "        return s.nowhere\n"
    )
    done = rankbench("run", "--loss", "./broken.py,softmax", *QUICK, "--json", data=data, cwd=tmp_path)
    assert done.returncode == 1
    (fine,) = json.loads(done.stdout)
    assert fine["spec"]["loss"]["name"] == "softmax"
    said = " ".join(done.stderr.split())
    assert "failed: AttributeError" in said
    assert "line 5" in said
    assert "Traceback" not in said


def test_a_full_disk_ends_with_a_hint(data, tmp_path, monkeypatch, capsys):
    from rankbench.cli.app import main

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("torch.save", full)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RANKBENCH_DATA", str(data))
    monkeypatch.setattr("sys.argv", ["rankbench", "run", "--loss", "bpr", *QUICK])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "No space left on device" in said
    assert "--runs" in said


def test_a_split_with_too_few_items_is_refused():
    with pytest.raises(UserError, match="50 items"):
        check_split(random_split(n_users=20, n_items=50, each=5))


MISTAKES = [
    (("--loss", "softmx"), "'softmax'"),
    (("--item-table", "hsh:50%"), "'hash'"),
    (("--user-table", "hash"), "hash:M"),
    (("--set", "item_table=full,admit:x"), "admit:T"),
    (("--loss", "softmax:tua=1"), "'tau'"),
    (("--loss", "softmax:tau=0"), "> 0"),
    (("--loss", "softmax:tau=x"), "a number"),
    (("--loss", "softmax:tau"), "key=value"),
    (("--loss", ""), "Nothing is named"),
    (("--loss", "./nowhere.py"), "no file"),
    (("--backbone", "mff"), "'mf'"),
    (("--dataset", "online-retial"), "'online-retail'"),
    (("--split", "shfit"), "'shift'"),
    (("--seed", "a"), "--seed"),
    (("--trials", "0"), "trials"),
    (("--trials", "4", "--grid"), "Leave --grid out"),
    (("--set", "learning=1"), "training value"),
    (("--lr", "0"), "> 0"),
    (("--epochs", "0"), ">= 1"),
    (("--device", "tpu"), "tpu"),
    (("--threads", "0"), "threads"),
    (("--runs", "README"), "README"),
]


@pytest.mark.parametrize(("words", "answer"), MISTAKES, ids=lambda w: " ".join(w) if isinstance(w, tuple) else None)
def test_mistakes_get_one_clear_answer(data, tmp_path, monkeypatch, capsys, words, answer):
    from rankbench.cli.app import main

    (tmp_path / "README").write_text("a file")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RANKBENCH_DATA", str(data))
    monkeypatch.setattr("sys.argv", ["rankbench", "run", *QUICK, *words])
    with pytest.raises(SystemExit) as exit_:
        main()
    shown = capsys.readouterr()
    assert exit_.value.code == 2
    assert answer in " ".join((shown.out + shown.err).split())
    assert "Traceback" not in shown.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["README"]


def test_help_is_there_without_torch():
    heavy = {"torch", "polars", "pyarrow", "numba", "httpx"}
    code = f"import sys; import rankbench.cli.app; assert not {heavy} & set(sys.modules)"
    subprocess.run([*arguments()[:1], "-c", code], check=True)
