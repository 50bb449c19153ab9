"""Re-ranking by popularity: nothing at 0, less popular lists the larger it is, one training for all of it."""

import itertools
import json

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from rankbench import runner
from rankbench.backbones.ease import EASE
from rankbench.cli.app import app
from rankbench.data.prepare import ensure_split
from rankbench.errors import UserError
from rankbench.evaluation.evaluate import validate
from rankbench.evaluation.scorers import InnerProduct, Rows
from rankbench.plan import Request, plan
from rankbench.rerank import read_rerank, strength_of
from rankbench.training.fit import fit
from rankbench.training.reranked import reranked
from toy import random_split

SPLIT = random_split()
MASK, USERS = SPLIT.mask_of_test("iid"), np.arange(60)


def test_nothing_happens_at_zero():
    trained = fit(SPLIT, EASE(), 0)
    assert reranked(trained, SPLIT, "") is trained
    assert reranked(trained, SPLIT, "pop:0") is trained


def test_scores_are_less_by_the_logarithm_of_popularity():
    torch.manual_seed(0)
    user_vec, item_vec, penalty = torch.randn(60, 8), torch.randn(120, 8), torch.randn(120)
    vectors = InnerProduct(user_vec, item_vec).penalised(penalty)
    rows = Rows(lambda user: user_vec[user] @ item_vec.T, 120).penalised(penalty)
    expected = (user_vec.double() @ item_vec.double().T - penalty).float()
    expected[torch.from_numpy(MASK.relevant(USERS))] = -torch.inf
    top = expected.argsort(dim=1, descending=True, stable=True)[:, :20].numpy()
    for scorer in (vectors, rows):
        assert np.array_equal(scorer.top_items(USERS, MASK, 20), top)
        assert np.array_equal(scorer.top_exposed(USERS, SPLIT.train, 1)[:, 0] >= 0, SPLIT.train.user_counts > 0)


def test_what_is_recommended_is_less_popular_the_larger_it_is():
    """The sum of logarithms over a list never rises with λ, whatever the scores; average popularity falls with it."""
    trained, popularity = fit(SPLIT, EASE(), 0), SPLIT.train.item_counts
    found = [
        popularity[reranked(trained, SPLIT, f"pop:{strength}").scorers["iid"].top_items(USERS, MASK, 10)]
        for strength in (-0.5, -0.1, 0, 0.02, 0.1, 0.5, 5)
    ]
    sums = [np.log(np.maximum(counts, 1)).sum(axis=1) for counts in found]
    assert all((a >= b - 1e-9).all() for a, b in itertools.pairwise(sums))
    assert found[0].mean() > found[2].mean() > found[-1].mean()


def test_validation_measures_the_lists_that_are_shown():
    trained = fit(SPLIT, EASE(), 0)
    again = reranked(trained, SPLIT, "pop:0.05")
    for name, best in again.best.items():
        assert best.value == validate(again.scorers[name], SPLIT, name) != trained.best[name].value
        assert best.epoch == trained.best[name].epoch


def test_a_rerank_is_part_of_the_run_only_where_there_is_one():
    plain, one, two = plan(Request("softmax", "mf", [0], rerank=read_rerank("pop:0.1,0.20")), [SPLIT])
    assert [job.spec.rerank for job in (plain, one, two)] == ["", "pop:0.1", "pop:0.2"]
    assert len({job.spec.id for job in (plain, one, two)}) == 3
    assert "rerank" not in plain.spec.to_json()
    assert one.names == ("softmax", "mf + pop:0.1")
    (alone,) = plan(Request("softmax", "mf", [0]), [SPLIT])
    assert alone.spec.id == plain.spec.id


def test_lambdas_are_read_and_spelled_in_one_way():
    assert read_rerank("pop:0.10, -.2,pop:3,-0,0.1") == ["pop:0.1", "pop:-0.2", "pop:3", "pop:0"]
    assert [strength_of(text) for text in ("", "pop:-0.2", "pop:1e-05")] == [0, -0.2, 1e-5]
    for wrong in ("", "pop", "pop:", "pop:x", "pop:0.1,,0.2", "pop:nan", "pop:inf", "tail:0.1", "0.1"):
        with pytest.raises(UserError, match="--rerank"):
            read_rerank(wrong)


def test_lines_of_their_own_from_one_training(tmp_path, monkeypatch):
    ensure_split(tmp_path / "data", "online-retail", "iid")
    fits = []
    monkeypatch.setattr(runner, "fit", lambda *given: (fits.append(1), fit(*given))[1])
    environment = {"RANKBENCH_DATA": str(tmp_path / "data"), "RANKBENCH_RUNS": str(tmp_path / "runs"), "COLUMNS": "80"}

    def call(*words: str):
        return CliRunner().invoke(app, list(words), env=environment)

    made = call("run", "--backbone", "itemknn", "--split", "iid", "--rerank", "pop:0,0.01,-0.01", "--json")
    assert made.exit_code == 0, made.output
    tests = [run["tests"] for run in json.loads(made.stdout)]
    assert len(fits) == 1
    assert tests[0] == tests[1] != tests[2]
    (board,) = json.loads(call("report", "--json").stdout)
    plain, again = sorted(board["lines"], key=lambda line: line["rerank"])
    assert (plain["backbone"]["label"], plain["tried"], plain["rerank"]) == ("itemknn", 1, "")
    assert again["backbone"]["label"] == f"itemknn + {again['rerank']}"
    assert again["tried"] == 3
    assert again["valid_ndcg@20"] >= plain["valid_ndcg@20"]
    assert "itemknn + pop:" in call("report").stdout
