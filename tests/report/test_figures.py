"""Figures of leaderboards: what they show, and that what is absent vanishes."""

import math
import re
from statistics import fmean

import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_runs import store_run
from rankbench.drawing import svg_of
from rankbench.evaluation.meanings import GAMMAS
from rankbench.report.figures import significance
from rankbench.report.figures.scatter import front
from rankbench.report.figures.series import MOST, series_of
from rankbench.report.sections import sections_of
from rankbench.results.compare import compare
from rankbench.results.compare_runs import read_runs
from rankbench.results.leaderboard import Query
from rankbench.results.store import Store

pytest.importorskip("matplotlib")
pytest_plugins = ("report.page_cases",)

points = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12)


@given(points)
def test_the_front_is_who_is_beaten_by_none(at):
    def beats(a, b):
        return a[0] >= b[0] and a[1] >= b[1] and a != b

    assert set(front(at)) == {i for i, one in enumerate(at) if not any(beats(other, one) for other in at)}


def sections(store, **asked):
    return sections_of(read_runs(store), Query(**asked)).found


def test_a_section_for_every_leaderboard(busy_store):
    found = sections(busy_store)
    assert [section.title for section in found] == ["shop, split iid", "shop, split shift"]
    assert [drawing.name for drawing in found[1].drawings] == [
        "iid-and-shift",
        "graded-shift-iid",
        "recall-by-popularity-iid",
        "recall-by-popularity-popularity",
        "significance-iid",
        "significance-popularity",
        "training",
    ]
    assert [drawing.name for drawing in found[0].drawings] == ["graded-shift-iid", "training"]
    assert found[1].tables[0].title == "shop, split shift: tests iid and popularity"


def test_the_scatter_has_a_point_for_every_line_with_numbers(busy_store):
    drawing = sections(busy_store)[1].drawings[0]
    axes = drawing.draw().axes[0]
    at = [(float(c.lines[0].get_xdata()[0]), float(c.lines[0].get_ydata()[0])) for c in axes.containers]
    assert len(at) == 10
    assert max(x for x, _ in at) == pytest.approx(0.24325)
    (joined,) = [line for line in axes.lines if line.get_linestyle() == ":"]
    assert sorted(zip(*joined.get_data(), strict=True)) == sorted(at[i] for i in front(at))
    assert "dsl:tau=0.1 · mf: 0.2103 and 0.0860 under shift" in drawing.titles


def test_bars_are_the_recalls_of_the_first_lines(busy_store):
    section = sections(busy_store, backbones=("mf",))[1]
    drawing = section.drawings[2]
    axes = drawing.draw().axes[0]
    bars = [bar for bar in axes.patches if bar.get_gid() == section.series[0].gid]
    assert section.series[0].full == "softmax:tau=0.1 · mf"
    assert [bar.get_height() for bar in bars] == pytest.approx([0.9, 0.7, 0.5, 0.3, 0.0])
    assert len({bar.get_gid() for bar in axes.patches if bar.get_gid()}) == 5
    many = sections(busy_store)[1].drawings[2]
    assert f"The first {MOST} of 10 lines" in many.caption


def test_the_graded_curve_begins_at_ndcg_and_is_a_ratio_of_sums(tmp_path):
    store = Store(tmp_path)
    runs = [store_run(store, "dsl", seed, ndcg=0.2 + 0.1 * seed) for seed in range(2)]
    drawing = next(drawing for drawing in sections(store)[0].drawings if drawing.name == "graded-shift-iid")
    (line,) = drawing.draw().axes[0].lines
    assert line.get_xdata().tolist() == [0, 0.25, 0.5, 0.75, 1]
    sums = [run.table("users").filter(pc.field("convention") == "standard") for run in runs]
    expected = [
        fmean(pc.sum(t[f"gain_{g:g}"]).as_py() / pc.sum(t[f"weight_{g:g}"]).as_py() for t in sums) for g in GAMMAS
    ]
    assert line.get_ydata().tolist() == pytest.approx([0.25, *expected])


def test_runs_that_did_not_measure_it_have_no_graded_curve(tmp_path):
    store = Store(tmp_path)
    store_run(store, "dsl", numbers=2)
    assert [drawing.name for drawing in sections(store)[0].drawings] == ["training"]


def test_curves_are_the_validation_of_the_runs_chosen(busy_store):
    drawing = sections(busy_store)[1].drawings[-1]
    lines = drawing.draw().axes[0].lines
    assert len(lines) == MOST
    assert [line.get_xdata().tolist() for line in lines] == [[1]] * MOST
    assert all(line.get_ydata()[0] == 0.5 for line in lines)


def test_a_leaderboard_of_diverged_runs_shows_how_they_were_trained_at_most(tmp_path):
    store = Store(tmp_path)
    store_run(store, "dsl", protocol="shift", diverged="the loss became nan", valid={})
    store_run(store, "bpr", protocol="shift", diverged="the loss became nan")
    (section,) = sections(store)
    assert [drawing.name for drawing in section.drawings] == ["training"]
    assert len(section.drawings[0].draw().axes[0].lines) == 1


def test_the_matrix_has_a_field_for_every_pair_that_differs(tmp_path):
    store = Store(tmp_path)
    for i, loss in enumerate(("softmax", "dsl", "bpr")):
        store_run(store, loss, ndcg=0.1 + 0.05 * i)
    (board,) = compare(read_runs(store), Query()).leaderboards
    bpr, dsl, softmax = board.lines
    beats = {bpr.key: (softmax.key,), dsl.key: (softmax.key,), softmax.key: ()}
    drawing = significance.of_board(board, beats, board.lines, series_of(board.lines))
    axes = drawing.draw().axes[0]
    fields = {(round(f.get_x() + 0.45), round(f.get_y() + 0.45)): f.get_facecolor() for f in axes.patches}
    assert set(fields) == {(2, 0), (2, 1), (0, 2), (1, 2)}
    assert fields[2, 0] == fields[2, 1] != fields[0, 2] == fields[1, 2]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["bpr", "dsl", "softmax"]
    assert significance.of_board(board, {}, board.lines, series_of(board.lines)) is None


def test_labels_are_short_and_of_one_line_each(busy_store):
    (board,) = compare(read_runs(busy_store), Query(protocols=("shift",), backbones=("mf",))).leaderboards
    assert [series.label for series in series_of(board.lines)] == ["<b>&\"'", "bpr", "psl", "dsl", "softmax", "warp"]
    (board,) = compare(read_runs(busy_store), Query(protocols=("shift",))).leaderboards
    labels = [series.label for series in series_of(board.lines)]
    assert "dsl, mf" in labels
    assert len(set(labels)) == len(board.lines)


def test_an_embedded_figure_refers_to_nothing_outside_and_shares_no_identifier(busy_store):
    drawings = sections(busy_store)[1].drawings
    svgs = [svg_of(drawing.draw, f"figure-{i}", drawing.titles) for i, drawing in enumerate(drawings)]
    for i, svg in enumerate(svgs):
        assert svg.startswith("<svg ")
        assert not re.search(r'(?:href|src)="(?!#)', svg)
        identifiers = re.findall(r' id="([^"]+)"', svg)
        assert len(identifiers) == len(set(identifiers))
        assert all(identifier.startswith(f"figure-{i}-") for identifier in identifiers)
        assert set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', svg)) <= {(a, "") for a in identifiers} | {
            ("", a) for a in identifiers
        }
        assert "DejaVu" not in svg
        assert "currentColor" in svg
    assert "&lt;b&gt;&amp;&quot;&#x27; · mf: " in svgs[0]
    assert svgs == [svg_of(drawing.draw, f"figure-{i}", drawing.titles) for i, drawing in enumerate(drawings)]


def test_a_point_of_one_seed_has_no_bars_of_spread(tmp_path):
    store = Store(tmp_path)
    for i, loss in enumerate(("dsl", "bpr")):
        store_run(store, loss, protocol="shift", ndcg={"iid": 0.2 + i / 100, "popularity": 0.1})
    axes = sections(store)[0].drawings[0].draw().axes[0]
    assert all(not container.has_xerr for container in axes.containers)
    assert math.isclose(axes.containers[0].lines[0].get_xdata()[0], 0.21)
