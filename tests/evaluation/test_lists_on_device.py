"""Evaluation where the lists are ranked, against that of the CPU; it is plain torch, so the CPU can run it, too."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rankbench.data.interactions import Interactions
from rankbench.evaluation import lists_on_device
from rankbench.evaluation.evaluate import CONVENTIONS, Evaluation, evaluate, validate
from rankbench.evaluation.metrics import KS
from rankbench.evaluation.scorers import InnerProduct, Rows, Scorer
from rankbench.evaluation.tie_order import TieOrder
from rankbench.rows_on import rows_on
from toy import random_interactions, random_split

CPU = torch.device("cpu")
WHOLE = ("recall", "precision", "hit_rate", "mrr")
"""Metrics that are made of whole numbers by one division."""


class InnerProductThere(InnerProduct):
    """Vectors that say they are on a device."""

    on_cpu = False


class RowsThere(Rows):
    """Scores that say they are on a device."""

    on_cpu = False


def close(found: object, expected: object, atol: float = 1e-12) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=atol)


def same(found: Evaluation, expected: Evaluation) -> None:
    for metric, values in expected.values.items():
        (np.testing.assert_array_equal if metric in WHOLE else close)(found.values[metric], values)
    assert found.beyond.values.keys() == expected.beyond.values.keys()
    for metric, values in expected.beyond.values.items():
        close(found.beyond.values[metric], values, atol=1e-5 if metric == "ild" else 1e-12)
    np.testing.assert_array_equal(found.beyond.values["tie_rate"], expected.beyond.values["tie_rate"])
    for metric, values in expected.beyond.of_lists.items():
        close(found.beyond.of_lists[metric], values)
    close(found.beyond.graded_gains, expected.beyond.graded_gains)
    for name in ("item_hits", "item_recommended"):
        np.testing.assert_array_equal(getattr(found.beyond, name), getattr(expected.beyond, name))
    for name, values in vars(expected.beyond.groups).items():
        close(getattr(found.beyond.groups, name), values)
    close(found.rank, expected.rank)
    assert found.n_averaged == expected.n_averaged


def vectors(seed: int, n_users: int, n_items: int, levels: int | None) -> list[torch.Tensor]:
    """Vectors of users and items; those of few levels have many equal scores."""
    rng = np.random.default_rng(seed)
    drawn = [rng.standard_normal((n, 5)) for n in (n_users, n_items)]
    return [torch.from_numpy(np.rint(v * levels / 3) if levels else v).float() for v in drawn]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    n_items=st.sampled_from([101, 110, 240]),
    each=st.sampled_from([3, 30]),
    levels=st.sampled_from([1, 3, None]),
    seeded=st.booleans(),
    convention=st.sampled_from(CONVENTIONS),
    seed=st.integers(0, 99),
)
def test_all_metrics_are_those_of_the_cpu(n_items, each, levels, seeded, convention, seed):
    split = random_split(seed, n_users=40, n_items=n_items, each=each)  # some lists are short, some users untested
    ties = TieOrder.seeded(seed, n_items) if seeded else None
    given_vectors = vectors(seed, 40, n_items, levels)
    here, there = InnerProduct(*given_vectors, ties), InnerProductThere(*given_vectors, ties)
    same(evaluate(there, split, "iid", convention), evaluate(here, split, "iid", convention))
    assert validate(there, split, "iid") == pytest.approx(validate(here, split, "iid"), abs=1e-14)


@pytest.mark.parametrize("seeded", [False, True])
def test_models_without_vectors(seeded):
    split, (user_vec, item_vec) = random_split(3, n_users=70, n_items=150), vectors(3, 70, 150, 2)
    item_vec[::7] = torch.nan
    item_vec[1] = torch.inf
    ties = TieOrder.seeded(0, 150) if seeded else None

    def score(user: torch.Tensor) -> torch.Tensor:
        return user_vec[user] @ item_vec.t()  # (b, I)

    penalty = torch.linspace(0, 1, 150)
    for here, there in zip(
        *([r, r.penalised(penalty)] for r in (Rows(score, 150, ties), RowsThere(score, 150, ties))), strict=True
    ):
        same(evaluate(there, split, "popularity"), evaluate(here, split, "popularity"))


@pytest.mark.parametrize("kind", ["vectors", "rows"])
def test_lists_that_are_empty(kind):
    ones = torch.ones(8, 120)
    scorer = InnerProductThere(ones, torch.ones(120, 120)) if kind == "vectors" else RowsThere(ones.__getitem__, 120)
    everything = Interactions.from_pairs(*np.divmod(np.arange(8 * 120), 120), 8, 120)
    ranked = scorer.rank_there(np.arange(8), everything, 130)
    assert ranked.item.tolist() == [[-1] * 130] * 8
    assert ranked.score.isneginf().all()
    assert scorer.rank_there(np.arange(0), everything, 3).item.shape == (0, 3)


@pytest.mark.parametrize("numbers", [1, 7 * 101 * 6])
def test_the_size_of_a_block_changes_nothing(numbers, monkeypatch):
    split, scorer = random_split(5), InnerProductThere(*vectors(5, 60, 120, 3))
    expected = evaluate(scorer, split, "iid")
    monkeypatch.setattr(lists_on_device, "_AT_ONCE", numbers)
    same(evaluate(scorer, split, "iid"), expected)


def test_no_list_comes_back(monkeypatch):
    """What comes back of a user is a few numbers for each cut-off, not one for each place."""
    seen, to_host = [], lists_on_device._on_host
    monkeypatch.setattr(lists_on_device, "_on_host", lambda t: seen.append(t.shape[:2]) or to_host(t))
    split = random_split(5)
    found = evaluate(InnerProductThere(*vectors(5, 60, 120, None)), split, "iid")
    assert len(seen) > 10
    assert set(seen) == {(len(found.users), len(KS))}


def test_which_items_users_have():
    for pairs in (random_interactions(2, 9, 40, 5), Interactions.from_pairs(np.array([]), np.array([]), 9, 40)):
        user = np.array([8, 0, 3, 3])
        item = np.random.default_rng(0).integers(-1, 40, (4, 60))
        found = rows_on(CPU, pairs).has(torch.from_numpy(user), torch.from_numpy(item))
        expected = [[i in pairs.row(u).tolist() for i in row] for u, row in zip(user, item.tolist(), strict=True)]
        assert found.tolist() == expected


def test_a_scorer_on_the_cpu_ranks_on_the_host():
    scorers: list[Scorer] = [InnerProduct(torch.ones(3, 2), torch.ones(9, 2)), Rows(lambda u: u, 9)]
    mask = random_interactions(0, 3, 9, 2)
    assert all(scorer.rank_there(np.arange(3), mask, 2) is None for scorer in scorers)
