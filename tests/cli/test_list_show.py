import json

import pytest
from typer.testing import CliRunner

from rankbench import registry
from rankbench.cli.app import app
from rankbench.data.catalog import load_catalog
from rankbench.data.prepare import ensure_split
from rankbench.errors import UserError
from rankbench.evaluation.meanings import MEANINGS
from rankbench.losses import ListLoss, VectorLoss
from rankbench.tables.form import KINDS


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


@pytest.mark.parametrize("kind", KINDS)
def test_every_embedding_table_is_listed_and_described(kind):
    listed = json.loads(output("list", "tables", "--json"))["tables"]
    assert listed[kind]["typed"] == KINDS[kind][0]
    found = json.loads(output("show", kind, "--json"))
    assert (found["kind"], found["typed"]) == ("embedding table", KINDS[kind][0])
    assert bool(found["paper"]) == (kind != "full")
    text = output("show", f"{kind}:50%")
    assert "$" not in text
    assert f"Typed: {KINDS[kind][0]}" in text


def test_dsl_says_what_is_published_and_what_is_ours():
    text = " ".join(output("show", "dsl").split())
    assert "our reading" in text
    assert "What is ours" in text
    assert json.loads(output("show", "dsl", "--json"))["provenance"].startswith("our reading")


@pytest.mark.parametrize("name", [*MEANINGS, "NDCG", "hit-rate"])
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


def test_a_loss_shows_its_family_and_what_it_sees():
    for name, family, sees in (("softmax", "softmax", "negatives"), ("wrmf", "pointwise", "lists")):
        found = json.loads(output("show", name, "--json"))
        assert (found["family"], found["sees"]) == (family, sees)
        text = output("show", name)
        assert f"Family: {family}\n" in text
        assert f"Sees: {sees}\n" in text
    assert "Sees: vectors" in output("show", "infonce")
    assert "Sees" not in output("show", "mf")


def test_typed_parameters_are_shown_beside_their_defaults():
    found = json.loads(output("show", "softmax:tau=0.2,incl=true", "--json"))
    assert found["name"] == "softmax"
    assert {
        key: (p["value"], p["default"]) for key, p in found["parameters"].items() if p["value"] != p["default"]
    } == {
        "tau": (0.2, 0.15),
        "incl": (True, False),
    }
    row = next(line for line in output("show", "softmax:tau=0.2").splitlines() if line.startswith("tau"))
    assert row.split()[:3] == ["tau", "0.2", "0.15"]
    assert "value" not in next(line for line in output("show", "softmax").splitlines() if line.startswith("parameter"))
    assert json.loads(output("show", "lightgcn:layers=3", "--json"))["parameters"]["layers"]["value"] == 3


def test_several_names_are_described_one_after_the_other():
    text = output("show", "bpr", "lightgcn", "ndcg", "online-retail")
    places = [text.index(f"{name}  {kind}") for name, kind in (("bpr", "loss"), ("lightgcn", "backbone"))]
    assert places == sorted(places)
    assert text.index("NDCG") < text.index("online-retail  data set")
    assert [one["name"] for one in json.loads(output("show", "bpr", "softmax:tau=0.2", "--json"))] == ["bpr", "softmax"]


@pytest.mark.parametrize("name", ["ndcg:k=3", "online-retail:split=iid"])
def test_what_has_no_parameters_takes_none(name):
    result = CliRunner().invoke(app, ["show", name])
    assert isinstance(result.exception, UserError)
    assert "has no parameters" in result.exception.message


def test_show_data_sets(tmp_path, monkeypatch):
    monkeypatch.setenv("RANKBENCH_DATA", str(tmp_path))
    before = output("show", "x-wines-slim")
    assert "CC0 1.0" in before
    assert "Statistics" not in before
    ensure_split(tmp_path, "x-wines-slim", "iid")
    found = json.loads(output("show", "x-wines-slim", "--json"))
    assert (found["statistics"]["users"], found["statistics"]["pairs"]) == (8_316, 132_373)
    assert found["statistics"]["density"] == "1.922%"
    assert found["statistics"]["gini"] == "0.609"
    assert sum(found["popularity"]) == pytest.approx(1, abs=1e-3)
    assert found["popularity"] == sorted(found["popularity"], reverse=True)
    assert round(found["popularity"][0], 2) == 0.43
    assert "0-10 %" in output("show", "x-wines-slim")


@pytest.mark.parametrize("name", load_catalog())
def test_every_data_set_can_be_shown(name, tmp_path, monkeypatch):
    monkeypatch.setenv("RANKBENCH_DATA", str(tmp_path))
    assert "Cite:" in output("show", name)
