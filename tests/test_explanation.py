"""Explanations: planted personas are found, leaving one out is the score of the others."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from rankbench.backbones.ampcf import AMPCF
from rankbench.data.interactions import Interactions
from rankbench.errors import UserError
from rankbench.explanation import explain
from toy import random_split

SPLIT = random_split()


def planted() -> AMPCF:
    """Every user likes even items by the first persona and odd ones by the second."""
    backbone = AMPCF(personas=2, attention=0.1)
    backbone.bind(SPLIT.train, 2, "normal", torch.Generator().manual_seed(0))
    item = torch.arange(SPLIT.n_items)
    strength = 1 + (item % 7) / 10
    with torch.no_grad():
        backbone.persona.copy_(torch.eye(2).repeat(SPLIT.n_users, 1))
        backbone.item.copy_(torch.stack([(item % 2 == 0) * strength, (item % 2 == 1) * strength], dim=1))
    return backbone


def test_planted_personas_are_found():
    found = explain(planted(), SPLIT, 3, top=20)
    own = SPLIT.train.row(3)
    assert not set(own.tolist()) & {r.item for r in found.recommended}
    assert [r.persona for r in found.recommended] == [r.item % 2 for r in found.recommended]
    assert found.faithful == 1
    assert [p.share for p in found.personas] == [np.mean(own % 2 == 0), np.mean(own % 2 == 1)]
    for persona in found.personas:
        assert {i % 2 for i in (*persona.history, *persona.items)} <= {persona.number}
        assert persona.nearest == 0


def test_without_a_persona_the_score_is_that_of_the_others():
    backbone = AMPCF(personas=3)
    backbone.bind(SPLIT.train, 4, "normal", torch.Generator().manual_seed(1))
    user = 5
    for r in explain(backbone, SPLIT, user, top=6).recommended:
        affinity = (backbone.persona[user * 3 : user * 3 + 3] @ backbone.item.t()).detach()
        scores = {}
        for p in range(3):
            rest = affinity[[q for q in range(3) if q != p]]
            row = (torch.softmax(rest / 0.3, dim=0) * rest).sum(dim=0)
            row[torch.from_numpy(SPLIT.train.row(user).astype(int))] = -torch.inf
            scores[p] = row
        assert r.without == pytest.approx(float(scores[r.persona][r.item]), abs=1e-5)
        others = [float(scores[p][r.item]) for p in range(3) if p != r.persona]
        assert r.without_others == pytest.approx(sum(others) / 2, abs=1e-5)
        assert r.rank_without == 1 + int((scores[r.persona] > scores[r.persona][r.item]).sum())


def test_one_persona_has_nothing_to_be_told_from_and_a_user_may_have_no_history():
    backbone = AMPCF(personas=1)
    backbone.bind(SPLIT.train, 4, "normal", torch.Generator().manual_seed(1))
    found = explain(backbone, SPLIT, 0, top=3)
    assert all(math.isnan(r.without) and r.rank_without == 0 and r.attention == 1 for r in found.recommended)
    empty = Interactions.from_pairs(np.array([1]), np.array([1]), 2, 120)
    backbone.bind(empty, 4, "normal", torch.Generator().manual_seed(1))
    assert explain(backbone, replace(SPLIT, train=empty), 0, top=3).personas[0].share == 0
    with pytest.raises(UserError, match="There is no user 60"):
        explain(backbone, SPLIT, 60)
