"""Tests and intervals against scipy, against enumeration, and on simulated data whose truth is known."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rankbench.results.bootstrap import interval, p_value, resampled_sums
from rankbench.results.paired import EXACT, effect_size, holm, letters, t_test, t_test_of, wilcoxon

whole = st.lists(st.integers(-4, 4), min_size=1, max_size=9)
real = st.lists(st.floats(-1, 1).filter(lambda x: abs(x) > 1e-6), min_size=3, max_size=EXACT, unique_by=abs)


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 6), st.integers(3, 40), st.integers(0, 1000))
def test_t_equals_scipy(m, n, seed):
    values = np.random.default_rng(seed).normal(size=(m, n))
    found = t_test(values)
    for i, j in itertools.combinations(range(m), 2):
        expected = stats.ttest_rel(values[i], values[j]).pvalue
        assert found[i, j] == pytest.approx(expected, rel=1e-9)
        assert found[j, i] == pytest.approx(expected, rel=1e-9)
        assert t_test_of(values[i] - values[j]) == pytest.approx(expected, rel=1e-9)
    assert np.diag(found).tolist() == [1] * m


def test_t_where_nothing_or_everything_differs_alike():
    assert t_test_of(np.zeros(5)) == 1
    assert t_test_of(np.full(5, 0.25)) == 0
    assert np.isnan(t_test_of(np.array([0.5])))
    assert np.isnan(t_test(np.ones((2, 1)))).all()
    assert np.isnan(effect_size(np.full(5, 0.25)))
    assert effect_size(np.array([0.0, 1.0, 2.0])) == 1


@settings(max_examples=50, deadline=None)
@given(real)
def test_wilcoxon_without_ties_equals_scipy(values):
    assert wilcoxon(np.array(values)) == pytest.approx(stats.wilcoxon(values, method="exact").pvalue, rel=1e-9)


@settings(max_examples=100, deadline=None)
@given(whole)
def test_wilcoxon_with_ties_equals_counting_all_signs(values):
    kept = [v for v in values if v]
    if not kept:
        assert wilcoxon(np.array(values, float)) == 1
        return
    ranks = stats.rankdata(np.abs(kept))
    total = ranks.sum()
    far = abs(ranks[np.array(kept) > 0].sum() - total / 2)
    sums = [
        sum(r for r, s in zip(ranks, signs, strict=True) if s) for signs in itertools.product((0, 1), repeat=len(kept))
    ]
    expected = np.mean([abs(s - total / 2) >= far - 1e-9 for s in sums])
    assert wilcoxon(np.array(values, float)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_wilcoxon_of_many_with_ties_equals_scipy(seed):
    values = np.random.default_rng(seed).integers(-5, 7, 400) / 4
    expected = stats.wilcoxon(values, method="asymptotic", correction=False).pvalue
    assert wilcoxon(values) == pytest.approx(expected, rel=1e-9)


def test_exact_and_normal_meet():
    values = np.random.default_rng(3).normal(0.2, 1, EXACT)
    normal = stats.wilcoxon(values, method="asymptotic", correction=False).pvalue
    assert wilcoxon(values) == pytest.approx(normal, rel=0.05)


def test_holm_of_hand_and_against_scipy_of_two():
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.6, np.nan, 0.4])).tolist() == pytest.approx([0.8, np.nan, 0.8], nan_ok=True)
    assert holm(np.array([])).tolist() == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_what_stepping_down_rejects(p):
    corrected = holm(np.array(p))
    rejected = set()
    for step, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        if p[i] * (len(p) - step) > 0.05:
            break
        rejected.add(i)
    assert {i for i in range(len(p)) if corrected[i] <= 0.05} == rejected


def test_letters_go_on_after_z():
    assert [letters(i) for i in (0, 1, 25, 26, 27, 51, 52, 701, 702)] == [
        "a",
        "b",
        "z",
        "aa",
        "ab",
        "az",
        "ba",
        "zz",
        "aaa",
    ]


def test_resamples_are_those_of_loops_over_users_and_depend_on_the_seed_alone():
    columns = np.random.default_rng(0).normal(size=(30, 3))
    sums = resampled_sums(columns, 5, 90)
    assert np.array_equal(sums, resampled_sums(columns, 5, 90))
    assert np.array_equal(sums[:40], resampled_sums(columns, 5, 40))
    assert not np.array_equal(sums, resampled_sums(columns, 6, 90))
    assert resampled_sums(np.ones((30, 1)), 5, 90)[:, 0].tolist() == [30] * 90
    one = np.eye(30)
    times = resampled_sums(one, 5, 90)
    assert sums == pytest.approx(times @ columns)
    assert times.mean() == 1
    assert resampled_sums(np.empty((0, 2)), 5, 90).tolist() == [[0, 0]] * 90


def test_the_bootstrap_agrees_with_scipy():
    values = np.random.default_rng(1).exponential(size=80)
    ours = interval(resampled_sums(values[:, None], 0, 4000)[:, 0] / 80)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=4000, method="percentile", rng=2).confidence_interval
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.02)


def test_p_of_the_bootstrap():
    assert p_value(np.array([1.0] * 999)) == 0.002
    assert p_value(np.linspace(-1, 1, 1001)) == 1
    assert np.isnan(p_value(np.array([1.0, np.nan])))


@pytest.mark.slow
def test_intervals_of_a_gain_cover_the_truth():
    """NDCG-like values with many zeros; the relative gain of the mean over that of a correlated baseline."""
    covered, rounds, n = 0, 1000, 400
    for round_ in range(rounds):
        rng = np.random.default_rng(round_)
        base = rng.beta(1, 3, n) * (rng.random(n) < 0.6)
        better = 0.8 * base + 0.3 * rng.beta(1, 3, n) * (rng.random(n) < 0.6)
        sums = resampled_sums(np.stack([base, better], axis=1), round_, 1000)
        low, high = interval(sums[:, 1] / sums[:, 0] - 1)
        covered += low <= 0.1 <= high
    assert 0.93 < covered / rounds < 0.97


@pytest.mark.slow
def test_holm_keeps_false_discoveries_rare():
    """Twelve losses that are all as good as the baseline: how often any is found to differ."""
    false, rounds = 0, 2000
    for round_ in range(rounds):
        rng = np.random.default_rng(round_)
        values = rng.normal(size=(13, 200)) + rng.normal(size=200)
        false += (holm(t_test(values)[0, 1:]) < 0.05).any()
    assert false / rounds <= 0.05 + 2 * (0.05 * 0.95 / rounds) ** 0.5
