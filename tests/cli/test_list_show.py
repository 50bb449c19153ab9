import json

import pytest
from typer.testing import CliRunner

from rankbench import registry
from rankbench.cli.app import app
from rankbench.cli.show import readable
from rankbench.errors import UserError
from rankbench.evaluation.metrics import METRICS
from rankbench.losses import ListLoss, VectorLoss


def output(*words: str) -> str:
    result = CliRunner().invoke(app, list(words), env={"COLUMNS": "80"})
    assert result.exit_code == 0, result.output
    return result.stdout


def test_list_names_everything_there_is():
    found = json.loads(output("list", "--json"))
    assert list(found["losses"]) == registry.names("loss")
    assert list(found["backbones"]) == registry.names("backbone")
    assert "online-retail" in found["datasets"]
    assert all(entry["summary"] for shelf in found.values() for entry in shelf.values())
    assert {name: entry["sees"] for name, entry in found["losses"].items()} == {
        name: sees_of(registry.find("loss", name)) for name in registry.names("loss")
    }
    assert all(entry["family"] == registry.find("loss", name).family != "" for name, entry in found["losses"].items())
    for kind, shelf in (("loss", "losses"), ("backbone", "backbones")):
        for name, entry in found[shelf].items():
            assert entry["year"] in registry.find(kind, name).paper
            assert set(entry["parameters"]) <= set(registry.find(kind, name).params)


def sees_of(loss: type) -> str:
    return "lists" if issubclass(loss, ListLoss) else "vectors" if issubclass(loss, VectorLoss) else "negatives"


def test_list_one_shelf():
    text = output("list", "losses")
    assert "softmax" in text
    assert "lightgcn" not in text


@pytest.mark.parametrize("kind", ["loss", "backbone"])
def test_every_part_is_described_with_its_formula_paper_and_parameters(kind):
    for name in registry.names(kind):
        text = output("show", name)
        assert "$" not in text, "the formula is shown in characters, not in LaTeX"
        found = json.loads(output("show", name, "--json"))
        assert found["paper"]
        assert list(found["parameters"]) == list(registry.find(kind, name).params)
        for key in found["parameters"]:
            assert key in text


def test_dsl_says_what_is_published_and_what_is_ours():
    text = " ".join(output("show", "dsl").split())
    assert "our reading" in text
    assert "What is ours" in text
    assert json.loads(output("show", "dsl", "--json"))["provenance"].startswith("our reading")


@pytest.mark.parametrize("name", [*METRICS, "NDCG", "hit-rate"])
def test_metrics_have_their_formula(name):
    assert json.loads(output("show", name, "--json"))["kind"] == "metric"


def test_a_data_set_has_licence_splits_and_counts():
    text = output("show", "online-retail")
    assert "CC BY 4.0" in text
    assert "shift" in text
    assert "3,691" in text


def test_a_file_of_yours_is_described(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from rankbench.losses import Loss, param\n"
        "class Mine(Loss):\n"
        '    """Mine: nothing."""\n'
        '    tau: float = param(0.3, "temperature")\n'
        "    def forward(self, s):\n"
        "        return s.pos\n"
    )
    assert json.loads(output("show", str(file), "--json"))["parameters"]["tau"]["default"] == 0.3


def test_an_unknown_name_is_answered_with_the_close_one():
    result = CliRunner().invoke(app, ["show", "sofmax"])
    assert isinstance(result.exception, UserError)
    assert "'softmax'" in result.exception.hint


def test_formulas_are_readable():
    assert readable(r"a $\ell = \log \sum_j \exp(d_j / \tau)$ b") == "a ℓ = log∑_j exp(d_j / τ) b"
