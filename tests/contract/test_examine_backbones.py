"""Backbones that are broken in one way each get exactly the verdicts that they deserve; built-in ones get none."""

import broken_backbones as broken
import pytest

from rankbench import registry
from rankbench.contract import backbone_pace
from rankbench.contract.backbones import CHECKS
from rankbench.contract.examine import examine
from rankbench.errors import UserError

BROKEN = [
    ("Good", set(), set()),
    ("NeedsMore", {"starts"}, set()),
    ("Transposed", {"value"}, set()),
    ("OneTable", {"value"}, set()),
    ("SinglePrecision", {"value"}, set()),
    ("DividesByDegree", {"value"}, set()),
    ("Noisy", {"repeatable", "seed", "keyed", "resume"}, {"float32", "numbering"}),
    ("Detached", {"reach"}, set()),
    ("HalfDetached", set(), {"derivative"}),
    ("Idle", {"reach"}, set()),
    ("Untrained", {"reach"}, set()),
    ("Unseeded", {"seed"}, set()),
    ("Constant", set(), {"seed"}),
    ("StepWithGlobalNoise", {"keyed"}, set()),
    ("PenaltyPerExample", {"step"}, set()),
    ("Remembers", {"resume"}, set()),
    ("ByNumber", set(), {"numbering"}),
    ("TakesAnything", {"refused"}, set()),
    ("Crashes", {"value"}, set()),
    ("FittedAtRandom", {"seed"}, {"numbering"}),
]


def verdicts(owner, **values):
    """Verdicts by name, without those of speed and documentation."""
    found = {verdict.name: verdict for verdict in examine(owner, values, speed=False)}
    found.pop("documented")
    return found


def marked(found, mark):
    return {name for name, verdict in found.items() if verdict.mark == mark}


@pytest.mark.parametrize(("name", "wrong", "unusual"), BROKEN, ids=[name for name, *_ in BROKEN])
def test_every_fault_is_found_and_nothing_else(name, wrong, unusual):
    found = verdicts(getattr(broken, name))
    assert marked(found, "failed") == wrong
    assert marked(found, "noted") == unusual


def test_every_fault_that_can_be_found_is_tried():
    every = {name for _, wrong, unusual in BROKEN for name in wrong | unusual}
    assert {check.name for check in CHECKS} - every == {"threads", "allowed", "described", "documented", "speed"}


def test_the_line_that_crashes_is_named():
    verdict = verdicts(broken.Crashes)["value"]
    assert "broken_backbones.py, line" in verdict.got
    assert "self.nothing" in verdict.got


@pytest.mark.parametrize("name", registry.names("backbone"))
def test_built_in_backbones_keep_the_contract(name):
    found = verdicts(registry.find("backbone", name))
    assert not marked(found, "failed")


@pytest.mark.parametrize("text", ["xsimgcl:form=ir-benchmark", "simplex:pooling=attention", "ngcf:norm=false"])
def test_so_do_their_variants(text):
    owner, _, typed = registry.read("backbone", text)
    assert not marked(verdicts(owner, **typed), "failed")


def test_parameters_are_refused_before_anything_is_checked():
    with pytest.raises(UserError, match="contrast_layer"):
        examine(registry.find("backbone", "xsimgcl"), {"contrast_layer": 9})


def test_a_step_is_timed_and_a_fit_too(monkeypatch):
    monkeypatch.setattr(backbone_pace, "_SIZE", type(backbone_pace._SIZE)("tiny", 60, 90, 900))
    monkeypatch.setattr(backbone_pace, "_SHAPE", type(backbone_pace._SHAPE)(64, 9, 8))
    last = [*examine(broken.Good)][-1]
    assert "times mf, 60 users x 90 items" in last.got
    assert "to fit 60 users x 90 items" in [*examine(registry.find("backbone", "popularity"))][-1].got
