"""Tables of every kind against what their papers say of them, and against dense products in float64."""

import numpy as np
import pytest
import torch
from table_cases import TYPED, ids_of, table_of

from rankbench.errors import UserError
from rankbench.tables.usage import distinct_of, usage_of


def dense(table) -> list[torch.Tensor]:
    """The matrices (n, R) float64 that say which row an id has in each place."""
    n_rows = len(table.rows)
    matrices = []
    for column in table.used.T:
        matrix = torch.zeros(len(column), n_rows, dtype=torch.float64)
        for i, row in enumerate(column):
            if row >= 0:
                matrix[i, row] = 1
        matrices.append(matrix)
    return matrices


@pytest.mark.parametrize("typed", TYPED)
def test_vectors_and_gradients_are_those_of_dense_products(typed):
    table = table_of(typed, ids_of(41)).double()
    rows = table.rows.detach().clone().requires_grad_()
    places = [matrix @ rows for matrix in dense(table)]
    expected = sum(places)
    if "mul" in typed:
        expected = places[0] * places[1]
    if "concat" in typed:
        expected = torch.cat(places, dim=1)
    torch.testing.assert_close(table(), expected, rtol=0, atol=1e-14)
    weight = torch.randn(41, 8, dtype=torch.float64)
    (table() * weight).sum().backward()
    (expected * weight).sum().backward()
    torch.testing.assert_close(table.rows.grad, rows.grad, rtol=0, atol=1e-13)


@pytest.mark.parametrize("M", [50, 400, 3000])
def test_hashing_leaves_the_expected_number_of_distinct_vectors(M):
    """M(1 - (1 - 1/M)^n), within four standard deviations of the number of occupied buckets."""
    n = 1000
    empty = (1 - 1 / M) ** n
    both_empty = (1 - 2 / M) ** n
    sd = (M * empty + M * (M - 1) * both_empty - (M * empty) ** 2) ** 0.5
    for seed in range(5):
        distinct, _ = distinct_of(table_of(f"hash:{M}", ids_of(n, seed)).used)
        assert abs(distinct - M * (1 - empty)) < 4 * sd + 1e-9


def test_popular_ids_collide_as_often_as_rare_ones():
    """Two samples, the head and the tail: their shares differ by less than four standard errors."""
    ids, M = ids_of(20_000), 5_000
    table = table_of(f"hash:{M}", ids)
    _, which = distinct_of(table.used)
    collides = np.bincount(which)[which] > 1
    by_popularity = collides[np.argsort(-ids.counts, kind="stable")]
    head, tail = by_popularity[:10_000].mean(), by_popularity[10_000:].mean()
    expected = 1 - (1 - 1 / M) ** (len(ids) - 1)
    error = (expected * (1 - expected) / 10_000) ** 0.5
    assert abs(head - tail) < 4 * 2**0.5 * error
    assert abs(head - expected) < 6 * error  # ids that collide do so together, so the sample is smaller than it looks


def test_seeds_and_sides_have_hash_functions_of_their_own():
    used = [table_of("hash:500", ids_of(1000, seed, side)).used for seed in (0, 1) for side in (0, 1)]
    for i, a in enumerate(used):
        for b in used[:i]:
            assert (a == b).mean() < 0.02
    assert np.array_equal(used[0], table_of("hash:500", ids_of(1000, 0, 0)).used)


def test_the_two_functions_of_double_hashing_are_independent():
    used = table_of("double:50", ids_of(20_000)).used
    cells = np.bincount(used[:, 0] * 50 + used[:, 1], minlength=2500)
    chi_square = ((cells - 8) ** 2 / 8).sum()
    assert abs(chi_square - 2499) < 4 * (2 * 2499) ** 0.5


@pytest.mark.parametrize("composition", ["add", "mul", "concat"])
@pytest.mark.parametrize("M", ["1", "7", "50%", "1000", "5000"])
def test_pairs_of_quotient_and_remainder_are_unique(composition, M):
    table = table_of(f"qr:{M}:{composition}", ids_of(1000))
    assert distinct_of(table.used)[0] == 1000
    assert len(torch.unique(table(), dim=0)) == 1000
    assert table.used.max() < len(table.rows)


def test_sums_of_quotient_and_remainder_make_parallelograms():
    """s(q1, r1) + s(q2, r2) = s(q1, r2) + s(q2, r1) for the scores of any user; products do not."""
    M = 11
    user = torch.randn(8, dtype=torch.float64)
    found = {}
    for composition in ("add", "mul"):
        scores = table_of(f"qr:{M}:{composition}", ids_of(10 * M)).double()() @ user
        grid = scores.detach().view(10, M)  # quotients by remainders
        found[composition] = grid[:-1, :-1] + grid[1:, 1:] - grid[:-1, 1:] - grid[1:, :-1]
    assert found["add"].abs().max() < 1e-12
    assert found["mul"].abs().max() > 0.1


def test_rare_ids_share_one_row():
    ids = ids_of(200)
    vec = table_of("admit:3", ids)()
    rare = ids.counts < 3
    assert 0 < rare.sum() < 200
    assert (vec[rare] == vec[rare][0]).all()
    assert len(torch.unique(vec, dim=0)) == (~rare).sum() + 1
    assert len(table_of("admit:1", ids).rows) == (ids.counts >= 1).sum() + (ids.counts == 0).any()
    assert len(table_of("admit:100000", ids).rows) == 1


def test_frequent_ids_own_their_rows():
    ids = ids_of(200)
    table = table_of("freqdouble:10%,5", ids)
    own = table.used[:, 1] < 0
    assert own.sum() == 20
    assert ids.counts[own].min() >= ids.counts[~own].max()
    assert np.array_equal(np.sort(table.used[own, 0]), np.arange(20))
    assert table.used[~own].min() >= 20
    assert len(table.rows) == 25
    everything = table_of("freqdouble:1000,5", ids)
    assert distinct_of(everything.used)[0] == 200


@pytest.mark.parametrize("typed", TYPED)
def test_vectors_start_with_the_variance_of_a_full_table(typed):
    vec = table_of(typed, ids_of(4000), dim=16)()
    ids = ids_of(4000)
    kept = vec[ids.counts >= 3] if "admit" in typed else vec
    assert 0.85 < kept.detach().square().mean() < 1.15


@pytest.mark.parametrize("typed", TYPED)
def test_ids_with_the_same_rows_have_the_same_vectors(typed):
    table = table_of(typed, ids_of(300))
    distinct, which = distinct_of(table.used)
    vec = table().detach()
    assert len(torch.unique(vec, dim=0)) == distinct
    for combination in range(distinct):
        same = vec[which == combination]
        assert (same == same[0]).all()


def test_concatenation_needs_two_halves():
    assert table_of("qr:10:concat", ids_of(30), dim=8).rows.shape == (13, 4)
    with pytest.raises(UserError, match="even --dim"):
        table_of("qr:10:concat", ids_of(30), dim=7)


def test_usage():
    ids = ids_of(300)
    table = table_of("hash:50%", ids, dim=4)
    usage = usage_of(table, ids.counts)
    assert (usage.table, usage.ids, usage.rows, usage.bytes) == ("hash:50%", 300, 150, 150 * 4 * 4)
    owners = {}
    for i, (row,) in enumerate(table.used):
        owners.setdefault(row, []).append(i)
    assert usage.collision_rate == pytest.approx(1 - len(owners) / 300)
    shared = sum(ids.counts[owned].sum() for owned in owners.values() if len(owned) > 1)
    assert usage.traffic_collision_rate == pytest.approx(shared / ids.counts.sum())
    full = usage_of(torch.nn.Parameter(torch.zeros(300, 4)), ids.counts)
    assert (full.table, full.rows, full.bytes, full.collision_rate) == ("full", 300, 4800, 0.0)
