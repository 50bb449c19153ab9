import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankbench.errors import UserError
from rankbench.params import Configurable, param, show


class Toy(Configurable):
    tau: float = param(0.1, "temperature", above=0, grid=(0.1, 0.2))
    k: int = param(20, "cut-off", at_least=1, at_most=100)
    incl: bool = param(False, "count the positive")
    mode: str = param("pair", "which form", choices=("pair", "user"))


class Child(Toy):
    gamma: float = param(0.25, "softening")


def test_defaults_and_inheritance():
    assert Child(tau=0.5).values() == {"tau": 0.5, "k": 20, "incl": False, "mode": "pair", "gamma": 0.25}
    assert list(Toy.params) == ["tau", "k", "incl", "mode"]


def test_an_int_is_a_float_but_nothing_else_converts():
    assert Toy(tau=1).tau == 1.0
    assert isinstance(Toy(tau=1).tau, float)
    for wrong in ({"tau": True}, {"tau": "0.1"}, {"k": 1.0}, {"k": True}, {"incl": 1}, {"mode": 3}):
        with pytest.raises(UserError, match="must be"):
            Toy(**wrong)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"tau": 0.0}, "tau = 0.0 is out of range: expected > 0"),
        ({"tau": float("nan")}, "out of range"),
        ({"tau": float("inf")}, "out of range"),
        ({"k": 0}, "expected >= 1 and <= 100"),
        ({"k": 101}, "out of range"),
        ({"mode": "pears"}, "expected pair or user"),
    ],
)
def test_out_of_range(values, words):
    with pytest.raises(UserError) as caught:
        Toy(**values)
    assert words in caught.value.message


def test_unknown_parameter_suggests_the_close_one():
    with pytest.raises(UserError) as caught:
        Toy(tua=0.1)
    assert "'tau'" in caught.value.hint


@given(st.floats(min_value=1e-6, max_value=1e6))
def test_floats_survive_being_typed(value):
    typed = float(show(value))
    assert typed == pytest.approx(value, rel=1e-11)
    assert Toy.params["tau"].parse(show(typed), "toy") == typed


@pytest.mark.parametrize(("text", "value"), [("true", True), ("False", False)])
def test_bools_are_words(text, value):
    assert Toy.params["incl"].parse(text, "toy") is value


@pytest.mark.parametrize(("name", "text"), [("incl", "1"), ("k", "2.5"), ("tau", "x"), ("tau", "nan")])
def test_what_cannot_be_read(name, text):
    with pytest.raises(UserError):
        Toy.params[name].parse(text, "toy")
