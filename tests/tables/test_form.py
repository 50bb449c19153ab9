import pytest

from rankbench.errors import UserError
from rankbench.plan import Request, plan, read_vary
from rankbench.spec import TrainSpec
from rankbench.tables.form import KINDS, Size, read_form
from rankbench.tables.placing import CLASSES
from toy import random_split


@pytest.mark.parametrize(
    ("typed", "spelled"),
    [
        ("full", "full"),
        ("hash:500", "hash:500"),
        (" hash:050.0% ", "hash:50%"),
        ("qr:50%", "qr:50%"),
        ("qr:50%:add", "qr:50%"),
        ("qr:12:concat", "qr:12:concat"),
        ("double:12.5%", "double:12.5%"),
        ("freqdouble:10%, 400", "freqdouble:10%,400"),
        ("admit:5", "admit:5"),
    ],
)
def test_one_table_has_one_spelling(typed, spelled):
    assert str(read_form(typed)) == spelled
    assert read_form(spelled) == read_form(typed)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("hsh:50%", "'hash'"),
        ("", "kind of table"),
        ("full:3", "expected full"),
        ("hash", "expected hash:M"),
        ("hash:0", "expected hash:M"),
        ("hash:0%", "expected hash:M"),
        ("hash:1.5", "expected hash:M"),
        ("hash:-3", "expected hash:M"),
        ("hash:٣", "expected hash:M"),
        ("hash:1e9", "expected hash:M"),
        ("hash:5,6", "expected hash:M"),
        ("hash:5:add", "expected hash:M"),
        ("qr:5:plus", "expected qr:M"),
        ("qr:5:mul:6", "expected qr:M"),
        ("freqdouble:5", "expected freqdouble:k,M"),
        ("admit:5%", "count of train interactions"),
    ],
)
def test_what_is_no_table(typed, said):
    with pytest.raises(UserError, match="item_table") as error:
        TrainSpec(item_table=typed)
    assert said in str(error.value)


@pytest.mark.parametrize(("size", "rows"), [("50%", 5), ("5%", 1), ("0.1%", 1), ("17%", 2), ("300%", 27), ("7", 7)])
def test_sizes(size, rows):
    assert read_form(f"hash:{size}").sizes[0].of(9) == rows


def test_a_size_shows_as_it_is_typed():
    assert [str(Size(50.0, percent=True)), str(Size(0.5, percent=True)), str(Size(1e6))] == ["50%", "0.5%", "1000000"]


def test_every_kind_has_a_class_and_a_line():
    assert {*CLASSES, "full"} == set(KINDS)


def test_several_tables_are_typed_behind_set():
    vary = read_vary(["item_table=full,hash:50%,freqdouble:10%,40%,qr:7:mul", "lr=0.1,1"])
    assert vary == {"item_table": ["full", "hash:50%", "freqdouble:10%,40%", "qr:7:mul"], "lr": [0.1, 1.0]}


def test_full_tables_leave_the_identifiers_of_runs_alone():
    """That of a stored run without them, and of one that says full in its own words."""
    (plain,) = plan(Request("bpr", "mf", [0]), [random_split()])
    assert not {"user_table", "item_table"} & set(plain.spec.to_json()["train"])
    (typed,) = plan(Request("bpr", "mf", [0], {"item_table": "full"}), [random_split()])
    (hashed,) = plan(Request("bpr", "mf", [0], {"item_table": "hash:50.0%"}), [random_split()])
    assert plain.spec.id == typed.spec.id != hashed.spec.id
    assert hashed.spec.to_json()["train"]["item_table"] == "hash:50%"
