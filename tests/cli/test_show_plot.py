import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from rankbench.cli.app import app
from rankbench.cli.show_plot import PIPED, ROWS, WIDTH, draw
from rankbench.errors import UserError
from rankbench.gradient import curve as curves
from rankbench.gradient.curve import Curve


@pytest.fixture(autouse=True)
def few_points(monkeypatch):
    monkeypatch.setattr(curves, "POINTS", 41)


def invoke(*words: str, catch: bool = False):
    result = CliRunner().invoke(app, ["show", *words])
    assert catch or result.exit_code == 0, result.output
    return result


def of(height, label="a", **changed) -> Curve:
    """A curve whose weight is a function of the cosine."""
    x = np.linspace(-1, 1, 201)
    weight = np.array([float(height(v)) for v in x])
    values = {"score": "cosine", "sees": "negatives", "negatives": 10, "settled": False, "share": weight / 10}
    return Curve(**{"label": label, "at": x, "weight": weight, **values, **changed})


def drawn(*some: Curve, share: bool = False, width: int = 80, terminal: bool = False) -> list[str]:
    file = io.StringIO()
    draw(some, share, Console(file=file, width=width, force_terminal=terminal, color_system=None))
    return file.getvalue().splitlines()


def rows(lines: list[str]) -> list[str]:
    """The rows of the drawing right of its axis."""
    found = [line.partition("│")[2] if "│" in line else line.partition("┤")[2] for line in lines[1 : ROWS + 1]]
    assert all("│" in line or "┤" in line for line in lines[1 : ROWS + 1])
    return found


def test_a_rising_line_goes_from_the_bottom_left_to_the_top_right():
    picture = rows(drawn(of(lambda x: x + 1)))
    ends = [len(row) for row in picture]
    assert ends == sorted(ends, reverse=True)
    assert picture[-1][0] != " "
    assert len(picture[0]) == PIPED - len("0.75 ┤")
    assert sum(row.count("A") for row in picture) == 3


def test_a_step_is_a_vertical_line_where_it_steps():
    picture = rows(drawn(of(lambda x: x > 0.5)))
    columns = len(picture[0])
    step = [next(c for c, char in enumerate(row) if char not in " A") for row in picture[:-1]]
    assert set(step[1:]) == {step[1]}
    assert step[1] == pytest.approx(0.75 * columns, abs=1)


def test_letters_tell_lines_apart_without_colours():
    lines = drawn(of(lambda x: x > 0, "step"), of(lambda x: x + 1, "line"), of(lambda x: x > 0, "same"))
    text = "".join(rows(lines))
    for letter, label in (("A", "step"), ("B", "line"), ("C", "same")):
        assert letter in text
        assert any(line.startswith(f"{letter}  {label}") for line in lines)


def test_heights_have_labels():
    assert [line[:4].strip() for line in drawn(of(np.exp))[1:17:1] if "┤" in line] == ["1", "0.75", "0.5", "0.25", "0"]
    below = [line[:4].strip() for line in drawn(of(lambda x: x))[1:17] if "┤" in line]
    assert below == ["1", "0.5", "0", "-0.5", "-1"]


def test_shares_stand_in_decades_and_are_cut_off_below():
    lines = drawn(of(lambda x: 10 ** (8 / 3 * x - 5 / 3)), share=True)
    assert [line[:5].strip() for line in lines[1:17] if "┤" in line] == ["10", "1", "0.1", "0.01", "0.001"]
    picture = rows(lines)
    first = min(len(row) - len(row.lstrip()) for row in picture if row.strip())
    assert first == pytest.approx((PIPED - 7) / 4, abs=1), "a thousandth of an equal share is at cosine -.5"


def test_a_loss_that_pulls_negatives_up_only_has_a_curve_but_no_share():
    curve = of(lambda x: -1 - x * x)
    assert "A" in "".join(rows(drawn(curve)))
    assert not "".join(rows(drawn(curve, share=True))).strip()


def test_what_is_too_small_to_be_seen_opens_no_lower_half():
    lines = drawn(of(lambda x: x + 0.99))
    assert not any(line.startswith("  -1") for line in lines[:ROWS])
    assert rows(lines)[-1][0] != " "


@pytest.mark.parametrize("width", [1, 20, 39])
def test_a_tiny_terminal_is_no_reason_to_fail(width):
    assert "A" in "".join(drawn(of(np.exp), width=width, terminal=True))


def test_the_axis_of_scores_and_where_the_others_rest():
    lines = drawn(of(np.exp))
    axis, numbers, rest, title = lines[ROWS + 1 : ROWS + 5]
    for label, cosine in (("-1", -1), ("-0.5", -0.5), ("0", 0), ("0.5", 0.5), ("1", 1)):
        at = [c for c, char in enumerate(axis) if char == "┴"][round((cosine + 1) * 2)]
        assert label in numbers[at - 3 : at + 4]
    ends = axis.index("┴"), axis.rindex("┴")
    assert ends == (axis.index("└") + 1, len(axis) - 1)
    assert len(axis) == PIPED
    assert rest.index("▲") == pytest.approx(ends[0] + 0.65 * (ends[1] - ends[0]), abs=0.5)
    assert "negatives" in rest
    assert "cosine" in title
    dot = drawn(of(np.exp, score="dot", at=np.linspace(-5, 5, 201)))
    assert dot[ROWS + 2].split() == ["-5", "-2.5", "0", "2.5", "5"]


@pytest.mark.parametrize(("width", "fits"), [(60, 60), (80, 80), (200, WIDTH)])
def test_a_terminal_is_filled_but_not_more(width, fits):
    lines = drawn(of(np.exp, "a-rather-long-name:parameter=0.125"), width=width, terminal=True)
    assert max(len(line) for line in lines[1 : ROWS + 1]) == fits
    assert max(map(len, lines)) <= fits


def test_colours_are_for_terminals_only():
    file = io.StringIO()
    draw([of(np.exp)], False, Console(file=file, width=80, force_terminal=True, color_system="standard"))
    assert "\x1b[" in file.getvalue()
    piped = invoke("softmax", "bpr", "--plot").stdout
    assert "\x1b" not in piped
    assert max(map(len, piped.splitlines())) <= PIPED
    assert all(line == line.rstrip() for line in piped.splitlines())


def test_several_losses_share_one_plot(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from rankbench.losses import Loss, param\n"
        "class Mine(Loss):\n"
        '    """Mine: pushes all alike."""\n'
        '    push: float = param(1.0, "how hard", above=0)\n'
        "    def forward(self, s):\n"
        "        return self.push * s.neg.mean(dim=1) - s.pos\n"
    )
    text = invoke("softmax:tau=0.2", "bpr", f"{file}:push=2", "--plot").stdout
    assert [line.split()[:3] for line in text.splitlines() if line[:3] in ("A  ", "B  ", "C  ")] == [
        ["A", "softmax:tau=0.2", "1,000"],
        ["B", "bpr", "1"],
        ["C", "mine:push=2", "1,000"],
    ]
    assert invoke("softmax:tau=0.2,bpr", f"{file}:push=2", "--plot").stdout == text


def test_json_is_the_curve():
    found = json.loads(invoke("softmax:tau=0.2", "ccl", "--plot", "--json", "--negatives", "50").stdout)
    assert "derivative" in found["definition"]
    softmax, ccl = found["curves"]
    assert (softmax["loss"], softmax["negatives"], softmax["score"]) == ("softmax:tau=0.2", 50, "cosine")
    np.testing.assert_allclose(softmax["share"], np.multiply(softmax["weight"], 0.2))
    assert set(np.round(ccl["weight"], 9)) == {0, 3}
    assert len(softmax["at"]) == 41


def test_a_single_negative_has_nothing_to_share():
    assert json.loads(invoke("bpr", "--plot", "--json").stdout)["curves"][0]["negatives"] == 1
    shared = [json.loads(invoke("bpr", "opauc", "--plot", "--share", "--json").stdout)["curves"][i] for i in (0, 1)]
    assert [curve["negatives"] for curve in shared] == [1000, 200]
    asked = json.loads(invoke("bpr", "--plot", "--share", "--negatives", "7", "--json").stdout)["curves"]
    assert asked[0]["negatives"] == 7


def test_a_figure_goes_to_its_file_and_nothing_to_stdout(tmp_path):
    path = tmp_path / "a.svg"
    result = invoke("softmax", "--plot", "--out", str(path))
    assert result.stdout == ""
    assert "Written:" in result.stderr
    assert "softmax" in path.read_text()
    with_data = invoke("softmax", "--plot", "--json", "--out", str(path))
    assert json.loads(with_data.stdout)["curves"]


def test_losses_without_a_curve_are_left_out_and_said_so():
    result = invoke("directau", "softmax", "--plot")
    assert "Left out: directau gives no negative a weight" in result.stderr
    assert "A  softmax" in result.stdout
    assert "directau" not in result.stdout
    alone = invoke("directau", "mawu", "--plot", catch=True)
    assert isinstance(alone.exception, UserError)
    assert alone.exception.message.startswith("directau gives no negative a weight")


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["mf", "--plot"], "mf is a backbone", "list losses"),
        (["ndcg", "--plot"], "Unknown loss 'ndcg'", ""),
        (["sofmax", "--plot"], "Unknown loss 'sofmax'", "'softmax'"),
        (["softmax:tau=0", "--plot"], "out of range", "tau"),
        (["softmax", "--plot", "--out", "a.jpg"], "cannot be written as '.jpg'", ".png"),
        (["softmax", "--out", "a.png"], "--out goes with --plot", "--plot"),
        (["softmax", "--share"], "--share goes with --plot", "--plot"),
        (["softmax", "--negatives", "5"], "--negatives goes with --plot", "--plot"),
        (["neuralndcg", "--plot", "--negatives", "513"], "at most 512 negatives", "--negatives"),
    ],
)
def test_errors_say_what_to_do(words, message, hint):
    result = invoke(*words, catch=True)
    assert isinstance(result.exception, UserError)
    assert message in result.exception.message
    assert hint in result.exception.hint
    assert result.stdout == ""


def test_nothing_is_drawn_with_a_library_that_nobody_asked_for():
    code = (
        "import sys; from typer.testing import CliRunner; from rankbench.cli.app import app\n"
        "for words in (['--help'], ['show', 'softmax']):\n"
        "    assert CliRunner().invoke(app, words).exit_code == 0\n"
        "    assert not {m for m in sys.modules if m.startswith(('matplotlib', 'rankbench.gradient'))}, words\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**os.environ})
    assert run.returncode == 0, run.stderr
