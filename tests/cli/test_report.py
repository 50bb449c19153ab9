import csv
import io
import json
import os
import re
import subprocess
import sys

import pytest

from fake_runs import store_run
from rankbench.results.store import Store

LOSSES = {
    "softmax": {"tau": 0.05, "incl": 1.0},
    "dsl": {"tau": 0.15, "tau_std": 0.9},
    "slatk": {"K": 20.0, "tau": 0.1, "tau_weight": 1.5},
    "bpr": {},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Forty runs: four losses, five backbones, two seeds."""
    folder = tmp_path_factory.mktemp("stored") / "runs"
    store = Store(folder)
    for i, (loss, params) in enumerate(LOSSES.items()):
        for j, backbone in enumerate(("mf", "lightgcn", "xsimgcl", "simgcl", "ncl")):
            for seed in range(2):
                ndcg = {"iid": 0.1 + 0.0123 * i + 0.0045 * j + 0.001 * seed, "popularity": 0.05 + 0.0067 * i}
                store_run(store, loss, seed, params=params, backbone=backbone, protocol="shift", ndcg=ndcg, recall=0.2)
    return folder


def on_terminal(folder, columns: int, *words: str) -> str:
    """Return what the command prints on a terminal of so many columns."""
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, columns))
    environment = {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"}}
    command = [sys.executable, "-m", "rankbench", "report", "--runs", str(folder), *words]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, env={**environment, "TERM": "xterm"})
    os.close(theirs)
    text = b""
    try:
        while block := os.read(ours, 1 << 16):
            text += block
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert process.wait() == 0
    return text.decode().replace("\r\n", "\n")


def test_piped_output_is_plain_and_whole(runs):
    done = subprocess.run(
        [sys.executable, "-m", "rankbench", "report", "--ood", "--metric", "ndcg@20,recall@20,mrr@5", "--runs", runs],
        capture_output=True,
        check=True,
        env={**os.environ, "COLUMNS": "40"},
    )
    text = done.stdout.decode()
    assert "\x1b" not in text
    assert "…" not in text
    assert done.stderr == b""
    (row,) = [line for line in text.splitlines() if line.startswith("slatk") and "ncl" in line and "±" in line]
    fields = re.split(r"  +", row.strip())
    assert [*fields[:15], *fields[18:]] == [
        "slatk:K=20,tau=0.1,tau_weight=1.5", "ncl",
        "0.1431 ± 0.0007", "+20.8% [20.8,20.8]", "0.2000 ± 0.0000", "0.0500 ± 0.0000",
        "0.0634 ± 0.0000", "+26.8% [26.8,26.8]", "0.2000 ± 0.0000", "0.0500 ± 0.0000", "44.3%",
        "0.0716", "0.5000", "0.5000", "no", "2", "1",
    ]  # fmt: skip
    letter, *beaten = fields[15:18]
    assert all(re.fullmatch("[a-t -]+", field) and letter not in field.split() for field in beaten)


@pytest.mark.parametrize(
    ("columns", "words"),
    [(80, ()), (80, ("--ood",)), (80, ("--metric", "ndcg@20,recall@20,precision@20,mrr@100")), (200, ("--ood",))],
)
def test_a_terminal_gets_tables_of_its_width_without_a_cut_number(runs, columns, words):
    text = on_terminal(runs, columns, *words)
    assert "\x1b[1m" in text  # best in bold
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert max(map(len, plain.splitlines())) <= columns
    assert "…" not in plain
    table, *_ = plain.split("Parameters and epoch")
    means = [f"{0.1 + 0.0123 * i + 0.0045 * j + 0.0005:.4f}" for i in range(4) for j in range(5)]
    assert sorted(re.findall(r"(?<!\d)0\.1\d{3}(?!\d)", table)) == sorted(means)
    for loss in LOSSES:
        assert len(re.findall(rf"^{loss}\b", table, re.MULTILINE)) == 5


def test_a_terminal_too_narrow_for_any_table_still_gets_whole_numbers(runs):
    plain = re.sub(r"\x1b\[[0-9;]*m", "", on_terminal(runs, 30, "--loss", "bpr", "--backbone", "mf"))
    assert "0.1374" in plain
    assert "No room for" in plain


def test_json_csv_and_markdown_hold_the_same_leaderboard(runs, report):
    words = ("--runs", runs, "--backbone", "mf", "--metric", "recall@20,ndcg@5")
    code, text, err = report(*words, "--json")
    assert (code, err) == (0, "")
    (board,) = json.loads(text)
    means = [line["scores"]["ndcg@5"]["mean"] for line in board["lines"]]
    assert len(means) == 4
    _, text, _ = report(*words, "--csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [float(row["ndcg@5_mean"]) for row in rows] == means
    _, text, _ = report(*words, "--markdown")
    drawn = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")][2:]
    assert [row[3].strip("*").split()[0] for row in drawn] == [f"{mean:.4f}" for mean in means]


@pytest.mark.parametrize("form", ["--json", "--csv", "--markdown", "--latex"])
def test_every_form_of_the_shifted_report(runs, report, form):
    code, text, err = report("--runs", runs, "--ood", form)
    assert (code, err) == (0, "")
    assert text.count("slatk") >= 5


def test_no_runs_is_no_error_and_says_what_to_run(tmp_path, report):
    for words, out in (((), ""), (("--json",), "[]\n"), (("--ood", "--json"), "[]\n"), (("--markdown",), "")):
        code, text, err = report("--runs", tmp_path / "none", *words)
        assert (code, text) == (0, out)
        assert "`rankbench run`" in err
    assert not (tmp_path / "none").exists()
    code, text, _ = report("--runs", tmp_path / "none", "--csv")
    assert text.startswith("dataset,protocol,test,")
    assert len(text.splitlines()) == 1


def test_one_run(tmp_path, report):
    store_run(Store(tmp_path), "dsl", ndcg=0.1234)
    code, text, err = report("--runs", tmp_path)
    assert (code, err) == (0, "")
    assert "0.1234" in text
    code, text, err = report("--runs", tmp_path, "--ood")
    assert (code, text) == (0, "")
    assert "nothing of it was measured on both tests" in err
    assert "--split shift" in err


def test_names_that_never_meet_are_said_to(tmp_path, report):
    store = Store(tmp_path)
    store_run(store, "dsl", backbone="mf")
    store_run(store, "bpr", backbone="lightgcn")
    code, text, err = report("--runs", tmp_path, "--loss", "dsl", "--backbone", "lightgcn")
    assert (code, text) == (0, "")
    assert "None of the 2 runs" in err


def test_the_folder_comes_from_the_environment_or_is_runs_here(runs, report, monkeypatch):
    monkeypatch.chdir(runs.parent)
    monkeypatch.delenv("RANKBENCH_RUNS", raising=False)
    here = report("--json")[1]
    monkeypatch.chdir(runs)
    assert report("--json")[1] == "[]\n"
    monkeypatch.setenv("RANKBENCH_RUNS", str(runs))
    assert report("--json")[1] == here
    assert len(json.loads(here)[0]["lines"]) == 20


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--loss", "sofmax"), "Did you mean 'softmax'"),
        (("--dataset", "x"), "Unknown data set 'x'"),
        (("--split", "temporal"), "Unknown split 'temporal'"),
        (("--backbone", "lightgnc"), "Did you mean 'lightgcn'"),
        (("--metric", "ndcg@21"), "cut-offs"),
        (("--select", "test"), "Unknown validation set"),
        (("--select", "bth"), "Did you mean 'both'"),
        (("--json", "--csv"), "--json and --csv exclude each other"),
        (("--by", "k"), "rankbench report --ood --by k"),
        (("--ood", "--by", "k", "--curve", "gamma"), "--by k and --curve gamma exclude each other"),
        (("--ood", "--by", "k", "--select", "both"), "--by k shows one choice at a time"),
        (("--compat", "other"), "ir-benchmark"),
    ],
)
def test_wrong_input_exits_with_2(runs, report, words, message):
    code, text, err = report("--runs", runs, *words)
    assert (code, text) == (2, "")
    assert message in err


def test_a_file_is_no_folder_of_runs(tmp_path, report):
    (tmp_path / "file").write_text("")
    code, _, err = report("--runs", tmp_path / "file")
    assert code == 2
    assert "is not a folder of runs" in err


def test_the_report_loads_no_torch(runs):
    program = (
        "import sys; sys.argv = ['rankbench', 'report', '--ood', '--runs', sys.argv[1]]\n"
        "from rankbench.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "sys.exit(' '.join({'torch', 'numba', 'polars'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(runs)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "slatk" in done.stdout


@pytest.mark.parametrize("words", [(), ("--json",), ("--csv",), ("--markdown",), ("--ood",)])
def test_damaged_runs_are_named_on_stderr_and_the_rest_is_shown(tmp_path, report, words):
    store = Store(tmp_path)
    store_run(store, "dsl", protocol="shift", ndcg=0.1234)
    cut = store_run(store, "bpr", protocol="shift").path / "metrics.parquet"
    cut.write_bytes(cut.read_bytes()[:-9])
    (store_run(store, "psl", protocol="shift").path / "spec.json").unlink()
    code, text, err = report("--runs", tmp_path, *words)
    assert code == 0
    assert "0.1234" in text
    assert "bpr" not in text
    assert "Left out: 2 stored runs that cannot be relied on" in err
    assert f"{cut.parent}: metrics.parquet cannot be read" in err
    assert "spec.json is missing" in err


def test_a_store_of_damaged_runs_only_is_no_empty_store(tmp_path, report):
    (store_run(Store(tmp_path), "dsl").path / "outcome.json").write_text("")
    code, text, err = report("--runs", tmp_path)
    assert (code, text) == (0, "")
    assert "can be relied on" in err
    assert "`rankbench run` makes the first" not in err
