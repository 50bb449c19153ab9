import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from rankbench import registry
from rankbench.errors import UserError
from rankbench.losses import Loss

MINE = '''
import torch
from rankbench.losses import Loss, Scores, param

class Mine(Loss):
    """Mine: a loss from outside."""
    scale: float = param(1.0, "scale", above=0)

    def forward(self, s: Scores) -> torch.Tensor:
        return self.scale * (s.neg.mean(dim=1) - s.pos)
'''
TWO = MINE + MINE.replace("Mine", "Other")


def test_the_folder_is_the_list():
    assert {"lightgcn", "mf"} < set(registry.names("backbone"))
    assert {"bpr", "softmax", "bsl", "psl", "slatk", "dsl"} <= set(registry.names("loss"))


@pytest.mark.parametrize("kind", ["loss", "backbone"])
def test_every_name_is_found_and_described(kind):
    for name in registry.names(kind):
        assert registry.find(kind, name).__doc__.splitlines()[0].strip().endswith(".")
        assert registry.summary(kind, name)


def test_a_part_has_all_parameters_and_its_label_only_the_changed_ones():
    part = registry.part("loss", "softmax:tau=0.2")
    assert dict(part.params) == {"incl": False, "logq": "none", "rho": 1.0, "tau": 0.2}
    assert registry.label(registry.find("loss", "softmax"), part) == "softmax:tau=0.2"
    assert registry.part("loss", str(part)) == part


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("softmx", "'softmax'"),
        ("softmax:tua=0.1", "'tau'"),
        ("softmax:tau=0", "temperature"),
        ("softmax:tau=x", "temperature"),
    ],
)
def test_mistakes_are_answered_with_what_was_meant(text, hint):
    with pytest.raises(UserError) as caught:
        registry.part("loss", text)
    assert hint in caught.value.hint


def test_a_file_of_yours(tmp_path):
    file = tmp_path / "my_loss.py"
    file.write_text(MINE)
    part = registry.part("loss", f"{file}:scale=2")
    assert (part.name, dict(part.params)) == ("my_loss", {"scale": 2.0})
    assert len(part.source) == 64
    assert issubclass(registry.find("loss", str(file)), Loss)
    file.write_text(MINE + "\n# edited\n")
    assert registry.part("loss", f"{file}:scale=2").source != part.source


@pytest.mark.parametrize(
    ("text", "words"), [("x = (", "SyntaxError"), ("x = 1", "found none"), (TWO, "found Mine, Other")]
)
def test_a_file_that_is_no_loss(tmp_path, text, words):
    file = tmp_path / "other.py"
    file.write_text(text)
    with pytest.raises(UserError, match=words):
        registry.find("loss", str(file))


def test_a_missing_file():
    with pytest.raises(UserError, match="no file"):
        registry.find("loss", "./nowhere.py")


def test_a_published_loss(monkeypatch):
    point = EntryPoint("theirs", "rankbench.losses.softmax:Softmax", "rankbench.losses")
    broken = EntryPoint("broken", "no.such.module:Loss", "rankbench.losses")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point, broken])
    assert "theirs" in registry.names("loss")
    assert registry.find("loss", "theirs") is registry.find("loss", "softmax")
    with pytest.raises(UserError, match="cannot be loaded"):
        registry.find("loss", "broken")


def test_listing_imports_no_torch():
    listing = "registry.names('loss'); registry.summary('loss', 'bpr')"
    code = f"import sys; from rankbench import registry; {listing}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
