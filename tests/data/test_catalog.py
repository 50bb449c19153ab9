import re
import subprocess
import sys
import tomllib
from pathlib import Path, PurePosixPath

import pytest

from rankbench.data.catalog import find_dataset, load_catalog, protocols_of
from rankbench.data.dataset import Settings
from rankbench.data.filter import Filter
from rankbench.data.protocol import PROTOCOLS
from rankbench.errors import UserError

OWN = Path(__file__).parents[2] / "datasets.toml"


def edited(tmp_path, old: str, new: str) -> Path:
    text = OWN.read_text(encoding="utf-8")
    start = text.index("\n[")
    assert old in text[start:]
    file = tmp_path / "datasets.toml"
    file.write_text(text[:start] + text[start:].replace(old, new, 1), encoding="utf-8")
    return file


def line_of(file: Path, start: str) -> int:
    return next(n for n, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1) if line.startswith(start))


def test_the_own_catalogue_is_the_one_at_the_root():
    assert list(load_catalog()) == list(tomllib.loads(OWN.read_text(encoding="utf-8"))) == list(load_catalog(OWN))


def test_protocols_follow_from_what_there_is():
    assert protocols_of("online-retail") == tuple(p for p in PROTOCOLS if p != "exposure")
    assert protocols_of("coat") == ("shift", "iid", "popularity", "popularity-inverse", "strong", "exposure")
    assert protocols_of("gowalla-ngcf") == ("shift", "iid", "popularity", "popularity-inverse", "strong")
    assert protocols_of("criteo-kaggle") == ()
    assert find_dataset("gowalla").usual == ("shift", "iid", "popularity")
    assert find_dataset("food").usual == ("shift", "iid", "temporal")
    assert find_dataset("coat").usual == ("shift", "iid", "popularity", "exposure")


def test_a_published_split_goes_before_published_pairs_and_these_before_original_data():
    food = find_dataset("food")
    assert food.source_of("temporal") is food.published["temporal"]
    assert food.source_of("shift") is food.source_of("iid+false-positive:0.2") is food.published["iid"]
    assert food.source_of("leave-one-out") is food.source_of("strong") is food.raw
    assert find_dataset("online-retail").source_of("iid") is find_dataset("online-retail").embedded


def test_settings_are_those_of_the_set_unless_a_protocol_has_its_own():
    movies = find_dataset("movielens-20m")
    assert movies.settings_of("iid") == Settings(Filter.core(10, 3), "str")
    assert movies.settings_of("strong") == Settings(Filter(4, 5, 1, "items-users"), "int", 10_000)
    assert find_dataset("msd").settings_of("strong") == Settings(Filter(None, 20, 200, "items-users"), "str", 50_000)


def test_every_file_has_an_address_or_a_word_on_where_to_get_it():
    for d in load_catalog().values():
        for file in d.files:
            assert file.urls or (d.raw and "http" in d.raw.login)
        if d.raw:
            assert all(raw.archive == "none" or raw.file.path.suffix in (".zip", ".gz") for raw in d.raw.files.values())
    places = [file.path for d in load_catalog().values() for file in d.files]
    assert {place for place in places if places.count(place) > 1} == {PurePosixPath("raw/douban/Douban.tar.gz")}


def test_published_entries_agree_with_the_manifest_of_the_mirror(shared_data):
    rows = (shared_data / "ir-benchmark" / "MANIFEST.tsv").read_text().splitlines()[1:]
    listed = {
        str(p.file.path.with_suffix("")): (p.file.checksum, p.file.bytes, d.users, d.items, p.train, p.test)
        for d in load_catalog().values()
        for p in d.published.values()
    }
    assert len(rows) == 12
    for row in rows:
        name, sha256, *numbers = row.split("\t")
        assert listed[name] == (f"sha256:{sha256}", *map(int, numbers))


def test_every_archive_is_pinned_to_a_commit_and_named_once():
    published = [p for d in load_catalog().values() for p in d.published.values()]
    assert len({p.file.path for p in published}) == len({p.file.urls for p in published}) == len(published) == 34
    assert all(re.search(r"/[0-9a-f]{40}/data_(iid|ood)/", url) for p in published for url in p.file.urls)
    assert all(p.file.checksum for p in published)


def test_interactions_are_those_of_the_iid_split():
    for d in load_catalog().values():
        for p in d.published.values():
            assert p.train + p.test <= d.interactions
        if d.published:
            assert d.published["iid"].train + d.published["iid"].test == d.interactions


def test_unknown_names_get_a_suggestion():
    with pytest.raises(UserError, match="Did you mean 'gowalla'"):
        find_dataset("gowala")
    with pytest.raises(UserError, match="Did you mean 'popularity'"):
        find_dataset("gowalla").source_of("popularty")
    with pytest.raises(UserError, match=r"Unknown split of gowalla 'exposure'.*lists the splits"):
        find_dataset("gowalla").source_of("exposure")


@pytest.mark.parametrize(
    ("old", "new", "at", "expected"),
    [
        ("[online-retail.embedded]", "[online-retail.embeded]", "[online-retail.embeded]", "Did you mean 'embedded'"),
        ('format = "separated"', 'format = "seperated"', 'format = "sep', '"separated" or "jsonl"'),
        ("columns = { user = 1", "columns = { usr = 1", "columns = { usr", "Did you mean 'user'"),
        ("columns = { user = 1", "columns = { user = 0", "columns = { user = 0", "at least 1, got 0"),
        ('time = "s"', 'time = "h"', 'time = "h"', '"s" or "ms"'),
        ('archive = "zip"', 'archive = "rar"', 'archive = "rar"', '"none" or "gz" or "zip"'),
        ('urls = ["https', 'urls = ["ftp', 'urls = ["ftp', "a list of http or https addresses"),
        ('md5 = "', 'sha256 = "', 'sha256 = "ce571', "64 hexadecimal digits"),
        ("held_out = 10_000", "heldout = 10_000", "heldout", "Did you mean 'held_out'"),
        ('order = "items-users"', 'order = "items"', "order", '"iterative" or "together"'),
        ("users = 3_691", 'users = "many"', "users", "users must be a whole number, got 'many'"),
        ("users = 3_691", "users = 0", "users", "a whole number of at least 1, got 0"),
        ("users = 3_691", "users = true", "users", "a whole number, got True"),
        ("core = 10", "core = 10\ncoer = 5", "coer", "Unknown key 'coer'. Did you mean 'core'"),
        ('title = "Online Retail"\n', "", "[online-retail]", "the key 'title' is missing"),
        ('title = "Online Retail"', 'title = ""', "title", "a text that is not empty"),
        ('id = "str"', 'id = "text"', "id", '"str" or "int"'),
        ('home = "https', 'home = "ftp', "home", "an http or https address"),
        ('interactions = "', 'interactions = "../', 'interactions = "..', "without '..'"),
        ('user = "user"', "user = 1", "user = 1", "a text in quotes, got 1"),
        ('user = "user"\n', "", "[online-retail.embedded.columns]", "the key 'user' is missing"),
        ("[amazon2014-beauty.splits.iid]", "[amazon2014-beauty.splits.idd]", "[amazon2014-beauty.splits.idd]", "'iid'"),
        ("bytes = 86_828", "bytes = 86.5", "bytes = 86.5", "a whole number, got 86.5"),
        ('sha256 = "859', 'sha256 = "X59', 'sha256 = "X59', "64 hexadecimal digits"),
        ("threshold = 3", 'threshold = "3"', "threshold", "a number, got '3'"),
        ("[food]", "[Food]", "[Food]", "a-z, 0-9 and '-'"),
        ("train = 20_101", "train = -1", "train = -1", "at least 1, got -1"),
        ('archive = "iid/amazon2014-beauty.zip"', 'archive = "/etc/x.zip"', 'archive = "/etc', "a relative path"),
    ],
)
def test_a_wrong_entry_is_named_with_its_line(tmp_path, old, new, at, expected):
    file = edited(tmp_path, old, new)
    with pytest.raises(UserError) as caught:
        load_catalog(file)
    assert expected in str(caught.value)
    assert f"{file}, line {line_of(file, at)}, table " in caught.value.message


def test_a_missing_table_and_a_scalar_in_place_of_one_are_named(tmp_path):
    file = edited(tmp_path, "[online-retail.embedded.columns]", "[online-retail.embedded.colums]")
    with pytest.raises(
        UserError, match=rf"line {line_of(file, '[online-retail.embedded.colums')}.*Did you mean 'columns'"
    ):
        load_catalog(file)
    file = tmp_path / "scalar.toml"
    file.write_text("# a remark\nfood = 3\n")
    with pytest.raises(UserError, match=r"line 2, table the file: food must be a table, got 3"):
        load_catalog(file)


def test_an_inline_table_is_found_too(tmp_path):
    text = OWN.read_text(encoding="utf-8")
    start, end = text.index("[online-retail.embedded.columns]"), text.index("[x-wines-slim]")
    text = text[:start] + text[end:]
    shipped = "[online-retail.embedded]\n"
    text = text.replace(shipped, shipped + 'columns = { user = "user", item = 3, time = "t" }\n', 1)
    file = tmp_path / "inline.toml"
    file.write_text(text)
    with pytest.raises(
        UserError, match=rf"line {line_of(file, 'columns =')}, table online-retail.embedded.columns: item must"
    ):
        load_catalog(file)


def test_a_file_that_is_no_toml_no_text_or_not_there(tmp_path):
    file = edited(tmp_path, "core = 10", "core = = 10")
    with pytest.raises(UserError, match=rf"is not TOML: .*line {line_of(file, 'core = =')}"):
        load_catalog(file)
    file.write_bytes(b"# fine\n[a]\ntitle = '\xff'\n")
    with pytest.raises(UserError, match="line 3: not UTF-8"):
        load_catalog(file)
    with pytest.raises(UserError, match="cannot be read: No such file"):
        load_catalog(tmp_path / "none.toml")


def test_the_catalogue_is_read_without_heavy_imports():
    code = "import sys, rankbench.data.catalog as c; c.load_catalog(); print([m for m in %r if m in sys.modules])"
    heavy = ["torch", "numba", "polars", "pyarrow", "httpx", "numpy"]
    found = subprocess.run([sys.executable, "-c", code % heavy], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
