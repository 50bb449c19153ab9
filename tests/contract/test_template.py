"""The templates of `rankbench new-loss`: names, and losses that keep the contract as they are."""

import ast
import re

import pytest

from rankbench import registry
from rankbench.contract.examine import examine
from rankbench.contract.template import KINDS, Named, named, text_of
from rankbench.errors import UserError
from rankbench.losses import ListLoss, Loss, VectorLoss

BASE = {"scores": Loss, "lists": ListLoss, "vectors": VectorLoss}
IMPORTS = "import torch\nfrom rankbench.losses import Epoch\nfrom rankbench.data.interactions import Interactions\n"


def verdicts(path):
    return list(examine(registry.find("loss", str(path)), speed=False))


@pytest.mark.parametrize(
    ("typed", "file", "owner"),
    [
        ("my-loss", "my_loss", "MyLoss"),
        ("my_loss", "my_loss", "MyLoss"),
        ("MyLoss", "my_loss", "MyLoss"),
        ("My loss 2", "my_loss_2", "MyLoss2"),
        ("my-loss.py", "my_loss", "MyLoss"),
        ("BPR2", "bpr2", "BPR2"),
        ("SLatK", "slat_k", "SLatK"),
        ("x", "x", "X"),
    ],
)
def test_names(typed, file, owner):
    assert named(typed) == Named(file, owner)


@pytest.mark.parametrize("typed", ["", "2nd", "---", "loss", "Scores", "tensor", "..", "none"])
def test_names_that_no_loss_can_have(typed):
    with pytest.raises(UserError):
        named(typed)


@pytest.mark.parametrize("kind", KINDS)
def test_a_template_keeps_the_contract_as_it_is(kind, tmp_path):
    path = tmp_path / "my_loss.py"
    path.write_text(text_of(kind, named("my-loss")))
    owner = registry.find("loss", str(path))
    assert owner.__name__ == "MyLoss"
    assert owner.__bases__ == (BASE[kind],)
    assert {v.mark for v in verdicts(path)} <= {"passed"}
    assert "NewLoss" not in path.read_text()
    assert "my_loss.py:tau=0.1" in path.read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_the_state_in_its_comments_works_when_it_is_uncommented(kind, tmp_path):
    text = text_of(kind, named("my-loss"))
    head, state = re.split(r"(?=    # def bind)", text)
    code = re.sub(r"(?m)^    # ?(?=(    )?[^ ]|    )", "    ", state.split("    # In forward")[0])
    assert "register_buffer" in code
    assert not re.search(r"(?m)^ *# *self", code)
    first, rest = head.split("\n\n", 1)
    path = tmp_path / "with_state.py"
    path.write_text(f"{first}\n\n{IMPORTS}{rest}{code}")
    methods = [n.name for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.FunctionDef)]
    assert methods == ["forward", "bind", "refresh"]
    found = verdicts(path)
    assert {v.mark for v in found} <= {"passed", "skipped"}
    owner = registry.find("loss", str(path))
    from rankbench.contract.subject import Subject

    assert list(Subject(owner, {}).loss().state_dict())
