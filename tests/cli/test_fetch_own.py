"""`rankbench fetch FILE`: a file of the user's, under its own name from then on."""

import gzip
import json

import pytest
from command import rankbench
from test_fetch import invoke

HEAD = "Nr;Käufer;Maß;Artikel;Note;Datum"
LINES = [
    f'{u};"Frau Müller, {u}";"S;M";"Stück {(7 * u + 3 * k) % 113}";{1 + (u + k) % 5};2024-0{1 + k % 9}-{10 + u % 18}'
    for u in range(60)
    for k in range(30)
]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working directory with an odd file: semicolons, latin-1, quotes, CR LF, packed."""
    for name in ("RANKBENCH_DATA", "RANKBENCH_MIRROR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    text = "\r\n".join([HEAD, *LINES, ""])
    (tmp_path / "Käufe 2024.csv.gz").write_bytes(gzip.compress(text.encode("latin-1")))
    monkeypatch.chdir(tmp_path)
    return tmp_path


FILE = "./Käufe 2024.csv.gz"
COLUMNS = ("--user", "Käufer", "--item", "Artikel", "--time", "Datum")


def test_a_file_becomes_a_data_set_that_run_show_and_data_know(place):
    data = place / "data"
    code, out, err = invoke(FILE, *COLUMNS, "--core", 2, "--data", data, "--name", "shop")
    assert code == 0, err
    assert "fields between ';', latin-1, with a header." in " ".join(err.split())
    assert [line.split()[:2] for line in err.splitlines() if line.startswith("  ")][:3] == [
        ["user", "Käufer"], ["item", "Artikel"], ["time", "Datum"],
    ]  # fmt: skip
    assert "Frau Müller, 0, Frau Müller, 1" in err
    assert "not read: Nr, Maß, Note" in err
    assert "It is known as shop" in err
    assert {line.split()[1] for line in out.splitlines()[1:]} == {"shift", "iid", "popularity", "temporal"}
    code, _, err = invoke("shop", "--data", data)
    assert (code, err.count("Nothing to do.")) == (0, 1)
    words = ("run", "--dataset", "shop", "--split", "iid", "--loss", "softmax", "--epochs", "1", "--negatives", "4")
    ran = rankbench(*words, "--json", data=data, cwd=place)
    assert ran.returncode == 0, ran.stderr
    assert '"shop"' in ran.stdout
    shown = json.loads(rankbench("show", "shop", "--json", data=data, cwd=place).stdout)
    assert shown["statistics"]["first"] == "2024-01-10"
    assert shown["statistics"]["last"] == "2024-09-27"
    assert shown["counts"] == {"users": None, "items": None, "interactions": None}
    listed = json.loads(rankbench("list", "datasets", "--json", data=data, cwd=place).stdout)
    assert "shop" in json.dumps(listed)
    removed = rankbench("data", "remove", "shop", data=data, cwd=place)
    assert "shop is no name of a data set any more" in removed.stdout
    assert "Unknown data set 'shop'" in invoke("shop", "--data", data)[2]
    assert (place / FILE).is_file()


def test_ratings_count_from_a_threshold_up_and_columns_can_be_left_out(place):
    described = (FILE, *COLUMNS, "--core", 1, "--split", "iid", "--json", "--data", place / "data")
    plain = json.loads(invoke(*described)[1])["datasets"][0]
    assert plain["name"] == "kaufe-2024"
    assert plain["kind"] == "own"
    code, out, err = invoke(*described, "--rating", "Note", "--threshold", 4, "--time", "none")
    assert code == 0
    assert "4 or more counts" in err
    assert "The source has changed since kaufe-2024 iid was made; the split is made again." in err
    liked = json.loads(out)["datasets"][0]
    assert list(liked["splits"]) == ["shift", "iid", "popularity", "popularity-inverse", "strong"]

    def pairs(found):
        return sum(part["pairs"] for part in found["splits"]["iid"]["parts"].values())

    assert pairs(liked) < pairs(plain) / 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([FILE], "which columns are user and item is not clear: it has Nr, Käufer, Maß, Artikel, Note, Datum."),
        ([FILE, *COLUMNS[:2], "--item", "Artikl"], "Unknown column 'Artikl'. Did you mean 'Artikel'?"),
        ([FILE, *COLUMNS[:4], "--time", "Maß"], "expected Unix times or dates such as 2010-10-19 in the column 'Maß'"),
        ([FILE, *COLUMNS, "--threshold", "3"], "--threshold 3 has no ratings to be compared with."),
        ([FILE, *COLUMNS[:2], "--item", "none"], "--item none: a data set must have users and items."),
        ([FILE, *COLUMNS, "--name", "Shop"], "made of a-z, 0-9 and '-', got 'Shop'"),
        ([FILE, *COLUMNS, "--name", "gowalla"], "gowalla is the name of a built-in data set."),
        ([FILE, *COLUMNS, "--core", "99"], "leaves 0 users and 0 items"),
        ([FILE, "gowalla"], "goes alone"),
        (["./none.csv"], "is not a file that is there"),
        (["gowalla", "--user", "1"], "describe a file of your own"),
    ],
)
def test_mistakes_end_with_2_and_make_no_name(place, words, expected):
    code, out, err = invoke(*words, "--data", place / "data")
    assert code == 2
    assert expected in err
    assert out == ""
    assert not list((place / "data").rglob("dataset.toml"))
