import sys

import numpy as np
import pytest

from rankbench.errors import UserError
from rankbench.gradient import figure
from rankbench.gradient.caption import plain, resting, score_axis
from rankbench.gradient.curve import Curve

BEGINNING = {".png": b"\x89PNG\r\n\x1a\n", ".pdf": b"%PDF-", ".svg": b"<?xml"}


def rising(label: str = "rising", score: str = "cosine", **changed) -> Curve:
    x = np.linspace(-1, 1, 21)
    at = x * (5 if score == "dot" else 1)
    values = {"sees": "negatives", "negatives": 10, "settled": False, "weight": np.exp(x), "share": np.exp(x) / 10}
    return Curve(**{"label": label, "score": score, "at": at, **values, **changed})


@pytest.mark.parametrize(("suffix", "share"), [(".png", False), (".svg", True), (".pdf", False), (".PNG", True)])
def test_a_figure_is_written_by_its_suffix_and_is_always_the_same_file(tmp_path, suffix, share):
    one, two = tmp_path / f"one{suffix}", tmp_path / f"two{suffix}"
    for path in (one, two):
        figure.save([rising(), rising("other", "dot")], path, share)
    assert one.read_bytes().startswith(BEGINNING[suffix.lower()])
    assert one.read_bytes() == two.read_bytes()
    assert sorted(tmp_path.iterdir()) == [one, two], "nothing else is left"


def test_a_figure_is_labelled(tmp_path):
    path = tmp_path / "a.svg"
    figure.save([rising("softmax:tau=0.2"), rising("bpr", "dot")], path)
    text = path.read_text()
    for word in ("softmax:tau=0.2  (N = 10)", "bpr  (N = 10)", "positive", "over its largest", "inner product over 5"):
        assert word in text
    axes = figure.draw([rising()], share=True).axes[0]
    assert axes.get_yscale() == "log"
    assert axes.get_xlabel() == "cosine of the negative"


def test_lines_are_the_curves_and_what_cannot_stand_on_decades_is_left_out():
    curve = rising(weight=np.linspace(-1, 1, 21), share=np.linspace(-0.1, 0.1, 21))
    (line, _positive) = figure.draw([curve]).axes[0].lines
    np.testing.assert_allclose(line.get_ydata(), np.linspace(-1, 1, 21))
    drawn = figure.draw([curve], share=True).axes[0].lines[0].get_ydata()
    assert np.isnan(drawn[:11]).all()
    np.testing.assert_allclose(drawn[11:], np.linspace(-1, 1, 21)[11:], atol=1e-12)


def test_inner_products_have_their_own_axis_when_they_are_alone():
    axes = figure.draw([rising(score="dot")]).axes[0]
    np.testing.assert_allclose(axes.lines[0].get_xdata()[[0, -1]], [-5, 5])
    assert score_axis([rising(score="dot")]) == axes.get_xlabel() == "inner product of the negative"
    assert "rests at 1.5, the other negatives at normal quantiles, -.5 ± .85" in resting([rising(score="dot")])


@pytest.mark.parametrize("name", ["a.jpg", "a", "a.txt"])
def test_other_suffixes_are_refused(tmp_path, name):
    with pytest.raises(UserError, match="cannot be written as") as caught:
        figure.save([rising()], tmp_path / name)
    assert ".png, .svg or .pdf" in caught.value.hint
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_said(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        figure.save([rising()], tmp_path / "none" / "a.png")


def test_without_matplotlib_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UserError, match="needs matplotlib") as caught:
        figure.save([rising()], tmp_path / "a.png")
    assert "pip install 'rankbench[plot]'" in caught.value.hint


def test_a_full_disk_leaves_the_old_figure_and_nothing_else(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    def full(self, path, **_):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    monkeypatch.setattr(Figure, "savefig", full)
    with pytest.raises(UserError, match="No space left on device"):
        figure.save([rising()], path)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"old"]


def test_no_setting_of_the_caller_is_changed(tmp_path):
    import matplotlib

    def settings():
        return {key: matplotlib.rcParams[key] for key in matplotlib.rcParams if key != "backend"}  # reading it loads it

    before = settings()
    figure.save([rising()], tmp_path / "a.png")
    assert settings() == before
    assert "matplotlib.pyplot" not in sys.modules, "no display is asked for"


def test_data_are_plain():
    (found,) = plain([rising(settled=True)])["curves"]
    assert found["settled"] is True
    assert found["at"] == pytest.approx(np.linspace(-1, 1, 21).tolist())
    assert max(found["relative"]) == 1
    assert len(found["weight"]) == len(found["share"]) == 21


def test_the_caption_says_what_matters_of_whom():
    text = resting([rising("a", sees="lists"), rising("b", sees="vectors"), rising("c", settled=True)])
    assert "a: a user's 11 train items" in text
    assert "b: the positives of the batch's other examples" in text
    assert "c: thresholds, averages and the like were trained for 50 epochs" in text
    assert "thresholds" not in resting([rising()])
