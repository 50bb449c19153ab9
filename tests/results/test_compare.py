import json
import shutil

import pytest

from fake_runs import DIGEST, store_run
from rankbench.errors import UserError
from rankbench.results.compare import compare
from rankbench.results.compare_runs import read_runs
from rankbench.results.compare_tests import Metric
from rankbench.results.leaderboard import Leaderboard, Query
from rankbench.results.store import Store, StoredRun

NDCG, RECALL = Metric("ndcg", 20), Metric("recall", 20)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def boards(store: Store, **asked) -> tuple[Leaderboard, ...]:
    return compare(read_runs(store), Query(**asked)).leaderboards


def only(store: Store, **asked) -> Leaderboard:
    (board,) = boards(store, **asked)
    return board


def test_no_run_gives_no_leaderboard(store):
    assert boards(store) == ()


def test_a_backbone_with_other_tables_is_a_line_of_its_own(store):
    for table, softmax, dsl in (("full", 0.2, 0.3), ("hash:50%", 0.1, 0.11)):
        store_run(store, "softmax", ndcg=softmax, train={"item_table": table})
        store_run(store, "dsl", ndcg=dsl, train={"item_table": table})
    store_run(store, "dsl", ndcg=0.4, valid=0.1, train={"item_table": "hash:50%", "lr": 0.5})
    found = {(line.loss, line.backbone): line for line in only(store).lines}
    assert {key: line.choice.tried for key, line in found.items()} == {
        ("softmax", "mf"): 1,
        ("dsl", "mf"): 1,
        ("softmax", "mf item_table=hash:50%"): 1,
        ("dsl", "mf item_table=hash:50%"): 2,
    }
    assert found["dsl", "mf item_table=hash:50%"].scores[NDCG].gain == pytest.approx(10)
    assert len(only(store, backbones=("mf",)).lines) == 4


def test_one_run_has_a_mean_and_neither_spread_nor_gain(store):
    store_run(store, "dsl", ndcg=0.25, recall=0.5)
    (line,) = only(store).lines
    assert line.scores[NDCG].mean == 0.25
    assert line.scores[RECALL].mean == 0.5
    assert line.scores[NDCG].sd is None
    assert line.scores[NDCG].gain is None
    assert (line.choice.seeds, line.choice.tried) == ((0,), 1)


def test_mean_sample_sd_and_gain_over_softmax_on_the_same_backbone(store):
    for seed, (softmax, dsl) in enumerate([(0.10, 0.12), (0.20, 0.24), (0.30, 0.36)]):
        store_run(store, "softmax", seed, ndcg=softmax, recall=0.5)
        store_run(store, "dsl", seed, ndcg=dsl, recall=0.25)
        store_run(store, "softmax", seed, backbone="lightgcn", ndcg=2 * softmax)
        store_run(store, "dsl", seed, backbone="lightgcn", ndcg=softmax)
        store_run(store, "bpr", seed, backbone="xsimgcl", ndcg=0.01)
    board = only(store)
    found = {(line.loss, line.backbone): line.scores[NDCG] for line in board.lines}
    assert [(line.loss, line.backbone) for line in board.lines] == [
        ("softmax", "lightgcn"),
        ("dsl", "mf"),
        ("dsl", "lightgcn"),
        ("softmax", "mf"),
        ("bpr", "xsimgcl"),
    ]
    assert found["softmax", "mf"].mean == pytest.approx(0.2, rel=1e-15)
    assert found["softmax", "mf"].sd == pytest.approx(0.1, rel=1e-14)  # sqrt((.01 + 0 + .01) / (3 - 1))
    assert found["dsl", "mf"].sd == pytest.approx(0.12, rel=1e-14)
    assert found["dsl", "mf"].gain == pytest.approx(20, rel=1e-13)
    assert found["dsl", "lightgcn"].gain == pytest.approx(-50, rel=1e-13)
    assert found["softmax", "mf"].gain is None
    assert found["bpr", "xsimgcl"].gain is None
    assert board.users == 4


def test_validation_chooses_the_parameters_and_test_does_not(store):
    for seed in range(2):
        store_run(store, "dsl", seed, params={"tau": 0.1}, valid=0.40, ndcg=0.20)
        store_run(store, "dsl", seed, params={"tau": 0.2}, valid=0.30, ndcg=0.90)
        store_run(store, "dsl", seed, params={"tau": 0.1}, train={"lr": 0.01}, valid=0.35, ndcg=0.80)
    (line,) = only(store).lines
    assert line.loss == "dsl:tau=0.1"
    assert line.choice.train["lr"] == 0.1
    assert line.scores[NDCG].mean == 0.20
    assert line.choice.tried == 3
    assert line.choice.valid == pytest.approx(0.40)


def test_selection_reads_no_table(store):
    run = store_run(store, "dsl", params={"tau": 0.2}, valid=0.1, ndcg=0.9)
    store_run(store, "dsl", params={"tau": 0.1}, valid=0.2, ndcg=0.1)
    for file in run.path.glob("*.parquet"):
        file.unlink()
    assert only(store).lines[0].loss == "dsl:tau=0.1"


def test_a_configuration_is_chosen_on_the_seeds_that_all_share(store):
    for seed, valid in enumerate([0.50, 0.30, 0.30]):  # best on seed 0, then run with more seeds
        store_run(store, "dsl", seed, params={"tau": 0.1}, valid=valid, ndcg=0.1 * (seed + 1))
    store_run(store, "dsl", 0, params={"tau": 0.2}, valid=0.45, ndcg=0.9)
    (line,) = only(store).lines
    assert line.loss == "dsl:tau=0.1"
    assert line.choice.seeds == (0, 1, 2)
    assert line.choice.shared_seeds == (0,)
    assert line.choice.seeds_differ
    assert line.scores[NDCG].mean == pytest.approx(0.2)


def test_without_a_shared_seed_each_is_judged_by_its_own_mean(store):
    store_run(store, "dsl", 0, params={"tau": 0.1}, valid=0.5)
    store_run(store, "dsl", 1, params={"tau": 0.1}, valid=0.1)
    store_run(store, "dsl", 2, params={"tau": 0.2}, valid=0.4)
    (line,) = only(store).lines
    assert line.loss == "dsl:tau=0.2"
    assert line.choice.shared_seeds == ()
    assert line.choice.seeds_differ


def test_a_tie_goes_to_more_seeds(store):
    store_run(store, "dsl", 0, params={"tau": 0.1}, valid=0.5)
    for seed in range(2):
        store_run(store, "dsl", seed, params={"tau": 0.2}, valid=0.5)
    assert only(store).lines[0].loss == "dsl:tau=0.2"


def test_a_configuration_with_a_diverged_seed_cannot_win_but_counts_as_tried(store):
    store_run(store, "dsl", 0, params={"tau": 0.1}, valid=0.9, ndcg=0.9)
    store_run(store, "dsl", 1, params={"tau": 0.1}, valid=0.9, ndcg=0.9, diverged="the loss became nan in epoch 7")
    for seed in range(2):
        store_run(store, "dsl", seed, params={"tau": 0.2}, valid=0.1, ndcg=0.2)
    (line,) = only(store).lines
    assert line.loss == "dsl:tau=0.2"
    assert line.choice.tried == 2
    assert not line.choice.failure
    assert line.choice.shared_seeds == (0, 1)


def test_where_all_diverged_the_line_says_so_and_comes_last(store):
    store_run(store, "bpr", ndcg=0.01)
    for seed, tau, diverged in [
        (0, 0.1, "nan"),
        (1, 0.1, "nan"),
        (0, 0.2, ""),
        (1, 0.2, "the loss became nan in epoch 7"),
    ]:
        store_run(store, "dsl", seed, params={"tau": tau}, ndcg=0.9, diverged=diverged)
    first, last = only(store).lines
    assert first.loss == "bpr"
    assert last.loss == "dsl:tau=0.2"  # fewest seeds diverged
    assert last.scores == {}
    assert last.choice.failure == (
        "the loss became nan in epoch 7; the last finite loss was 0.75 (seed 1; 1 of 2 seeds)"
    )


def test_a_diverged_softmax_gives_no_gain(store):
    store_run(store, "softmax", ndcg=0.5, diverged="the loss became nan in epoch 2", valid={})
    store_run(store, "dsl", ndcg=0.5)
    dsl, softmax = only(store).lines
    assert dsl.scores[NDCG].gain is None
    assert softmax.choice.valid is None


def test_a_store_in_which_everything_diverged(store):
    store_run(store, "dsl", diverged="the loss became nan in epoch 1", protocol="shift")
    board = only(store)
    assert (board.test, board.tests, board.users) == ("iid", ("iid", "popularity"), 0)
    assert board.lines[0].scores == {}


def test_an_outside_file_is_another_loss_than_the_built_in_one_and_than_its_older_self(store):
    store_run(store, "softmax", ndcg=0.2)
    store_run(store, "softmax", ndcg=0.3, source="aaaaaaaa" + "0" * 56, params={"tau": 0.3})
    store_run(store, "softmax", ndcg=0.1, source="bbbbbbbb" + "0" * 56)
    store_run(store, "mine", ndcg=0.4, source="cccccccc" + "0" * 56)
    found = {line.loss: line.scores[NDCG].gain for line in only(store).lines}
    assert found == {
        "mine": pytest.approx(100),
        "softmax@aaaaaaa:tau=0.3": pytest.approx(50),
        "softmax": None,
        "softmax@bbbbbbb": pytest.approx(-50),
    }


def test_only_the_newest_numerics_are_shown(store):
    for seed in range(3):
        store_run(store, "dsl", seed, ndcg=0.9, numbers=1)
    store_run(store, "dsl", ndcg=0.1, numbers=2)
    board = only(store)
    assert board.lines[0].scores[NDCG].mean == 0.1
    assert board.lines[0].choice.seeds == (0,)
    assert [(left.numbers, left.runs) for left in board.left_out] == [(1, 3)]


def test_of_two_splits_of_one_name_that_with_more_runs_is_shown(store):
    store_run(store, "dsl", ndcg=0.9, digest="f" * 64)
    for seed in range(2):
        store_run(store, "dsl", seed, ndcg=0.1)
    board = only(store)
    assert board.digest == DIGEST
    assert board.lines[0].scores[NDCG].mean == 0.1
    assert [(left.digest, left.runs) for left in board.left_out] == [("f" * 64, 1)]


def test_every_data_set_and_protocol_has_its_own_leaderboard(store):
    for dataset in ("shop", "books"):
        for protocol in ("temporal", "shift"):
            store_run(store, dataset=dataset, protocol=protocol, ndcg={"iid": 0.1, "popularity": 0.2, "temporal": 0.3})
    found = [(b.dataset, b.protocol, b.test, b.lines[0].scores[NDCG].mean) for b in boards(store)]
    assert found == [
        ("books", "shift", "iid", 0.1),
        ("books", "temporal", "temporal", 0.3),
        ("shop", "shift", "iid", 0.1),
        ("shop", "temporal", "temporal", 0.3),
    ]


def test_names_keep_lines_and_the_gain_stays(store):
    store_run(store, "softmax", ndcg=0.2)
    store_run(store, "dsl", ndcg=0.3)
    store_run(store, "dsl", backbone="lightgcn", ndcg=0.3)
    board = only(store, losses=("dsl",), backbones=("mf",))
    assert [(line.loss, line.backbone) for line in board.lines] == [("dsl", "mf")]
    assert board.lines[0].scores[NDCG].gain == pytest.approx(50)
    assert boards(store, datasets=("books",)) == ()
    assert boards(store, losses=("softmax",), backbones=("lightgcn",)) == ()


def test_lines_without_a_loss_stay_whatever_the_losses_asked_for(store):
    store_run(store, "none", backbone="ease", ndcg=0.3)
    store_run(store, "softmax", ndcg=0.2)
    store_run(store, "dsl", ndcg=0.1)
    assert [(line.backbone, line.title) for line in only(store, losses=("dsl",)).lines] == [
        ("ease", "ease"),
        ("mf", "dsl on mf"),
    ]
    assert [line.title for line in only(store, losses=("none",)).lines] == ["ease"]
    assert [line.title for line in only(store, backbones=("mf",)).lines] == ["softmax on mf", "dsl on mf"]
    assert only(store).lines[0].scores[NDCG].gain is None


def test_select_and_convention_choose_the_rows(store):
    for tau, valid in ((0.1, {"iid": 0.5, "popularity": 0.1}), (0.2, {"iid": 0.1, "popularity": 0.5})):
        store_run(store, "dsl", protocol="shift", params={"tau": tau}, valid=valid, ndcg=tau, shift=0.5)
    by_iid = only(store)
    by_popularity = only(store, select="popularity")
    compatible = only(store, convention="ir-benchmark")
    assert (by_iid.lines[0].loss, by_iid.lines[0].scores[NDCG].mean) == ("dsl:tau=0.1", 0.1)
    assert (by_popularity.lines[0].loss, by_popularity.lines[0].scores[NDCG].mean) == ("dsl:tau=0.2", 0.7)
    assert (compatible.lines[0].scores[NDCG].mean, compatible.users) == (0.05, 8)


def test_a_protocol_without_the_validation_set_is_omitted_and_named(store):
    store_run(store, protocol="iid")
    store_run(store, protocol="shift")
    found = compare(read_runs(store), Query(select="popularity"))
    assert [board.protocol for board in found.leaderboards] == ["shift"]
    assert found.omitted == ("shop, split iid: left out, it has no validation set 'popularity'.",)


def test_another_metric_ranks(store):
    store_run(store, "dsl", ndcg=0.3, recall=0.1)
    store_run(store, "bpr", ndcg=0.1, recall=0.3)
    board = only(store, metrics=(Metric("recall", 5), Metric("ndcg", 100)))
    assert [line.loss for line in board.lines] == ["bpr", "dsl"]
    assert set(board.lines[0].scores) == {Metric("recall", 5), Metric("ndcg", 100)}
    assert board.lines[0].scores[Metric("recall", 5)].mean == pytest.approx(0.35)
    assert board.lines[0].scores[Metric("ndcg", 100)].mean == pytest.approx(1.1)


def test_unfinished_runs_are_not_there(store):
    run = store_run(store, "dsl")
    shutil.copytree(run.path, run.path.with_name(".tmp-0123456789ab"))
    assert len(read_runs(store)) == 1


def _truncate(run: StoredRun) -> None:
    (run.path / "metrics.parquet").write_bytes(b"PAR1")


def _drop_field(run: StoredRun) -> None:
    content = json.loads((run.path / "spec.json").read_text())
    del content["labels"]
    (run.path / "spec.json").write_text(json.dumps(content))


def _wrong_table(run: StoredRun) -> None:
    shutil.copy(run.path / "curve.parquet", run.path / "metrics.parquet")


def _no_rows(run: StoredRun) -> None:
    import pyarrow.parquet as pq

    pq.write_table(run.table("metrics")[:0], run.path / "metrics.parquet")


@pytest.mark.parametrize("damage", [_truncate, _drop_field, _wrong_table, _no_rows])
def test_a_damaged_run_is_named(store, damage):
    run = store_run(store, "dsl")
    if damage is _wrong_table:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table({"epoch": [1]}), run.path / "curve.parquet")
    damage(run)
    with pytest.raises(UserError, match=f"{run.id} is damaged") as error:
        boards(store)
    assert "Delete that folder" in error.value.hint
