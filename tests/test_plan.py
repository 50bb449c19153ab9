import pytest

from rankbench import registry
from rankbench.backbones.mf import MF
from rankbench.errors import UserError
from rankbench.plan import Request, plan, read_seeds, read_vary
from toy import random_split

SPLIT = random_split()


def test_the_product_of_all_that_was_asked_for():
    request = Request("softmax:tau=0.1,softmax:tau=0.2,bpr", "mf,lightgcn", [0, 1], {"epochs": 3}, {"lr": [0.1, 0.01]})
    jobs = plan(request, [SPLIT])
    assert len(jobs) == 3 * 2 * 2 * 2
    assert len({job.spec.id for job in jobs}) == len(jobs)
    assert {dict(job.spec.train)["epochs"] for job in jobs} == {3}


def test_all_is_every_loss():
    jobs = plan(Request("all", "mf", [0]), [SPLIT])
    assert [job.spec.loss.name for job in jobs] == registry.names("loss")


def test_a_backbone_without_a_loss_is_run_by_itself():
    jobs = plan(Request("softmax,bpr", "popularity,random,mf", [3, 4], {"epochs": 2}), [SPLIT])
    found = [(job.spec.backbone.name, job.spec.loss.name, job.spec.seed, bool(job.spec.train)) for job in jobs]
    assert found[:3] == [("popularity", "none", 0, False), ("random", "none", 3, False), ("random", "none", 4, False)]
    assert found[3:] == [("mf", loss, seed, True) for loss in ("softmax", "bpr") for seed in (3, 4)]
    assert jobs[0].labels == {"loss": "-", "backbone": "popularity"}


def test_training_values_that_train_nothing_are_refused():
    with pytest.raises(UserError, match="popularity,random: trained without a loss, so epochs, lr has no effect"):
        plan(Request("softmax", "popularity,random", [0], {"epochs": 2}, {"lr": [0.1]}), [SPLIT])


def test_a_loss_on_vectors_and_a_backbone_without_any_are_refused(tmp_path):
    file = tmp_path / "rows.py"
    file.write_text(ROWS, encoding="utf-8")
    assert plan(Request("softmax,multinomial", str(file), [0]), [SPLIT])
    with pytest.raises(UserError, match="infonce is defined on vectors; the score of the backbone rows is not"):
        plan(Request("infonce", str(file), [0]), [SPLIT])


ROWS = """
from rankbench.backbones import RowBackbone

class Rows(RowBackbone):
    def bind(self, train, dim, init, generator):
        pass

    def forward(self, user, inputs):
        raise AssertionError
"""


def test_the_same_run_is_planned_once():
    assert len(plan(Request("softmax,softmax:tau=0.15", "mf", [0]), [SPLIT, SPLIT])) == 1


def test_training_values_are_the_losss_own_unless_typed():
    (bpr,) = plan(Request("bpr", "mf", [0]), [SPLIT])
    assert dict(bpr.spec.train)["negatives"] == 1
    (typed,) = plan(Request("bpr", "mf", [0], {"negatives": 7}), [SPLIT])
    assert dict(typed.spec.train)["negatives"] == 7


def test_a_grid_multiplies_what_was_not_typed():
    from rankbench.losses.dsl import DSL

    sizes = {name: len(p.grid) for name, p in DSL.params.items() if p.grid}
    jobs = plan(Request("dsl:tau=0.3", "mf", [0], grid=True), [SPLIT])
    assert {dict(job.spec.loss.params)["tau"] for job in jobs} == {0.3}
    expected = 1
    for name, size in sizes.items():
        expected *= size if name != "tau" else 1
    assert len(jobs) == expected > 1


@pytest.mark.parametrize(
    ("text", "seeds"), [("0", [0]), ("0-2", [0, 1, 2]), ("3,1,3", [3, 1]), ("0-1,5", [0, 1, 5]), ("7-7", [7])]
)
def test_seeds(text, seeds):
    assert read_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "-1", "2-", "3-1", "1.5", "1,,2"])
def test_wrong_seeds(text):
    with pytest.raises(UserError, match="--seed"):
        read_seeds(text)


def test_vary():
    assert read_vary(["lr=0.01,0.1", "epochs=5"]) == {"lr": [0.01, 0.1], "epochs": [5]}


@pytest.mark.parametrize("setting", ["lr", "lr=", "lr=x", "lr=0.1,-1", "learning_rate=1", "tau=0.1", "epochs=1.5"])
def test_wrong_settings(setting):
    with pytest.raises(UserError):
        read_vary([setting])


def test_an_exponent_without_effect_is_refused():
    with pytest.raises(UserError, match="no effect with sampler = uniform"):
        plan(Request("softmax", "mf", [0], {"sampler_exponent": 0.5}), [SPLIT])
    assert plan(Request("softmax", "mf", [0], {"sampler_exponent": 0.5, "sampler": "popularity"}), [SPLIT])
    varied = plan(
        Request("softmax", "mf", [0], {"sampler_exponent": 0.5}, {"sampler": ["uniform", "popularity"]}), [SPLIT]
    )
    assert len(varied) == 2


def test_training_values_are_the_backbones_before_the_losss_and_what_is_asked_for_before_both(monkeypatch):
    monkeypatch.setattr(MF, "recipe", {"lr": 0.5, "dim": 7})
    (job,) = plan(Request("bpr", "mf", [0], {"dim": 9}), [SPLIT])
    spec = job.spec.train_spec()
    assert (spec.lr, spec.dim, spec.negatives) == (0.5, 9, 1)
