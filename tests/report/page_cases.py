"""A store for pages and figures: two backbones, names that mean something to HTML, a line that diverged."""

import pytest

from fake_runs import store_run
from rankbench.results.store import Store

LOSSES = ("softmax", "dsl", "psl", "bpr", "<b>&\"'")


@pytest.fixture(scope="session")
def busy_store(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("busy") / "runs")
    for j, backbone in enumerate(("mf", "lightgcn")):
        for i, loss in enumerate(LOSSES):
            for seed in range(2):
                ndcg = {"iid": 0.2 + 0.01 * i + 0.003 * j + 0.0005 * seed, "popularity": 0.09 - 0.004 * i + 0.0001 * j}
                hits = (9, 7, 5 - i // 2, 3, i // 3)
                at = {"ndcg": ndcg, "recall": 0.2 + 0.01 * i, "hits": hits, "protocol": "shift"}
                store_run(store, loss, seed, backbone=backbone, params={"tau": 0.1} if i < 2 else {}, **at)
    store_run(store, "warp", 0, protocol="shift", diverged="the loss became nan")
    store_run(store, "dsl", 0, protocol="iid", ndcg=0.1)
    return store
