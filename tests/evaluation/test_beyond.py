"""The metrics beyond accuracy: a case worked by hand to the last digit, and loops over users in float64."""

import math

import numpy as np
import pytest

from rankbench.data.interactions import Interactions
from rankbench.data.measures import gini
from rankbench.evaluation.beyond import beyond
from rankbench.evaluation.exposure import coverage, entropy, group_recall, inequality
from rankbench.evaluation.groups import GROUPS, TAILS, popularity_groups, tail_of_items, tail_of_mass, tails
from rankbench.evaluation.lists import of_novel_hits, of_popularity, self_information
from rankbench.evaluation.lists_on_host import ListsOnHost
from rankbench.evaluation.metrics import KS, ndcg, recall
from rankbench.evaluation.popular import top_popular
from rankbench.evaluation.ranking import hits_of
from rankbench.evaluation.reference import TASTES, reference
from rankbench.evaluation.sums import diversity
from rankbench.evaluation.tastes import divergences
from rankbench.parallel import set_threads
from toy import random_split

TRAIN = Interactions.from_pairs(
    np.array([0, 0, 0, 1, 1, 1, 2, 2, 3, 4]), np.array([0, 1, 2, 0, 1, 2, 0, 1, 0, 3]), 8, 4
)
"""Popularity (4, 3, 2, 1), five users with train items; users 5, 6, 7 have test items."""

TEST = Interactions.from_pairs(np.array([5, 6, 7]), np.array([1, 2, 3]), 8, 4)
NONE = Interactions.from_pairs(np.array([]), np.array([]), 8, 4)
TOP = np.array([[0, 1], [0, 2], [0, 1]], np.int32)
USERS = np.array([5, 6, 7])


@pytest.fixture
def worked() -> ListsOnHost:
    return ListsOnHost(USERS, TOP, hits_of(TOP, USERS, TEST), NONE, ends=(2,))


def close(value: float) -> object:
    return pytest.approx(value, abs=5e-7)


def test_the_worked_case_of_popularity(worked):
    found = {name: np.nanmean(values) for name, values in of_popularity(worked, TRAIN).items() if name != "poplift"}
    assert TRAIN.item_counts.tolist() == [4, 3, 2, 1]
    assert found["arp"] == pytest.approx(10 / 3, rel=1e-15)
    assert found["arp_of_popular"] == 3.5
    assert found["novelty"] == close(1.626941)
    assert (found["aplt"], found["aclt"]) == (0.5, 1)  # the head is item 0
    assert (found["aplt_mass80"], found["aclt_mass80"]) == (0, 0)  # the head is items 0, 1, 2
    assert tails(TRAIN)["items20"].tolist() == [False, True, True, True]
    assert tails(TRAIN)["mass80"].tolist() == [False, False, False, True]


def test_the_worked_case_of_hits(worked):
    found = of_novel_hits(worked, TRAIN)
    assert found["efd"].mean() == close(0.523398)
    assert found["epc"].mean() == close(0.128951)
    assert ndcg(worked.hits, np.ones(3, int), 2).mean() == close(0.420620)
    assert recall(worked.hits, np.ones(3, int), 2).mean() == close(0.666667)


def test_the_worked_case_of_exposure():
    counts = np.bincount(TOP.ravel(), minlength=4)
    assert coverage(counts) == 0.75
    assert gini(counts) == pytest.approx(10 / 24, abs=1e-15)
    assert gini(counts) * 4 / 3 == close(0.555556)
    assert entropy(counts) == close(1.011404)
    assert entropy(counts) / math.log(2) == close(1.459148)
    assert entropy(counts) / math.log(4) == close(0.729574)


def test_the_worked_case_of_fairness():
    hits, relevant = np.array([0, 1, 1, 0]), TEST.item_counts
    by_two, by_one = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    for group, expected in ((by_two, 1 / 3), (by_one, math.nan)):
        found = group_recall(np.bincount(group, hits), np.bincount(group, relevant))
        assert inequality(found) == pytest.approx(expected, nan_ok=True)


def test_the_worked_case_of_tastes():
    """P = (3/4, 1/4), Q = (1, 0)."""
    found = divergences(np.array([[0, 0]], np.int32), np.array([0, 1]), np.array([[3, 1]]), (2,))
    assert found[0, 0].tolist() == [close(0.937408), close(0.137925)]


def random_lists(seed: int, exposed: bool = False) -> tuple[ListsOnHost, object, Interactions]:
    """Lists in random order of a toy split, some of them short."""
    split = random_split(seed, n_users=50, n_items=130, each=9)
    relevant, mask = split.tests["iid"], split.mask_of_test("iid")
    users = np.flatnonzero(relevant.user_counts)
    rng = np.random.default_rng(seed)
    shown = Interactions.from_pairs(np.repeat(np.arange(50), 40), rng.integers(0, 130, 2000), 50, 130)
    allowed = shown.union(relevant).without(mask) if exposed else None
    top = np.full((len(users), max(KS)), -1, np.int32)
    for b, u in enumerate(users):
        rankable = allowed.row(u) if allowed else np.setdiff1d(np.arange(130), mask.row(u))
        order = rng.permutation(rankable)[: max(KS)]
        top[b, : len(order)] = order
    return ListsOnHost(users, top, hits_of(top, users, relevant), mask, allowed), split, relevant


@pytest.mark.parametrize(("seed", "exposed"), [(1, False), (2, False), (3, True)])
def test_everything_equals_loops_over_users(seed, exposed):
    lists, split, relevant = random_lists(seed, exposed)
    found = beyond(lists, split.train, relevant)
    for place, K in enumerate(KS):
        expected = naive(lists, split.train, relevant, K)
        for name, value in expected.items():
            ours = found.of_lists[name][place] if name in found.of_lists else np.nanmean(found.values[name][:, place])
            assert ours == pytest.approx(value, rel=1e-6 if name == "ild" else 1e-12, nan_ok=True), (name, K)


def naive(lists: ListsOnHost, train: Interactions, relevant: Interactions, K: int) -> dict[str, float]:
    """Every metric by loops, from its definition."""
    pop, total = train.item_counts.tolist(), len(train)
    by, groups = reference(train), popularity_groups(train).tolist()
    least = min(p for p in pop if p)
    info = [-math.log2(max(p, least) / total) for p in pop]
    active = sum(1 for u in range(train.n_users) if len(train.row(u)))
    tail = {name: flags.tolist() for name, flags in tails(train).items()}
    rows: dict[str, list[float]] = {}
    popular_arp, counts, hit_counts = [], [0] * train.n_items, [0] * train.n_items
    relevant_counts, rankable = relevant.item_counts.tolist(), [0] * GROUPS
    for b, u in enumerate(lists.users):
        top = [int(i) for i in lists.top[b, :K] if i >= 0]
        wanted, masked = set(relevant.row(u).tolist()), set(lists.mask.row(u).tolist())
        allowed = set(lists.exposed.row(u).tolist()) if lists.exposed else set(range(train.n_items)) - masked
        for i in allowed:
            rankable[groups[i]] += 1
        for i in top:
            counts[i] += 1
            hit_counts[i] += i in wanted
        best = sorted(allowed, key=lambda i: (-pop[i], i))[:K]
        popular_arp.append(sum(pop[i] for i in best) / len(best))
        row = naive_row(top, wanted, train.row(u).tolist(), pop, info, active, tail, by, K)
        for name, value in row.items():
            rows.setdefault(name, []).append(value)
    means = {name: np.nanmean(values) for name, values in rows.items()}
    share = [c / sum(counts) for c in counts if c]
    in_group = [[i for i in range(train.n_items) if groups[i] == g] for g in range(GROUPS)]
    recalls = [
        sum(hit_counts[i] for i in g) / n if (n := sum(relevant_counts[i] for i in g)) else math.nan for g in in_group
    ]
    rates = [sum(counts[i] for i in in_group[g]) / rankable[g] for g in range(GROUPS)]
    return {
        **means,
        "arp_ratio": means["arp"] / np.mean(popular_arp),
        "coverage": sum(1 for c in counts if c) / len(counts),
        "gini": sum(abs(a - b) for a in counts for b in counts) / (2 * len(counts) * sum(counts)),
        "entropy": -sum(q * math.log(q) for q in share),
        "entropy_share": -sum(q * math.log(q) for q in share) / math.log(len(counts)),
        "popreo": np.std(recalls) / np.mean(recalls),
        "poprsp": np.std(rates) / np.mean(rates),
        **{
            f"unbiased_recall_{g:g}": sum(h * max(p, 1) ** -g for h, p in zip(hit_counts, pop, strict=True))
            / sum(r * max(p, 1) ** -g for r, p in zip(relevant_counts, pop, strict=True))
            for g in (0.5, 1)
        },
        **{f"ndcg_gamma_{g:g}": naive_graded(lists, relevant, pop, K, g) for g in (0.25, 0.5, 0.75, 1)},
    }


def naive_row(top, wanted, history, pop, info, active, tail, by, K) -> dict[str, float]:
    """The values of one user."""
    discount = [1 / math.log2(r + 2) for r in range(len(top))]
    arp = sum(pop[i] for i in top) / len(top)
    usual = sum(pop[i] for i in history) / len(history) if history else math.nan
    vectors = by.vectors.astype(np.float64)
    pairs = [(i, j) for i in top for j in top if i != j]
    p, q = ([sum(by.taste[i] == t for i in of) / len(of) for t in range(TASTES + 1)] for of in (history or [0], top))
    middle = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    rare = [i for i in wanted if tail["items20"][i]]
    hits = [(d, i) for d, i in zip(discount, top, strict=True) if i in wanted]
    return {
        "arp": arp,
        "poplift": (arp - usual) / usual,
        "novelty": sum(info[i] for i in top) / len(top),
        "efd": sum(d * info[i] for d, i in hits) / sum(discount),
        "epc": sum(d * (1 - pop[i] / active) for d, i in hits) / sum(discount),
        **{
            f"{metric}{'' if name == 'items20' else '_' + name}": sum(tail[name][i] for i in top) / n
            for name in TAILS
            for metric, n in (("aplt", len(top)), ("aclt", 1))
        },
        "ild": sum(1 - vectors[i] @ vectors[j] for i, j in pairs) / len(pairs),
        "miscalibration": kl(p, [0.99 * b + 0.01 * a for a, b in zip(p, q, strict=True)]) if history else math.nan,
        "taste_js": (kl(p, middle) + kl(q, middle)) / 2 / math.log(2) if history else math.nan,
        "tail_ndcg": sum(d for d, i in hits if i in rare) / sum(1 / math.log2(r + 2) for r in range(min(len(rare), K)))
        if rare
        else math.nan,
    }


def kl(p: list[float], q: list[float]) -> float:
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a)


def naive_graded(lists, relevant, pop, K, gamma) -> float:
    """Test pairs weighted by popularity^-gamma, the sum of weighted contributions over that of mean weights."""
    above = below = 0.0
    for b, u in enumerate(lists.users):
        wanted = relevant.row(u).tolist()
        ideal = sum(1 / math.log2(r + 2) for r in range(min(K, len(wanted))))
        below += sum(max(pop[i], 1) ** -gamma for i in wanted) / len(wanted)
        for r, i in enumerate(lists.top[b, :K].tolist()):
            if i in wanted:
                above += max(pop[i], 1) ** -gamma / math.log2(r + 2) / ideal
    return above / below


def test_contributions_of_the_groups_sum_to_ndcg():
    lists, split, relevant = random_lists(4)
    groups = beyond(lists, split.train, relevant).groups
    n_relevant = relevant.user_counts[lists.users]
    for place, K in enumerate(KS):
        assert groups.contribution[:, place].sum() == pytest.approx(ndcg(lists.hits, n_relevant, K).mean(), rel=1e-14)
    assert groups.recommended.sum(axis=0).tolist() == [(lists.top[:, :K] >= 0).sum() for K in KS]
    assert groups.relevant.sum() == len(relevant)


def test_ndcg_of_a_group_counts_the_test_items_of_the_group_alone():
    lists, split, relevant = random_lists(5)
    groups, group = beyond(lists, split.train, relevant).groups, popularity_groups(split.train)
    for g in range(GROUPS):
        kept = group[relevant.items] == g
        alone = Interactions.from_pairs(relevant.users[kept], relevant.items[kept], 50, 130)
        rows = np.flatnonzero(alone.user_counts[lists.users])
        hits = hits_of(lists.top, lists.users, alone)[rows]
        assert groups.users[g] == len(rows)
        expected = ndcg(hits, alone.user_counts[lists.users[rows]], 20).mean()
        assert groups.ndcg[g, KS.index(20)] == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("exposed", [False, True])
def test_the_popularity_list_is_that_of_the_same_mask(exposed):
    lists, split, _ = random_lists(6, exposed)
    pop = split.train.item_counts
    top = top_popular(pop, lists.users, lists.mask, lists.exposed, 30)
    for b, u in enumerate(lists.users):
        allowed = lists.exposed.row(u) if exposed else np.setdiff1d(np.arange(130), lists.mask.row(u))
        best = sorted(allowed.tolist(), key=lambda i: (-pop[i], i))[:30]
        assert top[b].tolist() == best + [-1] * (30 - len(best))


def test_tails_are_cut_in_a_stable_order():
    pop = np.array([5, 1, 5, 5, 1, 1, 1, 1, 0, 0])
    assert np.flatnonzero(~tail_of_items(pop, 0.2)).tolist() == [0, 2]
    assert np.flatnonzero(~tail_of_mass(pop, 0.8)).tolist() == [0, 1, 2, 3]
    assert tail_of_items(pop, 0.11).sum() == 8  # rounded up


def test_self_information_of_what_was_never_seen_is_that_of_the_least_popular():
    assert self_information(np.array([4, 0, 1, 3])).tolist() == pytest.approx([1, 3, 3, -math.log2(3 / 8)])
    assert self_information(np.array([0, 0])).tolist() == [0, 0]


def test_the_reference_is_the_same_on_any_threads_and_knows_what_goes_together():
    rng = np.random.default_rng(0)
    user, block = np.repeat(np.arange(90), 8), np.repeat(np.arange(90) % 3, 8)
    train = Interactions.from_pairs(user, block * 20 + rng.integers(0, 20, len(user)), 90, 61)  # item 60 has no user
    found = reference(train)
    set_threads(1)
    again = reference(Interactions(train.indptr, train.items, train.n_items))
    assert np.array_equal(found.vectors, again.vectors)
    assert np.array_equal(found.taste, again.taste)
    length = np.linalg.norm(found.vectors, axis=1)
    assert length[:60] == pytest.approx(1, abs=1e-6)
    assert (length[60], found.taste[60]) == (0, TASTES)
    assert found.taste[:60].max() < TASTES
    shared = np.bincount(found.taste[:60] * 3 + np.arange(60) // 20, minlength=3 * TASTES).reshape(TASTES, 3)
    assert shared.max(axis=1).sum() >= 55  # nearly every taste is of one block
    cosine = found.vectors @ found.vectors.T
    assert abs(cosine[:20, 20:60]).max() < 0.01


def test_diversity_of_hand():
    vectors = np.array([[1, 0], [0, 1], [-1, 0], [0, 0]], np.float32)
    top = np.array([[0, 1, 2], [0, 0, 3], [1, -1, -1]], np.int32)
    found = diversity(top, vectors, (2, 3))
    assert found[0].tolist() == pytest.approx([1, 4 / 3])
    assert found[1].tolist() == pytest.approx([0, 2 / 3])
    assert np.isnan(found[2]).all()
