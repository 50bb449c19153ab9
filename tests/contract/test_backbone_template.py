"""The template of `rankbench new-backbone`: it keeps the contract as it is, and with its comments uncommented."""

import re

from rankbench import registry
from rankbench.backbones import Backbone
from rankbench.contract.examine import examine
from rankbench.contract.template import named, text_of


def verdicts(path):
    return {v.name: v for v in examine(registry.find("backbone", str(path)), speed=False)}


def test_it_keeps_the_contract_as_it_is(tmp_path):
    path = tmp_path / "my_backbone.py"
    path.write_text(text_of("backbone", named("my-backbone", "backbone")))
    owner = registry.find("backbone", str(path))
    assert owner.__name__ == "MyBackbone"
    assert owner.__bases__ == (Backbone,)
    assert {v.mark for v in verdicts(path).values()} == {"passed"}
    assert not re.search("NewBackbone|new_backbone", path.read_text())
    assert registry.kind_of(str(path)) == "backbone"


def test_the_step_in_its_comments_works_when_it_is_uncommented(tmp_path):
    text = text_of("backbone", named("noisy", "backbone"))
    head, step = re.split(r"(?=    # def step)", text)
    code = re.sub(r"(?m)^    # ?(?=(    )?[^ ]|    )", "    ", step.split("    # Imports")[0])
    path = tmp_path / "noisy.py"
    path.write_text(head.replace("import Backbone, initial", "import Backbone, Batch, initial") + code)
    found = verdicts(path)
    assert {v.mark for v in found.values()} == {"passed"}
    assert found["step"].got == "with a penalty"
    assert found["keyed"].got == "with noise of its own"
