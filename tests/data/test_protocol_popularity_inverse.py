from collections import Counter
from importlib import import_module

import numpy as np
import pytest
from split_cases import as_set, pairs_of

from rankbench.data.protocols.popularity_inverse import popularity_inverse
from rankbench.errors import UserError

ROWS = [(0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (1, 1), (0, 2), (2, 2), (3, 2), (2, 3)]


def law_of_two_draws(pairs: list) -> Counter:
    """The probability of each test set of two: pairs one after the other by weight, the last ones passed over."""
    users, items = Counter(u for u, _ in pairs), Counter(i for _, i in pairs)
    law: Counter = Counter()

    def go_on(left: list, taken: list, probability: float) -> None:
        if len(taken) == 2:
            law[frozenset(taken)] += probability
            return
        total = sum(1 / items[i] for _, i in left)
        for u, i in left:
            last = users[u] - sum(v == u for v, _ in taken) == 1 or items[i] - sum(j == i for _, j in taken) == 1
            rest = [pair for pair in left if pair != (u, i)]
            go_on(rest, taken if last else [*taken, (u, i)], probability / items[i] / total)

    go_on(pairs, [], 1.0)
    return law


def test_the_test_set_follows_the_law_of_draws_without_replacement(monkeypatch):
    pairs = pairs_of([(u, i, 0) for u, i in ROWS])
    law = law_of_two_draws(sorted(ROWS))
    assert sum(law.values()) == pytest.approx(1)
    n = 4000
    found: Counter = Counter()
    for seed in range(n):
        monkeypatch.setattr(import_module("rankbench.data.protocols.popularity_inverse"), "SEED", seed)
        found[frozenset(as_set(popularity_inverse(pairs)[1]))] += 1
    assert set(found) <= set(law)
    chi_square = sum((found[test] - n * p) ** 2 / (n * p) for test, p in law.items())
    assert chi_square < len(law) - 1 + 5 * np.sqrt(2 * (len(law) - 1))
    assert min(law.values()) * n > 5


def test_20_percent_are_taken_and_everybody_keeps_one():
    rows = [(u, i, 0) for u in range(40) for i in range(30) if i <= u]
    pairs = pairs_of(rows)
    train, test = popularity_inverse(pairs)
    assert len(test) == len(pairs) - int(0.8 * len(pairs))
    assert train.user_counts.min() >= 1
    assert train.item_counts.min() >= 1
    assert as_set(train) | as_set(test) == {(u, i) for u, i, _ in rows}


def test_items_lose_about_the_same_number_whatever_their_popularity():
    """A pair of an item with c pairs is among the first with probability 1 - exp(-t / c), t the same for all."""
    rng = np.random.default_rng(0)
    popularity = np.where(np.arange(200) % 2, 300, 100)
    rows = [(int(u), i, 0) for i in range(200) for u in rng.choice(500, popularity[i], replace=False)]
    _, test = popularity_inverse(pairs_of(rows))
    low, high = 0.0, 300.0
    for _ in range(60):
        t = (low + high) / 2
        low, high = (t, high) if (popularity * (1 - np.exp(-t / popularity))).sum() < len(test) else (low, t)
    for c in (100, 300):
        drawn = test.item_counts[popularity == c]
        share = 1 - np.exp(-t / c)
        assert abs(drawn.mean() - c * share) < 4 * np.sqrt(c * share * (1 - share) / len(drawn))
        assert drawn.var() == pytest.approx(c * share * (1 - share), rel=0.5)


def test_too_few_pairs_are_refused():
    with pytest.raises(UserError, match="6 pairs of 3 users and 5 items are too few to take 2"):
        popularity_inverse(pairs_of([(0, 0, 0), (0, 1, 0), (1, 2, 0), (1, 3, 0), (2, 4, 0), (2, 0, 0)]))
