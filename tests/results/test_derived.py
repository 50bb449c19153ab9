"""Metrics made of what is stored: beside what they mean, computed from the lists themselves."""

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some

from rankbench.data.measures import kl_divergence
from rankbench.evaluation.evaluate import evaluate
from rankbench.evaluation.meanings import MEANINGS
from rankbench.evaluation.metrics import KS
from rankbench.evaluation.scorers import InnerProduct
from rankbench.results import derived
from rankbench.results.compare_runs import Run
from rankbench.results.compare_tests import Metric, measure
from rankbench.results.derived import DERIVED, rarefied
from rankbench.results.measured import tables_of
from rankbench.results.store import DamagedRunError, Store
from rankbench.spec import Part, RunSpec
from toy import random_split

PLACE = ("iid", "standard", "iid")
SPLIT = random_split(2, n_users=50, n_items=130)


SHARES = np.maximum(SPLIT.train.item_counts, 1) / len(SPLIT.train)
"""Those of train; an item without interactions counts as one with the fewest."""


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    torch.manual_seed(1)
    evaluation = evaluate(InnerProduct(torch.randn(50, 4), torch.randn(130, 4)), SPLIT, "iid")
    spec = RunSpec("toy", "shift", "d" * 64, Part("softmax"), Part("mf"), (), 0)
    documents = {"spec": spec.to_json()}
    return Store(tmp_path_factory.mktemp("runs")).write(spec, documents, tables_of({PLACE: evaluation})), evaluation


def value(stored, name: str, K: int) -> float:
    run = type("OneRun", (), {"stored": stored, "seed": 0})()
    return measure([run], [Metric(name, K)], "iid", "standard")["iid"].scores[Metric(name, K)].mean


@pytest.mark.parametrize("K", KS)
def test_exposure_beside_train_and_beside_all_items_alike(stored, K):
    recommended = stored[1].beyond.item_recommended[:, KS.index(K)]
    shown = recommended > 0
    q, p = recommended[shown] / recommended.sum(), SHARES[shown]
    assert value(stored[0], "exposure_kl", K) == pytest.approx((q * np.log(q / p)).sum(), abs=1e-9)
    uniform = kl_divergence(recommended, np.ones(130, np.int64))
    assert value(stored[0], "exposure_kl_uniform", K) == pytest.approx(uniform, abs=1e-9)


def test_log_arp_is_the_mean_of_logarithms_of_shares(stored):
    users = np.flatnonzero(SPLIT.tests["iid"].user_counts)
    torch.manual_seed(1)
    scorer = InnerProduct(torch.randn(50, 4), torch.randn(130, 4))
    top = scorer.top_items(users, SPLIT.mask_of_test("iid"), 10)
    assert value(stored[0], "log_arp", 10) == pytest.approx(np.log(SHARES[top]).mean(), rel=1e-6)


@pytest.mark.parametrize("by", ["activity", "mainstreamness"])
def test_the_worst_quarter_and_the_gap(stored, by):
    ndcg = stored[1].user_groups[by].values["ndcg"][:, KS.index(10)]
    assert value(stored[0], f"worst_{by}", 10) == pytest.approx(ndcg.min())
    assert value(stored[0], f"gap_{by}", 10) == pytest.approx(ndcg.max() - ndcg.min())


def test_coverage_of_a_sample_is_the_mean_over_all_samples():
    rng = np.random.default_rng(0)
    has = rng.random((6, 9)) < 0.3  # which lists have which items
    expected = np.mean([has[list(sample)].any(axis=0).mean() for sample in combinations(range(6), 3)])
    assert rarefied(has.sum(axis=0), 6, 3) == pytest.approx(expected, rel=1e-12)


@settings(deadline=None)
@given(some.lists(some.integers(0, 40), min_size=1, max_size=30), some.integers(1, 40))
def test_coverage_of_all_users_is_coverage_and_of_fewer_no_more(counts, sample):
    counts = np.array(counts, np.int64)
    assert rarefied(counts, 40, 40) == pytest.approx((counts > 0).mean())
    assert rarefied(counts, 40, sample) <= (counts > 0).mean() + 1e-12
    assert np.isnan(rarefied(counts, 40, 41))


def test_coverage_is_of_the_lists_of_the_test(stored, monkeypatch):
    assert np.isnan(value(stored[0], "coverage_1000", 20))
    monkeypatch.setattr(derived, "SAMPLE", len(stored[1].users))
    covered = (stored[1].beyond.item_recommended[:, KS.index(20)] > 0).mean()
    assert value(stored[0], "coverage_1000", 20) == pytest.approx(covered)


def test_every_derived_metric_has_a_meaning_and_every_such_meaning_a_way():
    assert set(DERIVED) == {name for name, meaning in MEANINGS.items() if meaning.derived}


def test_a_run_that_lacks_what_it_takes_is_named(tmp_path):
    from fake_runs import store_run
    from rankbench.results.sound import read_sound

    run = store_run(Store(tmp_path), "softmax", numbers=2)
    (found,) = read_sound(Store(tmp_path)).runs
    assert isinstance(found, Run)
    with pytest.raises(DamagedRunError, match="user_groups"):
        measure([found], [Metric("gap_activity", 20)], "iid", "standard")
    assert run.id
