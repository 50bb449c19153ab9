import numpy as np
import pytest
import pytrec_eval
import torch

from rankbench.data.interactions import Interactions
from rankbench.evaluation.evaluate import evaluate, validate
from rankbench.evaluation.groups import GROUPS, popularity_groups
from rankbench.evaluation.metrics import KS, METRICS
from rankbench.evaluation.scorers import InnerProduct
from toy import random_split


def naive_ranking(scores: np.ndarray, masked: set[int], K: int) -> list[int]:
    """The K best items by descending score, then ascending id."""
    order = sorted((i for i in range(len(scores)) if i not in masked), key=lambda i: (-scores[i], i))[:K]
    return order + [-1] * (K - len(order))


def naive_evaluation(user_vec, item_vec, split, test, convention):
    """Means of all metrics at all K, and group counts, by loops over users."""
    relevant = split.tests[test]
    masks = [split.train]
    if convention == "standard":
        masks += [*split.valids.values(), *(t for name, t in split.tests.items() if name != test)]
    sums = {(m, K): 0.0 for m in METRICS for K in KS}
    averaged, group_hits = 0, np.zeros((GROUPS, len(KS)), int)
    group = popularity_groups(split.train)
    for u in range(split.n_users):
        wanted = set(relevant.row(u).tolist())
        seen = set().union(*(part.row(u).tolist() for part in masks))
        known = wanted | set(split.train.row(u).tolist())
        averaged += bool(wanted) if convention == "standard" else bool(known)
        if not wanted:
            continue
        scores = (item_vec @ user_vec[u]).numpy()
        top = naive_ranking(scores, seen, max(KS))
        hits = np.array([[i in wanted for i in top]])
        for metric, K in sums:
            sums[metric, K] += METRICS[metric](hits, np.array([len(wanted)]), K)[0]
        for place, K in enumerate(KS):
            for i in top[:K]:
                if i in wanted:
                    group_hits[group[i], place] += 1
    return {key: value / averaged for key, value in sums.items()}, averaged, group_hits


@pytest.mark.parametrize("convention", ["standard", "ir-benchmark"])
@pytest.mark.parametrize("test", ["iid", "popularity"])
def test_one_pass_equals_loops_over_users(convention, test):
    split = random_split(5, n_users=50, n_items=130, each=9)  # some users have no test item
    user_vec, item_vec = torch.randn(50, 8), torch.randn(130, 8)
    found = evaluate(InnerProduct(user_vec, item_vec), split, test, convention)
    means, averaged, group_hits = naive_evaluation(user_vec, item_vec, split, test, convention)
    assert found.n_averaged == averaged
    assert len(found.users) < 50
    for (metric, K), value in means.items():
        assert found.mean(metric, K) == pytest.approx(value, abs=1e-12)
    groups = found.beyond.groups
    assert np.array_equal(groups.hits, group_hits)
    assert groups.relevant.sum() == len(split.tests[test])
    assert groups.items.sum() == split.n_items
    for by in found.user_groups.values():
        assert by.users.sum() == len(found.users)
        assert (by.values["ndcg"] * by.users[:, None]).sum(axis=0) == pytest.approx(found.values["ndcg"].sum(axis=0))


@pytest.mark.parametrize("n_items", [110, 400])  # with 110 items some lists are shorter than 100
def test_a_whole_evaluation_equals_trec_eval_on_ties_and_users_without_test_items(n_items):
    """Ties are broken its own way by trec_eval, so it gets our order as distinct scores."""
    rng = np.random.default_rng(n_items)
    split = random_split(9, n_users=40, n_items=n_items, each=14)
    user_vec = torch.ones(40, 1)
    item_vec = torch.from_numpy(rng.integers(0, 6, (n_items, 1)).astype(np.float32))  # six scores for all items
    relevant = split.tests["iid"]
    assert (relevant.user_counts == 0).any()
    run, wanted = {}, {}
    for u in range(40):
        masked = set(split.mask_of_test("iid").row(u).tolist())
        ranking_ = [i for i in naive_ranking(item_vec[:, 0].numpy(), masked, max(KS)) if i >= 0]
        run[str(u)] = {str(i): float(1000 - place) for place, i in enumerate(ranking_)}
        if len(relevant.row(u)):
            wanted[str(u)] = {str(i): 1 for i in relevant.row(u).tolist()}
    names = {"ndcg": "ndcg_cut", "recall": "recall", "precision": "P", "hit_rate": "success"}
    measures = {f"{name}.{K}" for name in names.values() for K in KS}
    theirs = pytrec_eval.RelevanceEvaluator(wanted, measures).evaluate(run)
    ours = evaluate(InnerProduct(user_vec, item_vec), split, "iid")
    assert len(theirs) == len(ours.users) == ours.n_averaged
    for metric, name in names.items():
        for K in KS:
            mean = np.mean([found[f"{name}_{K}"] for found in theirs.values()])
            assert ours.mean(metric, K) == pytest.approx(mean, abs=1e-12)
    for K in KS:  # recip_rank has no cut-off of its own
        cut = {u: dict(list(ranked.items())[:K]) for u, ranked in run.items()}
        found = pytrec_eval.RelevanceEvaluator(wanted, {"recip_rank"}).evaluate(cut)
        assert ours.mean("mrr", K) == pytest.approx(np.mean([v["recip_rank"] for v in found.values()]), abs=1e-12)


def test_validation_masks_train_only():
    split = random_split(6)
    user_vec, item_vec = torch.randn(60, 8), torch.randn(120, 8)
    valid = split.valids["popularity"]
    values = []
    for u in np.flatnonzero(valid.user_counts):
        top = naive_ranking((item_vec @ user_vec[u]).numpy(), set(split.train.row(u).tolist()), 20)
        hits = np.array([[i in set(valid.row(u).tolist()) for i in top]])
        values.append(METRICS["ndcg"](hits, valid.user_counts[[u]], 20)[0])
    assert validate(InnerProduct(user_vec, item_vec), split, "popularity") == pytest.approx(np.mean(values), abs=1e-12)


def test_groups_hold_about_the_same_number_of_interactions():
    counts = np.array([1, 50, 20, 9, 10, 10, 0])
    item = np.repeat(np.arange(7), counts)
    train = Interactions.from_pairs(np.arange(100), item, 100, 7)
    assert popularity_groups(train).tolist() == [4, 0, 2, 4, 3, 4, 4]
