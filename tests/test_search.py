import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rankbench.finalists import finalists
from rankbench.plan import Request, plan
from rankbench.results.store import Store
from rankbench.runner import run_all
from rankbench.search import Axes, widened
from toy import random_split

CPU = torch.device("cpu")
SPLIT = random_split()
sizes = st.lists(st.integers(1, 5), min_size=1, max_size=4)


@settings(deadline=None)
@given(sizes, st.integers(1, 40), st.integers(0, 100))
def test_trials_are_distinct_settings_begun_with_the_usual_one(sizes, n, which):
    axes = Axes({f"p{i}": list(range(size)) for i, size in enumerate(sizes)}, {"lr": [0.1, 0.3]})
    usual = {name: values[which % len(values)] for name, values in [*axes.own.items(), *axes.train.items()]}
    found = axes.trials(n, "loss", usual)
    points = [(*own.values(), *train.values()) for own, train in found]
    assert len(set(points)) == len(points) == min(n, axes.size)
    assert points[0] == tuple(usual.values())
    assert all(point in {(*o.values(), *t.values()) for o, t in axes.grid()} for point in points)
    assert axes.trials(n + 1, "loss", usual)[: len(found)] == found


@settings(deadline=None)
@given(sizes)
def test_trials_go_through_all_values_of_each_axis_before_one_comes_again(sizes):
    axes = Axes({f"p{i}": list(range(size)) for i, size in enumerate(sizes)})
    found = axes.trials(max(sizes), "loss", dict.fromkeys(axes.own, 0))
    if axes.size == max(sizes):
        return
    for name, values in axes.own.items():
        if len(values) == max(sizes):
            assert sorted(own[name] for own, _ in found) == list(values)


def test_a_usual_value_outside_the_grid_is_tried_and_one_that_was_not_asked_for_is_not():
    axes = Axes({"tau": [0.1, 0.2]}, {"lr": [1.0, 2.0]})
    found = axes.trials(4, "loss", {"tau": 0.15, "lr": 0.5})
    assert found[0] == ({"tau": 0.15}, {"lr": 1.0})
    assert {own["tau"] for own, _ in found[1:]} == {0.1, 0.2}


def test_the_order_is_the_losss_own():
    axes = Axes({"tau": list(range(50))})
    assert axes.trials(50, "a", {"tau": 0}) != axes.trials(50, "b", {"tau": 0})


def test_learning_rates_and_weight_decays_fill_up_small_grids_unless_typed():
    usual = {"lr": 0.003, "weight_decay": 1e-5}
    none = Axes()
    assert widened(none, 1, {}, usual) == none
    assert widened(none, 3, {}, usual).train == {"lr": [0.001, 0.003, 0.009]}
    assert widened(none, 4, {}, usual).train["weight_decay"] == [1e-5, 0.0, 1e-6, 1e-4]
    assert widened(none, 4, {"lr": 0.003}, usual).size == 4
    assert widened(Axes({"tau": [1, 2, 3, 4]}), 4, {}, usual).train == {}


def test_every_loss_gets_as_many_trials_the_usual_one_among_them():
    few, more = (plan(Request("softmax,bpr,dsl,slatk", "mf", [0, 1], trials=n), [SPLIT]) for n in (3, 5))
    for name in ("softmax", "bpr", "dsl", "slatk"):
        of_few, of_more = ([job.spec.id for job in jobs if job.spec.loss.name == name] for jobs in (few, more))
        assert len(set(of_few)) == 3
        assert len(set(of_more)) == 5
        assert of_more[0] == of_few[0]
    assert {job.spec.seed for job in more} == {0}
    assert few[0].spec.id == plan(Request("softmax", "mf", [0]), [SPLIT])[0].spec.id


def test_references_are_tried_on_their_own_grids():
    jobs = plan(Request("bpr", "ease,popularity", [0], trials=3), [SPLIT])
    assert [job.spec.backbone.name for job in jobs] == ["ease"] * 3 + ["popularity"]


def test_what_validation_chose_is_run_with_the_other_seeds(tmp_path):
    store = Store(tmp_path)
    words = {"epochs": 2, "eval_every": 1, "negatives": 4, "dim": 4}
    trials = plan(Request("softmax,bpr", "mf,popularity,ials", [3], words, trials=3), [SPLIT])
    assert list(run_all(trials, store, CPU))
    valid = {job.spec.id: store.get(job.spec).outcome["best_valid_ndcg@20"] for job in trials}
    found = finalists(trials, store, [4, 5])
    for line in {(job.spec.loss.name, job.spec.backbone.name) for job in trials}:
        own = [job.spec for job in trials if (job.spec.loss.name, job.spec.backbone.name) == line]
        then = [job.spec for job in found if (job.spec.loss.name, job.spec.backbone.name) == line]
        best = {max(own, key=lambda spec: valid[spec.id][select]) for select in valid[own[0].id]}
        expected = {(spec.loss, spec.backbone, spec.train, seed) for spec in best for seed in (4, 5)}
        assert {(s.loss, s.backbone, s.train, s.seed) for s in then} == (set() if line[1] == "popularity" else expected)


def test_all_re_rankings_of_what_was_chosen_are_run_with_the_other_seeds(tmp_path):
    store = Store(tmp_path)
    words = {"epochs": 1, "negatives": 4, "dim": 4}
    trials = plan(Request("softmax", "mf", [0], words, trials=2, rerank=["pop:0.1", "pop:0.2"]), [SPLIT])
    assert list(run_all(trials, store, CPU))
    found = [job.spec for job in finalists(trials, store, [1])]
    for spec in found:
        assert {s.rerank for s in found if s.loss == spec.loss and s.train == spec.train} == {"", "pop:0.1", "pop:0.2"}
    assert len(found) in (3, 6)


def test_a_loss_whose_trials_all_diverged_has_no_finalist(tmp_path):
    store = Store(tmp_path)
    words = {"epochs": 5, "negatives": 4, "dim": 4, "lr": 1e30}
    trials = plan(Request("mse", "mf", [0], words, trials=2), [SPLIT])
    list(run_all(trials, store, CPU))
    assert all(store.get(job.spec).diverged for job in trials)
    assert finalists(trials, store, [1]) == []
