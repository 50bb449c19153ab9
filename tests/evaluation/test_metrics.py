"""The metrics against trec_eval's implementation, against numbers worked by hand, and their properties."""

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from rankbench.evaluation.metrics import METRICS, hit_rate, mrr, ndcg, precision, recall

TREC = {"ndcg": "ndcg_cut", "recall": "recall", "precision": "P", "hit_rate": "success", "mrr": "recip_rank"}


def trec(ranking: list[int], relevant: set[int], metric: str, K: int) -> float:
    """The value that trec_eval gives a ranking; it sorts by score, so ranks become distinct scores."""
    name = TREC[metric]
    shown = ranking if metric != "mrr" else ranking[:K]  # recip_rank has no cut-off of its own
    run = {"user": {f"i{i}": float(1000 - rank) for rank, i in enumerate(shown)}}
    measure = name if metric == "mrr" else f"{name}.{K}"
    found = pytrec_eval.RelevanceEvaluator({"user": {f"i{i}": 1 for i in relevant}}, {measure}).evaluate(run)
    return next(iter(found["user"].values()))


@pytest.mark.parametrize("metric", METRICS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_equals_trec_eval(metric, data):
    items = data.draw(st.integers(5, 40))
    ranking = data.draw(st.permutations(range(items)))[: data.draw(st.integers(1, items))]
    relevant = data.draw(st.sets(st.integers(0, items - 1), min_size=1))
    K = data.draw(st.sampled_from([1, 3, 5, 10, 60]))  # 60 is beyond every list
    hits = np.zeros((1, max(60, len(ranking))), bool)
    hits[0, : len(ranking)] = [i in relevant for i in ranking]
    found = METRICS[metric](hits, np.array([len(relevant)]), K)[0]
    assert found == pytest.approx(trec(ranking, relevant, metric, K), abs=1e-12)


def test_the_list_that_other_tools_disagree_on():
    """Hits at ranks 1 and 3, three relevant items, K = 5."""
    hits, n = np.array([[True, False, True, False, False]]), np.array([3])
    assert ndcg(hits, n, 5)[0] == pytest.approx((1 + 1 / 2) / (1 + 1 / np.log2(3) + 1 / 2))
    assert recall(hits, n, 5)[0] == pytest.approx(2 / 3)
    assert precision(hits, n, 5)[0] == pytest.approx(2 / 5)
    assert hit_rate(hits, n, 5)[0] == 1
    assert mrr(hits, n, 5)[0] == 1
    assert mrr(hits[:, 1:], n, 4)[0] == 1 / 2
    assert recall(np.array([[True, True, False, False, False]]), np.array([10]), 5)[0] == 0.2


@given(st.integers(1, 8), st.integers(1, 12))
def test_a_perfect_list_is_one_and_an_empty_one_zero(n_relevant, K):
    perfect = np.zeros((1, 20), bool)
    perfect[0, :n_relevant] = True
    n = np.array([n_relevant])
    assert ndcg(perfect, n, K)[0] == pytest.approx(1)
    assert recall(perfect, n, K)[0] == min(K, n_relevant) / n_relevant
    for metric in METRICS.values():
        assert metric(np.zeros((1, 20), bool), n, K)[0] == 0


@given(st.lists(st.booleans(), min_size=6, max_size=6), st.integers(0, 4))
def test_a_hit_that_moves_up_never_costs(hits, place):
    hits = np.array([hits])
    better = hits.copy()
    if hits[0, place + 1] and not hits[0, place]:
        better[0, [place, place + 1]] = True, False
    n = np.array([max(1, hits.sum())])
    for metric in METRICS.values():
        for K in range(1, 7):
            assert metric(better, n, K)[0] >= metric(hits, n, K)[0]
