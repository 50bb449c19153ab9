"""Tables within backbones and training."""

import numpy as np
import pytest
import torch
from table_cases import TYPED

from rankbench.backbones import Backbone
from rankbench.backbones.ampcf import AMPCF
from rankbench.backbones.lightgcn import LightGCN
from rankbench.backbones.mf import MF
from rankbench.errors import UserError
from rankbench.evaluation.scorers import InnerProduct
from rankbench.evaluation.tie_order import TieOrder
from rankbench.losses.softmax import Softmax
from rankbench.parallel import set_threads
from rankbench.plan import Request, plan
from rankbench.registry import find, names
from rankbench.spec import TrainSpec
from rankbench.tables.placing import tables_of
from rankbench.tables.table import Table
from rankbench.training import checkpoint
from rankbench.training.loop import Trained, Training
from rankbench.training.progress import EpochEnd, Step
from toy import random_split

SPEC = {"lr": 0.05, "batch_size": 64, "epochs": 4, "patience": 0, "eval_every": 2, "negatives": 20, "dim": 8}
CPU = torch.device("cpu")


def training_of(backbone=None, path=None, **tables: str) -> Training:
    return Training(random_split(), Softmax(), backbone or MF(), TrainSpec(**SPEC, **tables), 0, CPU, path)


def finish(training: Training) -> Trained:
    steps = training.run()
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def vectors(trained: Trained, name: str = "iid") -> tuple[torch.Tensor, torch.Tensor]:
    scorer = trained.scorers[name]
    assert isinstance(scorer, InnerProduct)
    return scorer.user_vec, scorer.item_vec


def same(a: Trained, b: Trained) -> bool:
    return [e.loss for e in a.curve] == [e.loss for e in b.curve] and all(
        torch.equal(x, y) for name in a.scorers for x, y in zip(vectors(a, name), vectors(b, name), strict=True)
    )


@pytest.mark.parametrize("backbone", [MF, LightGCN])
def test_a_table_without_collisions_is_a_full_table(backbone):
    """With M so large that no two ids meet, the same rows give the same numbers to the last bit."""
    full = training_of(backbone())
    hashed = training_of(backbone(), user_table="hash:30000", item_table="hash:30000")
    for side, table in tables_of(hashed.backbone).items():
        assert isinstance(table, Table)
        own = tables_of(full.backbone)[side]
        assert len(np.unique(table.used)) == len(own)
        with torch.no_grad():
            table.rows[torch.from_numpy(table.used[:, 0])] = own
    assert same(finish(full), finish(hashed))


@pytest.mark.parametrize("typed", TYPED)
@pytest.mark.parametrize("backbone", [MF, LightGCN])
def test_threads_change_no_bit(typed, backbone):
    found = []
    for threads in (1, 3):
        set_threads(threads)
        found.append(finish(training_of(backbone(), user_table=typed, item_table=typed)))
    assert same(*found)
    assert found[0].curve[-1].loss < found[0].curve[0].loss


@pytest.mark.parametrize("typed", ["freqdouble:10%,20%", "qr:7:mul"])
def test_resumed_equals_uninterrupted(tmp_path, monkeypatch, typed):
    monkeypatch.setattr(checkpoint, "SECONDS_BETWEEN", 0.0)
    whole = finish(training_of(user_table="hash:50%", item_table=typed))
    path = tmp_path / "checkpoint.pt"
    ends = 0
    for event in training_of(path=path, user_table="hash:50%", item_table=typed).run():
        ends += isinstance(event, EpochEnd)
        if ends == 2 and isinstance(event, Step):
            break
    assert path.exists()
    assert same(whole, finish(training_of(path=path, user_table="hash:50%", item_table=typed)))


@pytest.mark.parametrize("name", [n for n in names("backbone") if find("backbone", n).trains_with_loss])
def test_every_id_based_backbone_takes_other_tables(name):
    """Without a line of its own: what it trains are the tables' rows, and they come to both its sides."""
    sides = tables_of(training_of(find("backbone", name)()).backbone)
    assert sides or name in ("multdae", "multvae"), "an id-based backbone calls its tables `user` and `item`"
    training = training_of(find("backbone", name)(), **{f"{side}_table": "hash:30%" for side in sides})
    before = {side: tables_of(training.backbone)[side].rows.detach().clone() for side in sides}
    trained = finish(training)
    assert trained.curve[-1].loss < trained.curve[0].loss
    for side, rows in before.items():
        table = tables_of(training.backbone)[side]
        used = np.unique(table.used)
        assert (table.rows.detach() != rows)[used].any(dim=1).all()
        assert trained.tables[side].rows == len(rows) == round(0.3 * trained.tables[side].ids)


def test_the_other_side_stays_as_it_was():
    full, hashed = training_of(), training_of(item_table="hash:50%")
    assert torch.equal(full.backbone.user, hashed.backbone.user)
    assert set(hashed.backbone.state_dict()) == {"user", "item_table.rows"}
    assert hashed.backbone.state_dict()["item_table.rows"].shape == (60, 8)


def test_items_that_collide_have_one_vector_in_the_end():
    training = training_of(item_table="hash:10%")
    table = tables_of(training.backbone)["item"]
    _, item_vec = vectors(finish(training))
    assert isinstance(table, Table)
    assert len(torch.unique(item_vec, dim=0)) == len(np.unique(table.used)) <= 12


class Nameless(Backbone):
    """A backbone whose tables have names of their own."""

    def bind(self, train, dim, init, generator):
        self.P = torch.nn.Parameter(torch.randn(train.n_users, dim))
        self.Q = torch.nn.Parameter(torch.randn(train.n_items, dim))

    def forward(self):
        return self.P, self.Q


def test_a_backbone_without_such_a_table_is_refused():
    assert tables_of(training_of(Nameless()).backbone) == {}
    with pytest.raises(UserError, match="nameless has no table of items for hash:5"):
        training_of(Nameless(), item_table="hash:5")


@pytest.mark.parametrize("backbone", [MF, AMPCF])
def test_items_that_collide_tie_and_are_ranked_by_the_seeded_key(backbone):
    split = random_split()
    training = training_of(backbone(), item_table="hash:10%")
    table = tables_of(training.backbone)["item"]
    assert isinstance(table, Table)
    row, place = table.used[:, 0], TieOrder.seeded(0, split.n_items).place
    scorer = finish(training).scorers["iid"]
    users = np.arange(split.n_users)
    top = scorer.top_items(users, split.train, split.n_items)
    ascending = 0
    for u in users:
        ranked = top[u][top[u] >= 0]
        together = row[ranked[1:]] == row[ranked[:-1]]
        assert together.sum() == len(ranked) - len(set(row[ranked]))  # items of one row stand side by side
        assert (np.diff(place[ranked])[together] > 0).all()
        ascending += (np.diff(ranked)[together] < 0).sum()
    assert ascending > 0  # not all in the order of their ids


def test_full_tables_keep_the_order_of_ids():
    assert training_of(user_table="hash:50%").ties is None
    assert training_of(item_table="admit:2").ties is not None


@pytest.mark.parametrize(("backbone", "side"), [("ampcf", "user"), ("multdae", "item")])
def test_a_plan_refuses_tables_that_a_backbone_has_not_got(backbone, side):
    asked = {f"{side}_table": "hash:50%"}
    with pytest.raises(UserError, match=f"{backbone} has no table of {side}s for hash:50%"):
        plan(Request("bce", f"mf,{backbone}", [0], asked), [random_split()])
    assert len(plan(Request("bce", "mf,ampcf", [0], {"item_table": "hash:50%"}), [random_split()])) == 2
    with pytest.raises(UserError, match="even --dim"):
        plan(Request("bce", "mf", [0], {"item_table": "qr:5:concat", "dim": 7}), [random_split()])
