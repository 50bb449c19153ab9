"""Losses that are broken in one way each get exactly the verdicts that they deserve; built-in ones get none."""

import math

import pytest
import torch
from broken_losses import (
    AcrossTheBatch,
    AcrossTheBatchOnPurpose,
    ByPlace,
    ByPlaceOnPurpose,
    CannotBeConstructed,
    CannotBeMade,
    Crashes,
    CrashesInAnEpoch,
    CrashesOnOne,
    Detached,
    DetachedPositive,
    DetachedWritten,
    DishonestlyDivisible,
    DividesBySpread,
    DivisibleWithAState,
    ExponentWithGradients,
    Flipped,
    Forgets,
    Good,
    GridOutOfRange,
    GridWithoutAValue,
    KeepsAnAxis,
    LosesDigits,
    MakesItsStateLate,
    MeasuresWithAState,
    MovesInEval,
    NotSaidToBeDivisible,
    NotTheExponentItSays,
    Overflows,
    OverflowsWhenCold,
    PerNegative,
    Random,
    ReadsData,
    RefusesOne,
    RestsAtFirst,
    ReturnsNothing,
    Scalar,
    Settles,
    SettlesAPieceAtATime,
    SinglePrecision,
    Spoilt,
    TakenOut,
    TakesAnything,
    Undescribed,
    Unseeded,
    WrongAxis,
    WrongBackward,
    WrongRecipe,
    WrongScore,
)
from torch import nn

from rankbench import registry
from rankbench.contract import pace
from rankbench.contract.examine import CHECKS, examine
from rankbench.contract.subject import Subject
from rankbench.errors import UserError
from rankbench.speed import engine


def verdicts(owner, **values):
    """Verdicts by name, without those of speed."""
    return {verdict.name: verdict for verdict in examine(owner, values, speed=False)}


def marked(found, mark):
    return {name for name, verdict in found.items() if verdict.mark == mark}


BROKEN = [
    (Good, set(), set()),
    (Flipped, {"positives", "negatives"}, {"documented"}),
    (Overflows, {"large"}, {"divisible", "documented"}),
    (OverflowsWhenCold, {"large", "cosines", "equal", "small"}, {"documented"}),
    (DividesBySpread, {"cosines", "equal", "small"}, {"derivative", "documented"}),
    (Scalar, {"value"}, {"documented"}),
    (KeepsAnAxis, {"value"}, {"documented"}),
    (PerNegative, {"value"}, {"documented"}),
    (WrongAxis, {"value"}, {"documented"}),
    (ReturnsNothing, {"value"}, {"documented"}),
    (SinglePrecision, {"value"}, {"documented"}),
    (Crashes, {"value"}, {"documented"}),
    (CrashesOnOne, {"small"}, {"alike", "documented"}),
    (CannotBeMade, {"starts"}, {"documented"}),
    (CannotBeConstructed, {"starts"}, {"documented"}),
    (MovesInEval, {"eval"}, {"documented"}),
    (Forgets, {"resume"}, {"documented"}),
    (MakesItsStateLate, {"resume"}, {"documented"}),
    (CrashesInAnEpoch, {"resume"}, {"documented"}),
    (Unseeded, {"seed"}, {"documented"}),
    (Random, {"repeatable"}, {"documented"}),
    (ByPlace, {"order"}, {"documented"}),
    (ByPlaceOnPurpose, set(), {"order", "alike", "documented"}),
    (AcrossTheBatch, {"batch"}, {"derivative", "documented"}),
    (AcrossTheBatchOnPurpose, set(), {"batch", "derivative", "documented"}),
    (DishonestlyDivisible, {"divisible"}, {"batch", "derivative", "documented"}),
    (DivisibleWithAState, {"divisible"}, {"documented"}),
    (Settles, set(), {"batch", "derivative", "documented"}),
    (SettlesAPieceAtATime, {"divisible"}, {"batch", "derivative", "documented"}),
    (MeasuresWithAState, {"divisible"}, {"batch", "derivative", "documented"}),
    (NotSaidToBeDivisible, set(), {"divisible", "documented"}),
    (NotTheExponentItSays, {"divisible"}, {"documented"}),
    (ExponentWithGradients, {"divisible"}, {"documented"}),
    (Detached, set(), {"derivative", "documented"}),
    (ReadsData, set(), {"derivative", "documented"}),
    (TakenOut, {"batch", "divisible"}, {"derivative", "documented"}),
    (Spoilt, {"resume"}, {"documented"}),
    (DetachedPositive, {"positives"}, {"derivative", "documented"}),
    (WrongBackward, set(), {"derivative", "documented"}),
    (LosesDigits, {"float32"}, {"derivative", "documented"}),
    (GridOutOfRange, {"allowed"}, {"documented"}),
    (GridWithoutAValue, {"grids"}, {"documented"}),
    (Undescribed, set(), {"described", "documented"}),
    (WrongRecipe, {"recipe"}, {"documented"}),
    (WrongScore, {"recipe"}, {"documented"}),
    (TakesAnything, {"refused"}, {"documented"}),
    (RefusesOne, set(), {"documented"}),
]


@pytest.mark.parametrize(("owner", "failed", "noted"), BROKEN, ids=lambda x: getattr(x, "__name__", ""))
def test_a_loss_gets_the_verdicts_that_it_deserves(owner, failed, noted):
    found = verdicts(owner)
    assert marked(found, "failed") == failed, {n: v.got for n, v in found.items() if v.mark == "failed"}
    assert marked(found, "noted") == noted
    for verdict in found.values():
        assert verdict.title
        assert bool(verdict.expected) == (verdict.mark == "failed")
        assert verdict.got or verdict.mark == "passed"


@pytest.mark.parametrize(
    ("owner", "name", "got", "hint"),
    [
        (Scalar, "value", "shape () for B = 8", "Leave out the last mean() or sum()"),
        (KeepsAnAxis, "value", "shape (8,1) for B = 8", "Drop the last axis"),
        (PerNegative, "value", "shape (8,40) for B = 8", "dim=1"),
        (WrongAxis, "value", "shape (40,) for B = 8", "not dim=0"),
        (ReturnsNothing, "value", "NoneType", "return"),
        (SinglePrecision, "value", "float32", ".to(s.pos)"),
        (Crashes, "value", "'Scores' object has no attribute 'negatives' (broken_losses.py, line", "N = 40"),
        (CrashesOnOne, "small", "topk(2)", "min(k, N)"),
        (CannotBeMade, "starts", 'raise KeyError("no such thing")', ""),
        (Overflows, "large", "positives at -10000, negatives at 10000", "log_sum_exp"),
        (OverflowsWhenCold, "cosines", "tau=0.01", "log_sum_exp"),
        (DividesBySpread, "equal", "equal negatives", "standardise"),
        (MovesInEval, "eval", "`calls`", "self.training"),
        (Forgets, "resume", "others after a stop", "register_buffer"),
        (MakesItsStateLate, "resume", "late", "in bind"),
        (CrashesInAnEpoch, "resume", 'raise ValueError("not in the twentieth")', ""),
        (Unseeded, "seed", "`weight`", "seed"),
        (AcrossTheBatch, "batch", "it does", "share a batch"),
        (AcrossTheBatchOnPurpose, "batch", "the docstring says so", ""),
        (ByPlace, "order", "it does", "order matters"),
        (DivisibleWithAState, "divisible", "`mean` changed", "settle"),
        (MeasuresWithAState, "divisible", "`mean` changed by measure", "settle"),
        (NotSaidToBeDivisible, "divisible", "not set", "divisible = True"),
        (NotTheExponentItSays, "divisible", "a difference of", "as_log_sum_exp"),
        (DetachedPositive, "positives", "no gradient at all", "detached"),
        (TakenOut, "derivative", ".item()", ""),
        (ReadsData, "derivative", "the rest agrees", ""),
        (Spoilt, "resume", "nan in `worst`", ""),
        (WrongBackward, "derivative", "Doubled", "estimate"),
        (Flipped, "positives", "rises", "sign flipped"),
        (GridWithoutAValue, "grids", "power=0.5", ""),
        (Undescribed, "described", "tau is not described; the grid of tau leaves out the default 0.2", ""),
        (WrongRecipe, "recipe", "learning_rate", "lr"),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)  # fmt: skip
def test_a_verdict_says_what_was_found_and_what_to_look_for(owner, name, got, hint):
    verdict = verdicts(owner)[name]
    assert got in verdict.got
    assert hint in verdict.hint


def test_what_is_detached_is_named_by_its_lines():
    first = Detached.forward.__code__.co_firstlineno
    verdict = verdicts(Detached)["derivative"]
    assert f"in lines {first + 1}, {first + 2} of broken_losses.py; the rest agrees" in verdict.got
    assert "no gradient" in verdict.hint
    assert "of broken_losses.py; the rest cannot be checked" in verdicts(DetachedWritten)["derivative"].got
    drrl = verdicts(registry.find("loss", "drrl"))["derivative"]
    assert "of drrl.py; the rest agrees; the docstring says so" in drrl.got


def test_checks_that_need_what_failed_are_not_made():
    found = verdicts(Scalar)
    waiting = {name for name, verdict in found.items() if verdict.got == "needs `value`"}
    assert waiting == marked(found, "skipped") - {name for name in found if name in ("allowed", "described")}
    assert {"positives", "large", "resume", "grids"} <= waiting
    assert {"allowed", "recipe", "documented"} <= marked(found, "passed") | marked(found, "noted")


def test_a_refusal_is_no_failure():
    verdict = verdicts(RefusesOne)["small"]
    assert verdict.mark == "skipped"
    assert "It needs two negatives." in verdict.got


def test_a_loss_that_rests_at_first_is_looked_at_when_it_works():
    found = verdicts(RestsAtFirst)
    assert not marked(found, "failed")
    assert found["positives"].got == "from epoch 6 on, before which the model rests"


def test_values_are_those_given():
    class OnlyWarm(Good):
        def forward(self, s):
            return super().forward(s) if self.tau > 0.05 else super().forward(s) * math.nan

    assert "value" in marked(verdicts(OnlyWarm, tau=0.04), "failed")
    assert "value" in marked(verdicts(OnlyWarm), "passed")
    for values, said in (({"tau": -1.0}, "out of range"), ({"temperature": 1.0}, "Unknown parameter")):
        with pytest.raises(UserError, match=said):
            examine(OnlyWarm, values)  # before the first verdict


def test_speed_is_compared_with_softmax(monkeypatch):
    monkeypatch.setattr(engine, "_BLOCK_SECONDS", 0.0)
    monkeypatch.setattr(pace, "_ROUNDS", 1)
    for most, mark in ((1e9, "passed"), (0.0, "noted")):
        monkeypatch.setattr(pace, "MOST", most)
        outcome = pace.pace(Subject(Good, {}))
        assert outcome.mark == mark
        assert "times softmax" in outcome.got
    assert [check.name for check in pace.CHECKS] == ["speed"] * 3
    assert "speed" not in verdicts(Good)


def test_a_trained_network_in_single_precision_is_no_failure():
    """Its parameters are converted with it, as those of any module."""

    class Learned(Good):
        """Learned: a weight for each positive, from its score."""

        divisible = False

        def bind(self, train, seed):
            generator = torch.Generator().manual_seed(seed)
            self.layer = nn.Linear(1, 1)
            for weight in self.layer.parameters():
                nn.init.uniform_(weight, -1, 1, generator=generator)

        def forward(self, s):
            return super().forward(s) * torch.sigmoid(self.layer(s.pos.detach()[:, None]))[:, 0]

    assert marked(verdicts(Learned), "failed") == set()


NOTED = {
    "drrl": {"batch", "derivative"},
    "dsl": {"batch", "derivative"},
    "guidedrec": {"order", "derivative", "alike"},
    "sogclr": {"batch", "derivative"},
    "warp": {"order", "alike"},
    "slatk": set(),
    "softmax": set(),
    "full-softmax": {"positives"},
    "infonce": set(),
}
"""What is unusual about some built-in losses, as their docstrings say."""


@pytest.mark.parametrize("name", registry.names("loss"))
def test_built_in_losses_keep_the_contract(name):
    found = verdicts(registry.find("loss", name))
    assert marked(found, "failed") == set(), {n: v.got for n, v in found.items() if v.mark == "failed"}
    if name in NOTED:
        assert marked(found, "noted") == NOTED[name]
    assert {"value", "float32", "small", "resume"} <= marked(found, "passed")


def test_names_are_unique_among_the_checks_of_a_kind():
    for sees in ("negatives", "lists", "vectors"):
        names = [check.name for check in CHECKS if sees in check.sees]
        assert len(set(names)) == len(names)
        needed = {need for check in CHECKS if sees in check.sees for need in check.needs}
        assert needed <= set(names)
