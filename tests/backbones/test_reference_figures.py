"""EASE and popularity on published splits, beside figures that were measured outside of rankbench.

Those were made with the whole published train set, of which rankbench holds a tenth out for validation: it is put back
here. Like there, all items but those of train are ranked, and means are over the users with a test item.
"""

from dataclasses import replace

import pytest

from rankbench.backbones.ease import EASE
from rankbench.backbones.popularity import Popularity
from rankbench.data.prepare import Access, ensure_split
from rankbench.evaluation.evaluate import evaluate
from rankbench.training.fit import fit

FIGURES = {
    ("movielens-100k", "iid"): {"popularity": (0.1865, 0.2046), "ease": (0.3745, 0.4104), "reg": 300.0},
    ("amazon2014-health", "iid"): {"popularity": (0.1008, 0.0775), "ease": (0.1860, 0.1468), "reg": 200.0},
    ("movielens-1m", "temporal"): {"popularity": (0.0704, 0.2001), "ease": (0.0825, 0.1998), "reg": 300.0},
}
"""Recall@20 and NDCG@20."""


@pytest.mark.parametrize(("dataset", "protocol"), FIGURES)
def test_figures_agree_within_one_percent(dataset, protocol, shared_data, tmp_path):
    if not (shared_data / "ir-benchmark").is_dir():
        pytest.skip("needs ../shared/data/ir-benchmark, which is not there")
    expected = FIGURES[dataset, protocol]
    held_out = ensure_split(tmp_path, dataset, protocol, Access(str(shared_data / "ir-benchmark")))
    split = replace(held_out, train=held_out.train.union(*held_out.valids.values()))
    for name, backbone in (("popularity", Popularity()), ("ease", EASE(reg=expected["reg"]))):
        found = evaluate(fit(split, backbone, 0).scorers["iid"], replace(split, valids={}), protocol)
        assert (found.mean("recall", 20), found.mean("ndcg", 20)) == pytest.approx(expected[name], rel=0.01)
