import pytest

from fake_runs import store_run
from rankbench.results.compare_runs import read_runs
from rankbench.results.compare_shift import Shift, compare_shift
from rankbench.results.compare_tests import Group, Metric
from rankbench.results.leaderboard import Query
from rankbench.results.store import Store

NDCG = Metric("ndcg", 20)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def asked(store: Store, **query) -> Shift:
    return compare_shift(read_runs(store), Query(**query))


def test_one_model_on_both_tests(store):
    for seed in range(2):
        store_run(store, "softmax", seed, protocol="shift", ndcg={"iid": 0.20, "popularity": 0.10})
        store_run(store, "dsl", seed, protocol="shift", ndcg={"iid": 0.30, "popularity": 0.09})
    (table,) = asked(store).tables
    assert table.one_model
    assert [pair.line.loss for pair in table.pairs] == ["softmax", "dsl"]  # best under shift first
    softmax, dsl = table.pairs
    assert softmax.kept == pytest.approx(50)
    assert dsl.kept == pytest.approx(30)
    assert dsl.plain.scores[NDCG].gain == pytest.approx(50)
    assert dsl.shifted.scores[NDCG].gain == pytest.approx(-10)
    assert softmax.plain.scores[NDCG].gain is None
    assert dsl.plain.choice.runs == dsl.shifted.choice.runs


def test_two_trainings_are_chosen_each_on_its_own_validation(store):
    for tau, iid, popularity in ((0.1, 0.5, 0.1), (0.2, 0.1, 0.5)):
        store_run(store, "dsl", protocol="iid", params={"tau": tau}, valid=iid, ndcg=tau)
        store_run(store, "dsl", protocol="popularity", params={"tau": tau}, valid=popularity, ndcg=tau / 4)
    store_run(store, "bpr", protocol="iid", ndcg=0.9)
    (table,) = asked(store).tables
    assert not table.one_model
    dsl, bpr = table.pairs
    assert (dsl.plain.loss, dsl.shifted.loss) == ("dsl:tau=0.1", "dsl:tau=0.2")
    assert dsl.kept == pytest.approx(50)
    assert bpr.shifted is None
    assert bpr.kept is None
    assert bpr.shifted_groups == ()
    assert bpr.line.loss == "bpr"


def test_both_kinds_give_two_tables(store):
    for protocol in ("shift", "iid", "popularity"):
        store_run(store, "dsl", protocol=protocol, ndcg=0.1)
    assert [table.one_model for table in asked(store).tables] == [True, False]


def test_two_trainings_of_different_numerics_do_not_meet(store):
    store_run(store, "dsl", protocol="iid", numbers=1, ndcg=0.1)
    store_run(store, "dsl", protocol="popularity", numbers=2, ndcg=0.1)
    found = asked(store)
    assert found.tables == ()
    assert found.omitted == ("shop: left out, splits iid and popularity share no version of the numerics.",)
    store_run(store, "dsl", protocol="popularity", numbers=1, ndcg=0.05)
    (table,) = asked(store).tables
    assert (table.plain.numbers, table.shifted.numbers) == (1, 1)
    assert table.pairs[0].kept == pytest.approx(50)
    assert [left.numbers for left in table.shifted.left_out] == [2]


def test_groups_sum_hits_and_relevant_items_over_the_seeds(store):
    store_run(store, "dsl", 0, protocol="shift", ndcg=0.1, hits=(8, 4, 2, 1, 0), relevant=(10, 10, 10, 10, 0))
    store_run(store, "dsl", 1, protocol="shift", ndcg=0.1, hits=(4, 4, 2, 0, 0), relevant=(20, 10, 10, 10, 0))
    (pair,) = asked(store).tables[0].pairs
    assert pair.plain_groups == (
        Group(1, 30, 12),
        Group(10, 20, 8),
        Group(100, 20, 4),
        Group(1000, 20, 1),
        Group(10000, 0, 0),
    )
    assert [group.recall for group in pair.shifted_groups] == [0.4, 0.4, 0.2, 0.05, None]


def test_groups_are_at_the_cut_off_of_the_first_metric(store):
    store_run(store, "dsl", protocol="shift", hits=(1, 1, 1, 1, 1))
    (pair,) = asked(store, metrics=(Metric("ndcg", 50),)).tables[0].pairs
    assert [group.hits for group in pair.plain_groups] == [0, 0, 0, 0, 0]


def test_a_data_set_with_one_side_only_is_named(store):
    store_run(store, protocol="iid")
    found = asked(store)
    assert found.tables == ()
    assert found.omitted == ("shop: left out, nothing of it was measured on both tests, iid and popularity.",)


def test_the_validation_set_must_be_there(store):
    for protocol in ("shift", "iid", "popularity"):
        store_run(store, "dsl", protocol=protocol, ndcg=0.1)
    found = asked(store, select="popularity")
    assert [table.one_model for table in found.tables] == [True]
    assert found.omitted == ("shop, split iid: left out, it has no validation set 'popularity'.",)


def test_diverged_lines_come_last_and_keep_nothing(store):
    store_run(store, "dsl", protocol="shift", diverged="the loss became nan in epoch 3")
    store_run(store, "bpr", protocol="shift", ndcg=0.001)
    bpr, dsl = asked(store).tables[0].pairs
    assert bpr.line.loss == "bpr"
    assert dsl.kept is None
    assert dsl.plain_groups == ()
