"""Softmax with a penalty on popularity at the ARP of each line: by hand, and by user against scipy."""

import json

import numpy as np
import pytest
from scipy import stats

from fake_runs import give_users, store_run
from rankbench.report.json import json_of_shift
from rankbench.report.shift import tables_of
from rankbench.results.compare_shift import compare_shift
from rankbench.results.leaderboard import Query
from rankbench.results.sound import read_sound
from rankbench.results.store import Store

SWEEP = {"": (0.5, 0.20, 0.10), "pop:0.1": (0.4, 0.18, 0.14), "pop:-0.1": (0.6, 0.22, 0.06)}
"""ARP ratio and NDCG on both tests of softmax, as it is and re-ranked."""


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "runs")
    for seed in range(2):
        for rerank, (ratio, iid, popularity) in SWEEP.items():
            ndcg = {"iid": iid, "popularity": popularity}
            store_run(store, "softmax", seed, protocol="shift", ndcg=ndcg, rerank=rerank, arp_ratio=ratio)
        ndcg = {"iid": 0.1805, "popularity": 0.15}
        store_run(store, "dsl", seed, protocol="shift", ndcg=ndcg, arp_ratio=0.45)
    other = {"params": {"tau": 0.3}, "valid": 0.1}  # what validation does not choose
    store_run(store, "softmax", 0, protocol="shift", arp_ratio=0.46, ndcg=0.9, **other)
    store_run(store, "softmax", 0, protocol="shift", rerank="pop:0.1", arp_ratio=0.44, ndcg=0.9, **other)
    store_run(store, "bpr", 0, protocol="shift", ndcg=0.1, arp_ratio=0.7)
    store_run(store, "dsl", 0, protocol="shift", ndcg=0.2, rerank="pop:0.1", arp_ratio=0.3)
    return store


def robustness(store: Store, **asked):
    (table,) = compare_shift(read_sound(store).runs, Query(**asked)).tables
    return table


def test_a_control_is_the_mixture_of_two_penalties_with_the_arp_of_the_line(store):
    table = robustness(store)
    controls = {key[3]: control for key, control in table.controls.items()}
    assert set(controls) == {"dsl", "bpr"}
    dsl = controls["dsl"]
    assert (dsl.low, dsl.high) == (0.4, 0.6)
    assert dsl.between == (0.1, 0.0)
    assert dsl.share == pytest.approx(0.5)
    assert dsl.strength == pytest.approx(0.05)
    assert [dsl.by_test[test].mean for test in ("iid", "popularity")] == pytest.approx([0.19, 0.12])
    assert [dsl.by_test[test].gain for test in ("iid", "popularity")] == pytest.approx([-5.0, 25.0])
    assert controls["bpr"].by_test is None


@pytest.mark.parametrize(("ratio", "between"), [(0.61, (0.0, -0.1)), (0.393, (0.1, 0.0)), (0.62, ()), (0.39, ())])
def test_a_little_beyond_the_penalties_the_nearest_is_the_control(store, ratio, between):
    store_run(store, "psl", 0, protocol="shift", ndcg=0.1, arp_ratio=ratio)
    psl = next(control for key, control in robustness(store).controls.items() if key[3] == "psl")
    assert psl.between == between
    assert psl.arp_ratio == ratio
    if between:
        nearest = {0.61: "pop:-0.1", 0.393: "pop:0.1"}[ratio]
        assert psl.by_test["popularity"].mean == pytest.approx(SWEEP[nearest][2])


def test_a_sweep_is_over_the_seeds_that_all_penalties_share(store):
    store_run(store, "softmax", 0, protocol="shift", rerank="pop:0.05", arp_ratio=0.45, ndcg=0.16)
    table = robustness(store)
    dsl = next(control for key, control in table.controls.items() if key[3] == "dsl")
    assert dsl.seeds == (0,)
    assert dsl.by_test["iid"].mean == pytest.approx(0.16)
    assert "Controls are of seed 0, which all penalties share." in tables_of(table)[1].caption


def test_the_table_of_controls(store):
    _, table = tables_of(robustness(store))
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}
    assert rows["dsl"] == [
        "mf", "0.4500", "0.050", "0.1805", "0.1900", "-5.0%", "0.1500", "0.1200", "+25.0%", "popularity",
    ]  # fmt: skip
    assert rows["bpr"] == ["mf", "0.7000", "-", "0.1000", "-", "-", "0.1000", "-", "-", "-"]
    assert table.notes == (
        "The penalties tried reach ARP× 0.4000 to 0.6000; it takes a smaller or negative λ for bpr on mf.",
    )
    assert "(here 0, 0.1)" in table.caption
    assert "all penalties share" in table.caption  # bpr has one seed


def test_re_ranked_lines_of_other_losses_stay_out_unless_asked_for(store):
    table = robustness(store)
    assert [pair.line.title for pair in table.pairs if pair.line.reranked] == ["softmax on mf + pop:-0.1"]
    assert "Not shown: 1 re-ranked line of other losses than softmax" in " ".join(tables_of(table)[0].notes)
    assert "dsl on mf + pop:0.1" in [pair.line.title for pair in robustness(store, all_reranked=True).pairs]


def test_json_has_the_control_of_a_line(store):
    (found,) = json.loads(json_of_shift([robustness(store)]))
    by_loss = {(line["plain"]["loss"]["name"], line["plain"]["rerank"]): line["control"] for line in found["lines"]}
    assert by_loss["softmax", ""] is None
    control = by_loss["dsl", ""]
    assert (control["lambdas"], control["arp_ratio"]) == ([0.1, 0.0], 0.45)
    assert control["by_test"]["popularity"]["gain_percent"] == pytest.approx(25)
    assert by_loss["bpr", ""]["by_test"] == {}


def test_csv_has_the_control_of_a_line(store, report):
    code, text, _ = report("--runs", store.root, "--ood", "--csv", "--loss", "dsl")
    head, iid, popularity = (line.split(",") for line in text.splitlines())
    place = head.index("control_gain_percent")
    assert (code, head[place - 2]) == (0, "control_lambda")
    assert float(popularity[place]) == pytest.approx(25)
    assert float(iid[place - 1]) == pytest.approx(0.19)


def test_users_are_compared_one_by_one_with_the_mixture(tmp_path):
    store, rng, users = Store(tmp_path / "runs"), np.random.default_rng(1), np.arange(200)
    of: dict[str, list[np.ndarray]] = {"": [], "pop:0.1": [], "dsl": []}
    for seed in range(2):
        for name, found in of.items():
            ratio = {"": 0.5, "pop:0.1": 0.4, "dsl": 0.425}[name]
            loss, rerank = ("dsl", "") if name == "dsl" else ("softmax", name)
            run = store_run(store, loss, seed, protocol="shift", ndcg=0.2, rerank=rerank, arp_ratio=ratio)
            found.append(rng.beta(2, 5, 200).astype(np.float32).astype(np.float64))
            give_users(
                run, dict.fromkeys(("iid", "popularity"), users), dict.fromkeys(("iid", "popularity"), found[-1])
            )
    (control,) = robustness(store).controls.values()
    plain, penalised, dsl = (np.mean(values, axis=0) for values in of.values())
    mixture = 0.75 * penalised + 0.25 * plain
    contrast = control.by_test["popularity"].contrast
    assert control.by_test["popularity"].mean == pytest.approx(mixture.mean())
    assert contrast.difference == pytest.approx(dsl.mean() - mixture.mean())
    assert contrast.p == pytest.approx(stats.ttest_rel(dsl, mixture).pvalue, rel=1e-4)
    assert contrast.low < 100 * (dsl.mean() / mixture.mean() - 1) < contrast.high
    seeds = [d.mean() - (0.75 * p + 0.25 * s).mean() for s, p, d in zip(*of.values(), strict=True)]
    assert contrast.p_seeds == pytest.approx(stats.ttest_1samp(seeds, 0).pvalue, rel=1e-4)


def test_without_a_control_the_report_says_how_to_get_one(tmp_path):
    store = Store(tmp_path / "runs")
    for seed in range(2):
        store_run(store, "softmax", seed, protocol="shift", ndcg=0.2)
        store_run(store, "dsl", seed, protocol="shift", ndcg=0.3)
    (table,) = tables_of(robustness(store))
    assert (
        "`rankbench run --dataset shop --split shift --backbone mf --loss softmax --seed 0,1 --rerank"
        in table.notes[-1]
    )
    (alone,) = tables_of(robustness(store, losses=("softmax",)))
    assert alone.notes == ()
