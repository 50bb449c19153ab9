"""What is stored of an evaluation: every table, read back, and users one test at a time."""

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from rankbench.evaluation.evaluate import CONVENTIONS, evaluate
from rankbench.evaluation.meanings import GAMMAS, MEANINGS
from rankbench.evaluation.metrics import AT, KS, METRICS
from rankbench.evaluation.scorers import InnerProduct
from rankbench.results.measured import tables_of
from rankbench.results.per_user import is_kept, user_values
from rankbench.results.store import TABLES, DamagedRunError, Store
from rankbench.spec import Part, RunSpec
from toy import random_split


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A run measured on both tests in both conventions, and its evaluations."""
    torch.manual_seed(1)
    split = random_split(2, n_users=50, n_items=130)
    scorer = InnerProduct(torch.randn(50, 4), torch.randn(130, 4))
    found = {
        ("iid", convention, test): evaluate(scorer, split, test, convention)
        for convention in CONVENTIONS
        for test in split.tests
    }
    spec = RunSpec("toy", "shift", "d" * 64, Part("softmax"), Part("mf"), (), 0)
    return Store(tmp_path_factory.mktemp("runs")).write(spec, {}, tables_of(found)), found


def test_every_metric_has_its_mean_stored(stored):
    run, found = stored
    rows = run.table("metrics").to_pylist()
    assert {row["metric"] for row in rows} == {name for name, meaning in MEANINGS.items() if not meaning.derived}
    for row in rows:
        evaluation = found[row["selected_by"], row["convention"], row["test"]]
        assert (row["k"] == 0) == (not MEANINGS[row["metric"]].has_cut_off)
        if row["metric"] in METRICS:
            assert row["users"] == evaluation.n_averaged
        elif MEANINGS[row["metric"]].of == "users":
            values = evaluation.beyond.values[row["metric"]][:, KS.index(row["k"])]
            assert row["value"] == pytest.approx(np.nanmean(values), rel=1e-12)
            assert row["users"] == np.count_nonzero(~np.isnan(values))
    assert len({row["users"] for row in rows if row["metric"] == "tail_ndcg"} - {len(evaluation.users)}) > 0


def test_users_read_back_by_name(stored):
    run, found = stored
    names = [f"{metric}@{K}" for metric in METRICS for K in KS]
    for place, evaluation in found.items():
        users, values = user_values(run, [*names, f"arp@{AT}", "gain_0.5", "weight_0.5"], [place])[place]
        assert users.tolist() == evaluation.users.tolist()
        for metric in METRICS:
            for i, K in enumerate(KS):
                assert is_kept(metric, K)
                assert values[f"{metric}@{K}"] == pytest.approx(evaluation.values[metric][:, i], rel=1e-6)
        at = KS.index(AT)
        assert values[f"arp@{AT}"] == pytest.approx(evaluation.beyond.values["arp"][:, at], rel=1e-6)
        ratio = values["gain_0.5"].sum() / values["weight_0.5"].sum()
        assert ratio == pytest.approx(evaluation.beyond.of_lists["ndcg_gamma_0.5"][at], rel=1e-6)
    assert len(GAMMAS) == 4


def test_groups_and_items_sum_to_the_whole(stored):
    run, found = stored
    for (_, convention, test), evaluation in found.items():
        for name in TABLES[2:]:
            table = run.table(name).to_pylist()
            rows = [row for row in table if (row["convention"], row["test"]) == (convention, test)]
            if name == "items":
                assert sum(row[f"hits@{AT}"] for row in rows) == evaluation.beyond.groups.hits[:, KS.index(AT)].sum()
            if name == "groups":
                shown = [row["contribution"] for row in rows if row["k"] == AT]
                assert sum(shown) == pytest.approx(evaluation.values["ndcg"][:, KS.index(AT)].mean(), rel=1e-12)
            if name == "user_groups":
                shown = [row["users"] for row in rows if row["k"] == AT]
                assert sum(shown) == 2 * len(evaluation.users)


def test_a_test_is_a_row_group_and_numbers_are_small(stored):
    run, found = stored
    with pq.ParquetFile(run.path / "users.parquet") as file:
        assert file.metadata.num_row_groups == len(found)
        assert {str(field.type) for field in file.schema_arrow} <= {"string", "int32", "uint8", "float"}
        assert file.metadata.row_group(0).column(5).compression == "ZSTD"


def test_what_is_not_there_is_said(stored, tmp_path):
    run, _ = stored
    with pytest.raises(DamagedRunError, match="lacks gini@20 of users; an earlier version"):
        user_values(run, ["gini@20"], [("iid", "standard", "iid")])
    with pytest.raises(DamagedRunError, match="lacks users of the test iid selected by popularity"):
        user_values(run, ["ndcg@20"], [("popularity", "standard", "iid")])
