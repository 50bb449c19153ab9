"""`rankbench new-loss` and `rankbench check` as a user meets them."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from command import arguments, rankbench

from rankbench.cli.app import main
from rankbench.contract.template import KINDS
from rankbench.data.prepare import ensure_split

FLIPPED = """
from rankbench.losses import Loss
from torch.nn.functional import softplus

class Flipped(Loss):
    def forward(self, s):
        return softplus(s.pos[:, None] - s.neg).mean(dim=1)
"""


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """Run a command line in this process and an empty folder; return exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["rankbench", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return run


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_loss_is_written_and_passes_its_check(call, kind, tmp_path):
    code, out, err = call("new-loss", "my-loss", "--kind", kind)
    assert (code, out) == (0, "my_loss.py\n")
    assert (tmp_path / "my_loss.py").read_text().count("class MyLoss(") == 1
    assert "rankbench check ./my_loss.py" in err
    assert "rankbench run --loss ./my_loss.py,softmax" in err
    code, out, err = call("check", "./my_loss.py", "--no-speed")
    assert code == 0
    assert "✗" not in out
    assert "!" not in out
    assert re.search(r"\n\d\d passed, 0 failed, 0 noted\.\n$", out)
    assert err == ""


def test_a_new_backbone_is_written_and_passes_its_check(call, tmp_path):
    code, out, err = call("new-backbone", "my-backbone")
    assert (code, out) == (0, "my_backbone.py\n")
    assert (tmp_path / "my_backbone.py").read_text().count("class MyBackbone(") == 1
    assert "rankbench check ./my_backbone.py" in err
    assert "rankbench run --backbone ./my_backbone.py,mf --loss softmax" in err
    code, out, err = call("check", "./my_backbone.py", "--no-speed")
    assert (code, err) == (0, "")
    assert "MyBackbone, a backbone with vectors" in out
    assert re.search(r"\n16 passed, 0 failed, 0 noted\.\n$", out)
    found = json.loads(call("check", "./my_backbone.py:weight=0.1", "--no-speed", "--json")[1])
    assert (found["backbone"], found["gives"], found["ok"]) == ("./my_backbone.py:weight=0.1", "vectors", True)
    assert found["parameters"] == {"weight": 0.1}
    assert "MyBackbone (what it is" in call("show", "./my_backbone.py")[1]
    code, _, err = call("new-backbone", "mf")
    assert code == 2
    assert "There is a backbone 'mf' already" in err


def test_what_is_checked_must_exist(call):
    code, out, err = call("check", "lightgnc")
    assert (code, out) == (2, "")
    assert "Unknown loss or backbone 'lightgnc'" in err
    assert "lightgcn" in err


def test_nothing_is_overwritten(call, tmp_path):
    (tmp_path / "my_loss.py").write_text("precious")
    code, out, err = call("new-loss", "my-loss")
    assert (code, out) == (2, "")
    assert "is there already" in err
    assert "--out" in err
    assert (tmp_path / "my_loss.py").read_text() == "precious"


def test_the_place_is_chosen(call, tmp_path):
    assert call("new-loss", "mine", "--out", "losses/of mine.py")[1] == "losses/of mine.py\n"
    code, out, err = call("new-loss", "mine", "--out", "losses")
    assert (code, out) == (0, f"{Path('losses') / 'mine.py'}\n")
    assert "mine.py:tau=0.1" in (tmp_path / "losses" / "mine.py").read_text()
    typed = re.search("rankbench check (.*)", call("new-loss", "other", "--out", "losses/a b.py")[2])[1]
    assert shlex.split(typed) == ["losses/a b.py"]
    assert call("new-loss", "mine", "--out", "mine.txt")[0] == 2
    (tmp_path / "file").write_text("")
    code, _, err = call("new-loss", "mine", "--out", "file/mine.py")
    assert code == 2
    assert "cannot be written" in err


@pytest.mark.parametrize("name", ["2nd", "softmax", "full-softmax", "loss", "!"])
def test_names_that_a_loss_cannot_have(call, name, tmp_path):
    code, out, err = call("new-loss", name)
    assert (code, out) == (2, "")
    assert "Error:" in err
    assert not list(tmp_path.iterdir())


def test_a_broken_loss_ends_with_1_and_says_why(call, tmp_path):
    (tmp_path / "flipped.py").write_text(FLIPPED)
    code, out, _ = call("check", "flipped.py", "--no-speed")
    assert code == 1
    assert out.count("✗") == 2
    text = " ".join(out.split())
    assert "✗ it falls when a positive rises expected a loss that falls in the mean as positives rise" in text
    assert "hint Is a sign flipped?" in text
    assert "! a first line, the formula, the paper found no docstring" in text
    assert "2 failed" in out
    assert "\x1b" not in out
    assert not [line for line in out.splitlines() if line != line.rstrip()]


def test_errors_of_the_user_end_with_2(call, tmp_path):
    (tmp_path / "none.py").write_text("x = 1\n")
    (tmp_path / "wrong.py").write_text("class A(:\n")
    (tmp_path / "flipped.py").write_text(FLIPPED)
    for words, said in {
        ("sofmax",): "Did you mean 'softmax'",
        ("nowhere.py",): "There is no file",
        ("none.py",): "must define one Loss, found none",
        ("wrong.py",): "cannot be loaded: SyntaxError",
        ("softmax:tau=0",): "out of range",
        ("softmax:rho=0.5,incl=true",): "do not go together",
        ("flipped.py:tau=1",): "Unknown parameter",
    }.items():
        code, out, err = call("check", *words)
        assert (code, out) == (2, ""), words
        assert said in err
        assert "Traceback" not in err


def test_a_crash_is_a_verdict_with_the_line_of_the_file(call, tmp_path):
    (tmp_path / "crash.py").write_text(FLIPPED.replace("s.neg", "s.negatives"))
    code, out, _ = call("check", "crash.py", "--no-speed")
    assert code == 1
    assert "has no attribute 'negatives' (crash.py, line 7: return softplus" in " ".join(out.split())
    assert "Traceback" not in out
    assert re.search(r"1 failed, 1 noted, \d+ not made for want of those that failed", " ".join(out.split()))


def test_json_is_all_that_stdout_gets(call, tmp_path):
    (tmp_path / "flipped.py").write_text(FLIPPED)
    code, out, _ = call("check", "flipped.py", "--no-speed", "--json")
    document = json.loads(out)
    assert code == 1
    assert set(document) == {"loss", "class", "sees", "parameters", "ok", "checks"}
    assert (document["class"], document["sees"], document["ok"]) == ("Flipped", "negatives", False)
    assert {tuple(check) for check in document["checks"]} == {
        ("group", "name", "title", "mark", "got", "expected", "hint")
    }
    assert {c["name"] for c in document["checks"] if c["mark"] == "failed"} == {"positives", "negatives"}
    code, out, _ = call("check", "softmax:tau=0.3", "--no-speed", "--json")
    document = json.loads(out)
    assert code == 0
    assert (document["ok"], document["parameters"]["tau"]) == (True, 0.3)


def test_lines_fit_eighty_columns_of_a_terminal(tmp_path):
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    (tmp_path / "flipped.py").write_text(FLIPPED)
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, 80))
    kept = {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"}}
    command = arguments("check", "flipped.py")
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path, env={**kept, "TERM": "xterm"}
    )
    os.close(theirs)
    text = b""
    try:
        while block := os.read(ours, 1 << 16):
            text += block
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert process.wait() == 1
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text.decode().replace("\r\n", "\n"))
    assert "\x1b" in text.decode()
    assert max(map(len, plain.splitlines())) <= 80
    assert "a training step of 1,024 x 1,000 scores" not in plain, "what needs the failed checks is not made"


def test_new_losses_of_all_kinds_can_be_run(call, tmp_path):
    data = tmp_path / "data"
    ensure_split(data, "online-retail", "iid")
    for kind in KINDS:
        assert call("new-loss", f"my-{kind}", "--kind", kind)[0] == 0
    losses = ",".join(f"./my_{kind}.py" for kind in KINDS)
    words = ("--dataset", "online-retail", "--split", "iid", "--epochs", "1", "--negatives", "16", "--dim", "8")
    made = rankbench("run", "--loss", losses, *words, "--json", data=data, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    runs = json.loads(made.stdout)
    assert [run["spec"]["loss"]["name"] for run in runs] == [f"my_{kind}" for kind in KINDS]
    assert all(0 < run["tests"]["iid"]["ndcg@20"] < 1 for run in runs)


def test_neither_help_nor_a_new_loss_waits_for_torch(tmp_path):
    script = (
        "import sys; from rankbench.cli.app import app; from typer.testing import CliRunner\n"
        "run = CliRunner().invoke\n"
        "for words in (['check', '--help'], ['new-loss', '--help'], ['new-loss', 'mine']):\n"
        "    assert run(app, words).exit_code == 0\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "mine.py").is_file()
