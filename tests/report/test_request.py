import pytest

from fake_runs import store_run
from rankbench.errors import UserError
from rankbench.report.request import check_names, metrics_in, names_in
from rankbench.results.compare_runs import read_runs
from rankbench.results.compare_tests import Metric
from rankbench.results.leaderboard import Query
from rankbench.results.store import Store


def test_metrics_are_read_in_any_spelling_and_each_once():
    assert metrics_in("NDCG@20, recall@5,ndcg@20,HitRate@10,hit-rate@100,MRR@50") == (
        Metric("ndcg", 20),
        Metric("recall", 5),
        Metric("hit_rate", 10),
        Metric("hit_rate", 100),
        Metric("mrr", 50),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ndgc@20", "Unknown metric 'ndgc'.*Did you mean 'ndcg'"),
        ("ndcg", "cut-offs 5, 10, 20, 50, 100.*ndcg@20"),
        ("recall@7", "cut-offs.*recall@20"),
        ("recall@", "cut-offs"),
        ("ndcg@020", "cut-offs"),
        (" , ", "names no metric"),
        ("", "names no metric"),
    ],
)
def test_wrong_metrics_are_refused(text, message):
    with pytest.raises(UserError, match=message):
        metrics_in(text)


def test_names_are_separated_by_commas():
    assert names_in(None) == ()
    assert names_in("dsl, softmax,") == ("dsl", "softmax")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"datasets": ("shap",)}, "Unknown data set 'shap'.*'shop'"),
        ({"protocols": ("shfit",)}, "Unknown split 'shfit'.*'shift'"),
        ({"backbones": ("lightgcn",)}, "Unknown backbone 'lightgcn'.*Known: mf"),
        ({"losses": ("sofmax",)}, "Unknown loss 'sofmax'.*'softmax'"),
        ({"losses": ("softmax:tau=0.1",)}, "without parameters.*Use 'softmax'"),
        ({"select": "popularty"}, "Unknown validation set 'popularty'.*'popularity'"),
    ],
)
def test_names_must_occur_in_the_store(tmp_path, asked, message):
    store = Store(tmp_path)
    store_run(store, "softmax", protocol="shift")
    runs = read_runs(store)
    check_names(Query(datasets=("shop",), protocols=("shift",), backbones=("mf",), losses=("softmax",)), runs)
    with pytest.raises(UserError, match=message):
        check_names(Query(**asked), runs)
