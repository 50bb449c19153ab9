import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankbench.errors import UserError
from rankbench.spec import Part, RunSpec, read_part, split_parts

SPEC = RunSpec(
    dataset="toy",
    protocol="shift",
    digest="d" * 64,
    loss=Part("softmax", (("incl", False), ("tau", 0.1))),
    backbone=Part("mf"),
    train=(("epochs", 50), ("lr", 0.1)),
    seed=0,
    numbers=3,
)


def test_parts_are_split_at_commas_that_do_not_continue_one():
    assert split_parts("dsl,softmax:tau=0.1,incl=true,bpr") == ["dsl", "softmax:tau=0.1,incl=true", "bpr"]
    assert split_parts("bsl:mode=user, ./a/my_loss.py:k=3,psl") == ["bsl:mode=user", "./a/my_loss.py:k=3", "psl"]


def test_nothing_named():
    with pytest.raises(UserError):
        split_parts(" , ")


def test_a_part_reads_back():
    assert read_part("softmax:tau=0.1,incl=true") == ("softmax", {"tau": "0.1", "incl": "true"})
    assert read_part("bpr") == ("bpr", {})


@pytest.mark.parametrize("text", ["softmax:tau", "softmax:=1", "softmax:tau=", "softmax:tau=1,tau=2"])
def test_malformed_parts(text):
    with pytest.raises(UserError):
        read_part(text)


def test_id_is_pinned():
    """The identifier must not change by accident: stored results would be lost from sight."""
    assert SPEC.id == "6cff1e5fd0f3"


def test_every_field_changes_the_id():
    changed = {
        "dataset": "other",
        "protocol": "iid",
        "digest": "e" * 64,
        "loss": Part("softmax", (("incl", False), ("tau", 0.2))),
        "backbone": Part("lightgcn", (("layers", 2),)),
        "train": (("epochs", 50), ("lr", 0.01)),
        "seed": 1,
        "numbers": SPEC.numbers + 1,
        "rerank": "pop:0.1",
    }
    assert set(changed) == {f.name for f in dataclasses.fields(RunSpec)}
    ids = {dataclasses.replace(SPEC, **{key: value}).id for key, value in changed.items()}
    assert len(ids | {SPEC.id}) == len(changed) + 1


def test_the_source_of_an_outside_file_changes_the_id():
    edited = dataclasses.replace(SPEC, loss=dataclasses.replace(SPEC.loss, source="a" * 64))
    assert edited.id != SPEC.id


@given(st.permutations([("epochs", 50), ("lr", 0.1), ("dim", 64)]))
def test_the_order_of_values_does_not_change_the_id(items):
    assert dataclasses.replace(SPEC, train=tuple(items)).id == dataclasses.replace(SPEC, train=tuple(sorted(items))).id
