"""Ranking only what each user was exposed to: against loops over users, with ties, on any number of threads."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rankbench.data.interactions import Interactions, Split
from rankbench.evaluation import exposed as module
from rankbench.evaluation.auc import mean_auc
from rankbench.evaluation.evaluate import evaluate, validate
from rankbench.evaluation.exposed import top_exposed
from rankbench.evaluation.metrics import KS, METRICS
from rankbench.evaluation.scorers import InnerProduct
from rankbench.parallel import set_threads
from toy import random_interactions, random_split


def random_exposure(seed: int, each: int = 20) -> Split:
    """The toy split, its tests replaced by half of what users were exposed to; some of that is in train."""
    split = random_split(seed, n_users=50, n_items=130, each=9)
    shown = random_interactions(seed + 2, 45, 130, each)  # five users see nothing
    shown = Interactions.from_pairs(shown.users, shown.items, 50, 130)
    liked = shown.without(split.train.union(*split.valids.values()))
    some = np.random.default_rng(seed).random(len(liked)) < 0.3
    test = Interactions.from_pairs(liked.users[some], liked.items[some], 50, 130)
    return replace(split, protocol="exposure", tests={"exposure": test}, exposed=shown)


@pytest.mark.parametrize("convention", ["standard", "ir-benchmark"])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_metrics_are_those_of_loops_over_users(convention, seed):
    split = random_exposure(seed)
    assert split.exposed is not None
    torch.manual_seed(seed)
    user_vec, item_vec = torch.randn(50, 8), torch.randn(130, 8)
    test = split.tests["exposure"]
    masks = [split.train, *(split.valids.values() if convention == "standard" else [])]
    sums = {(metric, K): 0.0 for metric in METRICS for K in KS}
    averaged, areas = 0, []
    for u in range(50):
        wanted = set(test.row(u).tolist())
        everything = [split.train, *split.valids.values(), test]
        averaged += bool(wanted) if convention == "standard" else any(len(part.row(u)) for part in everything)
        if not wanted:
            continue
        seen = set().union(*(part.row(u).tolist() for part in masks))
        scores = (item_vec.double() @ user_vec[u].double()).float()
        ranked = sorted(set(split.exposed.row(u).tolist()) - seen, key=lambda i: (-scores[i].item(), i))
        hits = np.array([[i in wanted for i in ranked]])
        pairs = [scores[i].item() > scores[j].item() for i in wanted for j in set(ranked) - wanted]
        areas += [np.mean(pairs)] if pairs else []
        for metric, K in sums:
            padded = np.pad(hits, ((0, 0), (0, max(K - len(ranked), 0))))
            sums[metric, K] += METRICS[metric](padded, np.array([len(wanted)]), K)[0]
    found = evaluate(InnerProduct(user_vec, item_vec), split, "exposure", convention)
    assert found.n_averaged == averaged
    assert found.auc == pytest.approx(np.mean(areas), abs=1e-12)
    for (metric, K), value in sums.items():
        assert found.mean(metric, K) == pytest.approx(value / averaged, abs=1e-12)
    recalls = found.values["recall"][:, KS.index(100)]
    assert (recalls == 1).all()  # nobody was exposed to more


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6), each=st.integers(0, 30), K=st.sampled_from([1, 5, 40]), pairs=st.sampled_from([1, 99])
)
def test_lists_are_sorted_by_score_then_item(seed, each, K, pairs):
    """Small integers: many ties, and some scores are NaN; blocks of any size."""
    rng = np.random.default_rng(seed)
    shown = random_interactions(seed, 30, 25, each)
    user_vec = torch.from_numpy(rng.integers(-3, 4, (30, 3)).astype(np.float32))
    item_vec = torch.from_numpy(rng.integers(-3, 4, (25, 3)).astype(np.float32))
    item_vec[rng.random(25) < 0.1, 1] = torch.nan
    users = rng.integers(0, 30, 40)
    expected = np.full((40, K), -1)
    for row, u in enumerate(users):
        scores = item_vec @ user_vec[u]
        ranked = sorted(
            (i for i in shown.row(u).tolist() if scores[i] == scores[i]), key=lambda i: (-scores[i].item(), i)
        )
        expected[row, : len(ranked[:K])] = ranked[:K]
    before = module._PAIRS
    try:
        module._PAIRS = pairs
        assert np.array_equal(top_exposed(user_vec, item_vec, users, shown, K), expected)
    finally:
        module._PAIRS = before


def test_nobody_and_nothing_exposed():
    nothing = Interactions(np.zeros(4, np.int64), np.empty(0, np.int32), 5)
    vectors = torch.randn(3, 4, requires_grad=True), torch.randn(5, 4)
    assert (top_exposed(*vectors, np.arange(3), nothing, 2) == -1).all()
    assert top_exposed(*vectors, np.empty(0, np.int64), nothing, 2).shape == (0, 2)


def test_threads_change_nothing(monkeypatch):
    monkeypatch.setattr(module, "_PAIRS", 100)
    shown = random_interactions(3, 200, 300, 40)
    user_vec, item_vec = torch.randn(200, 16), torch.randn(300, 16)
    lists = []
    for threads in (1, 3):
        set_threads(threads)
        lists.append(top_exposed(user_vec, item_vec, np.arange(200), shown, 50))
    assert np.array_equal(*lists)


def test_validation_ranks_the_whole_catalogue():
    split = random_exposure(3)
    scorer = InnerProduct(torch.randn(50, 8), torch.randn(130, 8))
    assert validate(scorer, split, "iid") == validate(scorer, replace(split, exposed=None), "iid")


def test_fold_in_items_are_masked_and_means_are_over_users_with_targets():
    """Held-out users are measured on what is not folded in, whatever the convention."""
    plain = random_split(7)
    of_train = np.arange(60) < 40

    def of(part: Interactions, users: np.ndarray) -> Interactions:
        rows = users[part.users]
        return Interactions.from_pairs(part.users[rows], part.items[rows], 60, 120)

    split = replace(
        plain,
        train=of(plain.train, of_train),
        fold_in=of(plain.train, ~of_train),
        valids={"iid": of(plain.valids["iid"], ~of_train & (np.arange(60) < 50))},
        tests={"strong": of(plain.tests["iid"], np.arange(60) >= 50)},
    )
    torch.manual_seed(0)
    scorer = InnerProduct(torch.randn(60, 8), torch.randn(120, 8))
    expected = replace(split, train=plain.train, fold_in=None)
    for convention in ("standard", "ir-benchmark"):
        found = evaluate(scorer, split, "strong", convention)
        same = evaluate(scorer, expected, "strong", "standard")
        assert found.n_averaged == len(found.users) == same.n_averaged
        assert all(np.array_equal(found.values[m], same.values[m]) for m in METRICS)
    assert validate(scorer, split, "iid") == validate(scorer, expected, "iid")


def test_auc_is_that_of_pairs_and_leaves_out_who_has_none():
    hits = np.array([[1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0]], np.bool_)
    listed = np.array([[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]], np.bool_)
    assert mean_auc(hits, listed) == pytest.approx((3 / 4 + 0) / 2)  # users 0 and 3
    assert np.isnan(mean_auc(hits[1:3], listed[1:3]))
