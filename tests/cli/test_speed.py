"""`rankbench speed` as a user sees it: tables that fit, JSON alone on stdout, errors that say what to do."""

import json

import pytest
from command import rankbench

from rankbench.cli.speed import show
from rankbench.speed import machine
from rankbench.speed.benchmark import Request, read_backbone, read_losses, read_parts
from rankbench.speed.sizes import Shape, Size


@pytest.fixture(autouse=True)
def quick_limits(monkeypatch):
    monkeypatch.setattr(machine, "_ROUNDS", 1)
    monkeypatch.setattr(machine, "_GEMM", 64)
    monkeypatch.setattr(machine, "_COPIED", 4096)


def request_of(parts: str, *names: str) -> Request:
    losses = read_losses("softmax,dsl:lambda_similarity=-0.25")
    sizes = tuple(Size(name, 60, 150, 900) for name in names)
    return Request(losses, read_backbone("mf"), sizes, read_parts(parts), 2, 1, Shape(32, 16, 8))


def test_tables_fit_eighty_columns(capsys):
    show(request_of("step,evaluate,sampling,graph,scaling", "L"), json=False)
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert max(len(line.rstrip()) for line in lines) <= 80
    for title in (
        "Whole step, ms",
        "Stages, ms",
        "Extra memory",
        "Evaluation",
        "Lists of 100",
        "Negatives",
        "LightGCN",
    ):
        assert any(line.startswith(title) for line in lines), title
    assert "dsl is dsl:lambda_similarity=-0.25." in shown.out
    assert "What doubling costs at L" in shown.out
    assert "L: evaluation" in shown.err


def test_json_is_all_that_stdout_gets(capsys):
    show(request_of("sampling", "S", "M"), json=True)
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    assert [s["name"] for s in document["sizes"]] == ["S", "M"]
    assert {m["part"] for m in document["measurements"]} == {"limits", "sampling"}
    assert "S: drawing negatives" in shown.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--size", "XL"), "Unknown size 'XL'"),
        (("--part", "stpe"), "Did you mean 'step'?"),
        (("--loss", "sofmax"), "Did you mean 'softmax'"),
        (("--repeat", "0"), "--repeat"),
    ],
)
def test_errors(words, said, tmp_path):
    ended = rankbench("speed", *words, data=tmp_path, cwd=tmp_path)
    assert ended.returncode == 2
    assert said in " ".join(ended.stderr.split())
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
