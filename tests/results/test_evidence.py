"""Which gains are real: from stored values of users, against scipy and by hand."""

import numpy as np
import pytest
from scipy import stats

from fake_runs import give_users, store_run
from rankbench.results.compare_shift import compare_shift
from rankbench.results.compare_tests import Metric
from rankbench.results.leaderboard import Query
from rankbench.results.pareto import on_front
from rankbench.results.sound import read_sound
from rankbench.results.store import Store

NDCG = Metric("ndcg", 20)
N = 300
TESTS = {"iid": np.arange(N), "popularity": np.arange(100, N + 60)}
"""The users of each test: some are in one of them only."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two seeds of softmax; dsl a little better in distribution and worse under shift; bpr far worse; bsl the same."""
    rng = np.random.default_rng(0)
    store, values = Store(tmp_path_factory.mktemp("stored") / "runs"), {}
    base = {test: rng.beta(1, 3, len(users)) for test, users in TESTS.items()}
    for seed in range(2):
        noise = {test: rng.normal(0, 0.01, len(users)) for test, users in TESTS.items()}
        for loss, scale, shifted in (("softmax", 1, 1), ("dsl", 1.1, 0.95), ("bsl", 1, 1), ("bpr", 0.5, 0.4)):
            of = {}
            for test, users in TESTS.items():
                own = rng.normal(0, 0.05, len(users)) if loss in ("dsl", "bpr") else 0
                of[test] = base[test] * (scale if test == "iid" else shifted) + noise[test] + own
            run = store_run(store, loss, seed, protocol="shift", params={"tau": 0.1})
            give_users(run, TESTS, of)
            values.setdefault(loss, []).append(of)
    return store, values


@pytest.fixture(scope="module")
def table(made):
    (found,) = compare_shift(read_sound(made[0]).runs, Query()).tables
    return found


def key_of(table, loss: str):
    return next(pair.line.key for pair in table.pairs if pair.line.choice.loss.name == loss)


@pytest.mark.parametrize("test", TESTS)
def test_contrasts_equal_scipy_on_means_over_seeds(made, table, test):
    mean = {loss: np.mean([of[test] for of in seeds], axis=0) for loss, seeds in made[1].items()}
    evidence = table.evidence.by_test[test]
    assert set(evidence.contrasts) == {key_of(table, loss) for loss in ("dsl", "bsl", "bpr")}
    for loss in ("dsl", "bpr"):
        found = evidence.contrasts[key_of(table, loss)]
        difference = mean[loss] - mean["softmax"]
        assert found.users == len(TESTS[test])
        assert found.difference == pytest.approx(difference.mean(), rel=1e-5)
        assert found.p == pytest.approx(stats.ttest_rel(mean[loss], mean["softmax"]).pvalue, rel=1e-3)
        assert found.p_wilcoxon == pytest.approx(stats.wilcoxon(difference).pvalue, rel=1e-2)
        assert found.effect == pytest.approx(difference.mean() / difference.std(ddof=1), rel=1e-4)
        by_seed = [a[test].mean() - b[test].mean() for a, b in zip(made[1][loss], made[1]["softmax"], strict=True)]
        assert found.p_seeds == pytest.approx(stats.ttest_1samp(by_seed, 0).pvalue, rel=1e-3)
        gain = 100 * (mean[loss].mean() / mean["softmax"].mean() - 1)
        assert found.low < gain < found.high
        assert found.p <= found.p_holm <= min(1, 3 * found.p)


def test_what_is_the_same_is_within_noise_and_beats_nothing(table):
    for evidence in table.evidence.by_test.values():
        bsl = evidence.contrasts[key_of(table, "bsl")]
        assert (bsl.difference, bsl.low, bsl.high, bsl.p, bsl.p_wilcoxon) == (0, 0, 0, 1, 1)
        assert bsl.within_noise
        assert not evidence.contrasts[key_of(table, "bpr")].within_noise
        assert key_of(table, "softmax") not in evidence.beats[key_of(table, "bsl")]


def test_lines_that_are_beaten(table):
    plain, shifted = (table.evidence.by_test[test].beats for test in TESTS)
    dsl, softmax, bpr, bsl = (key_of(table, loss) for loss in ("dsl", "softmax", "bpr", "bsl"))
    assert set(plain[dsl]) == {softmax, bpr, bsl}
    assert set(shifted[softmax]) == {dsl, bpr}
    assert plain[bpr] == ()


def test_the_change_of_a_gain_is_resampled_over_the_users_of_both_tests(made, table):
    change = table.evidence.change[key_of(table, "dsl")]
    gains = [
        pair.scores[NDCG].gain for pair in (table.pairs[i].plain for i in range(4)) if pair.choice.loss.name == "dsl"
    ]
    assert gains[0] > 5
    assert change.low < change.value < change.high < 0


def test_softmax_that_is_not_asked_for_is_still_compared_with(made):
    (found,) = compare_shift(read_sound(made[0]).runs, Query(losses=("dsl",))).tables
    assert [pair.line.choice.loss.name for pair in found.pairs] == ["dsl"]
    assert list(found.evidence.by_test["iid"].contrasts) == [found.pairs[0].line.key]


def test_metrics_that_are_not_kept_by_user_and_old_runs_have_no_evidence(made, tmp_path):
    (found,) = compare_shift(read_sound(made[0]).runs, Query(metrics=(Metric("gini", 20),))).tables
    assert found.evidence is None
    store = Store(tmp_path)
    for loss in ("softmax", "dsl"):
        run = store_run(store, loss, protocol="shift", ndcg=0.1, numbers=2)
        for name in ("items", "user_groups"):
            (run.path / f"{name}.parquet").unlink()
    (old,) = compare_shift(read_sound(store).runs, Query()).tables
    assert old.evidence is None
    assert len(old.pairs) == 2


def test_a_run_with_other_users_is_named_and_left_out(made):
    from rankbench.results.store import DamagedRunError

    store, values = made
    run = store_run(store, "psl", 0, protocol="shift")
    try:
        give_users(run, TESTS, {test: of[::-1] for test, of in values["dsl"][0].items()})
        TESTS["iid"] = TESTS["iid"] + 1
        give_users(run, TESTS, values["dsl"][0])
        with pytest.raises(DamagedRunError, match="are not those of others"):
            compare_shift(read_sound(store).runs, Query())
    finally:
        TESTS["iid"] = TESTS["iid"] - 1
        for file in run.path.iterdir():
            file.unlink()
        run.path.rmdir()


def test_the_front_of_hand():
    points = np.array([[1, 1], [2, 0], [1, 0.5], [0, 2], [2, 0], [np.nan, 9], [0, 1]])
    assert on_front(points).tolist() == [True, True, False, True, True, False, False]
