"""Splits that test users who are not in train are only for backbones that can take them in."""

from dataclasses import replace

import pytest

from rankbench.backbones.mf import MF
from rankbench.errors import UserError
from rankbench.plan import Request, plan
from rankbench.registry import find, names
from toy import random_interactions, random_split

SPLIT = replace(random_split(), protocol="strong", fold_in=random_interactions(1, 60, 120, 3))


@pytest.mark.parametrize("name", ["mf", "lightgcn"])
def test_a_backbone_with_vectors_of_train_users_only_is_refused(name):
    with pytest.raises(UserError, match=f"toy/strong tests users that are not in train; the backbone {name}") as caught:
        plan(Request("softmax", name, [0]), [SPLIT])
    assert "Backbones that take in new users by their items: " in caught.value.hint
    assert plan(Request("softmax", name, [0]), [replace(SPLIT, fold_in=None)])


def test_one_that_folds_in_is_taken_and_named(monkeypatch):
    monkeypatch.setattr(MF, "folds_in", True)
    assert len(plan(Request("softmax", "mf", [0]), [SPLIT])) == 1
    with pytest.raises(UserError) as caught:
        plan(Request("softmax", "lightgcn", [0]), [SPLIT])
    can = [name for name in names("backbone") if find("backbone", name).folds_in]
    assert {"mf", "popularity", "random"} < set(can)
    assert f"{', '.join(can)}. Or choose another split" in caught.value.hint
