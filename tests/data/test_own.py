"""Data sets of the user's own: tables in the folder of the data, and what becomes of their files."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rankbench.data.catalog import catalog_of, load_catalog
from rankbench.data.filter import Filter
from rankbench.data.folder import read_manifest
from rankbench.data.formats import Reader, sniff
from rankbench.data.own_table import check_free, forget_table, keep_table, name_for, own_dataset
from rankbench.data.prepare import Access, ensure_split, prepare
from rankbench.errors import UserError

ROWS = [f"u{u};i{(u * u + k * k) % 23};{1 + (u + k) % 5};2024-01-{1 + k:02}\n" for u in range(40) for k in range(14)]
MINE = """
[mine]
core = 2

[mine.raw]
format = "separated"
separator = ";"
header = false
columns = { user = 1, item = 2, rating = 3, time = 4 }
time = "date"

[mine.raw.files.rows]
file = "rows.csv"
"""


@pytest.fixture
def data(tmp_path) -> Path:
    """A folder of the data with a catalogue of the user's and a file beside it."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows.csv").write_text("".join(ROWS))
    (tmp_path / "data" / "datasets.toml").write_text(MINE)
    return tmp_path / "data"


def test_a_table_of_the_users_stands_behind_the_built_in_ones_and_may_be_short(data):
    catalog = catalog_of(data)
    assert list(catalog) == [*load_catalog(), "mine"]
    mine = catalog["mine"]
    assert (mine.title, mine.own, mine.settings.filter) == ("mine", True, Filter.core(2))
    assert mine.usual == ("shift", "iid", "popularity", "temporal")
    split = ensure_split(data, "mine", "iid")
    assert (split.n_users, split.n_items) == (40, len({row.split(";")[1] for row in ROWS}))
    (file,) = read_manifest(data, "mine", "iid")["source"]["files"].values()
    assert file["file"] == str(data / "rows.csv")
    assert not (data / "archives").exists() or not list((data / "archives").rglob("*.csv"))  # read where it is


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("core = 2", "cores = 2", "line 3, table mine: Unknown key 'cores'. Did you mean 'core'"),
        ("separator", "seperator", "line 7, table mine.raw: Unknown key 'seperator'. Did you mean 'separator'"),
        ("file = ", "fil = ", "Unknown key 'fil'. Did you mean 'file'"),
        ("[mine", "[gowalla", "the table gowalla has the name of a built-in data set. Rename the table."),
        ("[mine", "[archives", "no data set can have the name 'archives'"),
        ("[mine", "[Mine", "a data set's name is made of a-z, 0-9 and '-', got 'Mine'"),
        ('"rows.csv"', '"rows.csv"\nurls = ["https://example.org/x.csv"]', "Unknown key 'urls'"),
    ],
)
def test_a_wrong_table_is_an_error_that_names_the_file(data, old, new, expected):
    (data / "datasets.toml").write_text(MINE.replace(old, new))
    with pytest.raises(UserError) as caught:
        catalog_of(data)
    assert expected in str(caught.value)
    assert str(data / "datasets.toml") in str(caught.value)


def test_a_file_of_this_machine_is_for_catalogues_of_the_users(data):
    words = "".join(f'{key} = "x"\n' for key in ("title", "licence", "terms", "cite"))
    common = f'[mine]\n{words}home = "https://example.org"\nid = "str"\n'
    (data / "other.toml").write_text(MINE.replace("[mine]\n", common, 1))
    with pytest.raises(UserError, match="Unknown key 'file'"):
        load_catalog(data / "other.toml")


def test_a_changed_file_is_noticed(data):
    notes = []
    ensure_split(data, "mine", "iid")
    before = read_manifest(data, "mine", "iid")["pins"]["raw/mine/rows.csv"]
    assert before["bytes"] == len("".join(ROWS))
    text = "".join(ROWS)
    (data / "rows.csv").write_text(text.replace("u1;", "u2;"))  # as long as before
    ensure_split(data, "mine", "iid", progress=notes.append)
    told = f"{data / 'rows.csv'} has changed since mine iid was made; "
    assert [note.text for note in notes] == [f"{told}`rankbench fetch mine` makes it again."]
    notes.clear()
    prepare(data, catalog_of(data)["mine"], "iid", progress=notes.append)
    assert notes[0].text == f"{told}the split is made again."
    assert read_manifest(data, "mine", "iid")["pins"]["raw/mine/rows.csv"]["sha256"] != before["sha256"]


def test_a_file_that_has_gone_is_named_and_what_was_made_of_it_stays(data):
    ensure_split(data, "mine", "iid")
    (data / "rows.csv").rename(data / "elsewhere.csv")
    assert len(ensure_split(data, "mine", "iid").train)
    with pytest.raises(UserError, match=r"rows.csv, which mine is made of, is not there.*--name mine"):
        ensure_split(data, "mine", "popularity")


def test_no_copy_is_asked_for_what_is_there(data):
    split = prepare(data, catalog_of(data)["mine"], "iid", Access(offline=True, given=data / "none"))
    assert len(split.train)


def test_the_name_of_another_one_is_not_taken(data, tmp_path):
    file = tmp_path / "shop.csv"
    file.write_text("".join(ROWS))
    shop = own_dataset("shop", file, sniff(file), None, 2)
    check_free(data, shop, force=False)
    keep_table(data, shop)
    check_free(data, shop, force=False)
    assert catalog_of(data)["shop"] == shop
    (tmp_path / "new").mkdir()
    other = own_dataset("shop", file.rename(tmp_path / "new" / "shop.csv"), sniff(tmp_path / "new" / "shop.csv"), 3, 2)
    with pytest.raises(UserError, match="shop is the name of another file of yours"):
        check_free(data, other, force=False)
    check_free(data, other, force=True)
    for name, expected in (("mine", "is a table of"), ("gowalla", "a built-in data set")):
        with pytest.raises(UserError, match=expected):
            check_free(data, own_dataset(name, file, shop.raw.reader, None, 2), force=True)
    with (data / "datasets.toml").open("a") as more:
        more.write(MINE.replace("[mine", "[shop"))
    with pytest.raises(UserError, match=r"shop/dataset.toml: the table shop has the name of another one of yours"):
        catalog_of(data)
    assert forget_table(data, "shop")
    assert not forget_table(data, "shop")
    assert "shop" in catalog_of(data)


def test_names_come_from_file_names():
    files = ("Käufe 2023.csv.gz", "ratings.dat", "_A__b-.tsv")
    assert [name_for(Path(file)) for file in files] == ["kaufe-2023", "ratings", "a-b"]


texts = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8)
readers = st.builds(
    Reader,
    format=st.sampled_from(["separated", "jsonl", "atomic", "parquet"]),
    separator=st.sampled_from([",", "\t", "::", " ", "|", '"', "\\"]),
    header=st.booleans(),
    columns=st.fixed_dictionaries(
        {"user": texts | st.integers(1, 9), "item": texts, "rating": texts}, optional={"time": texts}
    ),
    time=st.sampled_from(["s", "iso", "none"]),
    encoding=st.sampled_from(["utf-8", "latin-1"]),
    quoted=st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(readers, texts, st.none() | st.floats(-9, 9), st.integers(1, 99), st.booleans())
def test_what_is_written_of_a_file_is_what_is_read(tmp_path_factory, reader, title, threshold, core, packed):
    file = Path("/somewhere") / (title.replace("/", "-").replace("\0", "-") + (".csv.gz" if packed else ".csv"))
    dataset = own_dataset("a-1", file, reader, threshold, core)
    data = tmp_path_factory.mktemp("data")
    keep_table(data, dataset)
    assert catalog_of(data)["a-1"] == dataset
