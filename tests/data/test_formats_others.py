import io
import json
import tarfile

import numpy as np
import polars as pl
import pytest
from format_files import error_of, rows_of
from hypothesis import given, settings
from hypothesis import strategies as st

import rankbench.data.formats.netflix as netflix
from rankbench.data.formats import Reader, read_rows
from rankbench.errors import UserError

AMAZON = {"user": "reviewerID", "item": "asin", "rating": "overall", "time": "unixReviewTime"}
JSONL = Reader("jsonl", columns=AMAZON, time="s")
NGCF = Reader("ngcf")
MATRIX = Reader("matrix", " ")
NETFLIX = Reader("netflix")
seldom = settings(max_examples=25, deadline=None)


def line(user="A1", item="0001", rating=5.0, time=1_370_131_200, **more) -> str:
    return (
        json.dumps(
            {"reviewerID": user, "helpful": [0, 1], "asin": item, "overall": rating, "unixReviewTime": time} | more
        )
        + "\n"
    )


def test_json_lines(tmp_path):
    text = line() + "\n" + line("é\n", "0", None, None, extra={"a": 1}) + line(7, 8, 4, 1.5e9)
    rows = [("A1", "0001", 5.0, 1_370_131_200), ("é\n", "0", None, None), ("7", "8", 4.0, 1_500_000_000)]
    assert rows_of(tmp_path, JSONL, text) == rows
    assert rows_of(tmp_path, JSONL, "\ufeff" + text) == rows
    assert rows_of(tmp_path, JSONL, line(7, "008"), "int") == [(7, 8, 5.0, 1_370_131_200)]


def test_json_lines_of_yelp(tmp_path):
    columns = {"user": "user_id", "item": "business_id", "rating": "stars", "time": "date"}
    text = "".join(
        json.dumps({"review_id": "r", "user_id": "-u", "business_id": "_b", "stars": 4, "date": date, "text": "a\nb"})
        + "\n"
        for date in ("2010-10-19", "2010-10-19 00:00:01")
    )
    rows = rows_of(tmp_path, Reader("jsonl", columns=columns, time="iso"), text)
    assert rows == [("-u", "_b", 4.0, 1_287_446_400), ("-u", "_b", 4.0, 1_287_446_401)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (line() + "\n{'reviewerID': 'A'}\n", "line 3: expected a JSON object in one line, got {'reviewerID': 'A'}."),
        (line() + line()[:40], "line 2: expected a JSON object in one line"),
        ("[" + line().strip() + "]\n", "line 1: expected a JSON object in one line, got [{"),
        ("3\n", "line 1: expected a JSON object in one line, got 3."),
        (line() + line(rating="good"), "line 2: expected a number as rating, got 'good'."),
        (line() + "\n\n" + line(time="June"), "line 4: expected a number of seconds as time, got 'June'."),
        (line() + '{"asin": "1"}\n', "line 2: expected an id as user, got nothing."),
        (line(user=["A"]), "line 1: expected one value as 'reviewerID', got [\"A\"]."),
        ('{"reviewerID": "A", "asin": "B", "overall": 1}\n', "Unknown key 'unixReviewTime'"),
        ((line() + line("é")).encode("latin-1").replace(b"\\u00e9", b"\xe9"), "line 2: expected utf-8 text"),
        ("", "expected rows, got an empty file"),
        ("<html>", "expected data, got a web page"),
    ],
)
def test_wrong_json_lines(tmp_path, content, expected):
    assert expected in error_of(tmp_path, JSONL, content).message


def test_a_missing_key_is_likened_to_those_that_are_there(tmp_path):
    reader = Reader("jsonl", columns={"user": "reviewerId", "item": "asin"})
    assert "Did you mean 'reviewerID'" in error_of(tmp_path, reader, line()).hint


maybe = {"rating": st.none() | st.floats(-1e6, 1e6), "time": st.none() | st.integers(0, 2**40)}
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(str.strip)


@seldom
@given(st.lists(st.tuples(texts, texts, maybe["rating"], maybe["time"]), min_size=1))
def test_rows_come_back_from_json_lines(tmp_path_factory, rows):
    content = "".join(line(*row) for row in rows)
    assert rows_of(tmp_path_factory.getbasetemp(), JSONL, content) == rows


def test_lines_of_a_user_and_items(tmp_path):
    text = "\ufeff0 10 11 \n1\n\n02\t5  7\r\n0 10"
    rows = [("0", "10"), ("0", "11"), ("02", "5"), ("02", "7"), ("0", "10")]
    assert rows_of(tmp_path, NGCF, text) == rows
    assert rows_of(tmp_path, NGCF, text, "int") == [(int(user), int(item)) for user, item in rows]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("0 1 2\n5 1\n\n1 2 x 3\n", "line 4: expected a whole number as item, got 'x'."),
        ("0 1 2\nx\nx 1\n", "line 3: expected a whole number as user, got 'x'."),
        ("0\n1\n", "expected rows, got an empty file."),
        ("", "expected rows, got an empty file."),
        (b"0 1\n1 \xff\n", "line 2: expected utf-8 text"),
    ],
)
def test_wrong_lines_of_a_user_and_items(tmp_path, content, expected):
    assert expected in error_of(tmp_path, NGCF, content, "int").message


@seldom
@given(st.dictionaries(st.integers(0, 99), st.lists(st.integers(0, 99), max_size=5), min_size=1))
def test_rows_come_back_from_lines_of_a_user_and_items(tmp_path_factory, items):
    rows = [(user, item) for user, of_user in items.items() for item in of_user]
    content = "\n".join(" ".join(map(str, [user, *of_user])) for user, of_user in items.items())
    if rows:
        assert rows_of(tmp_path_factory.getbasetemp(), NGCF, content, "int") == rows


def test_matrices(tmp_path):
    rows = [("0", "1", 1.0), ("0", "2", 2.5), ("2", "0", 3.0)]
    assert rows_of(tmp_path, MATRIX, "0 1 2.5 \n0 0 0\n 3\t0  0\n\n") == rows
    assert rows_of(tmp_path, Reader("matrix", ","), "0,1,2.5\n0,0,0\n3,0,0") == rows
    assert rows_of(tmp_path, MATRIX, "0 1 2.5\n0 0 0\n3 0 0", "int")[2] == (2, 0, 3.0)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("0 1 2\n3 0\n", "line 2: expected 3 fields as in the first line, got 2."),
        ("0 1\n\n3 0\n", "line 2: expected 2 fields as in the first line, got 0."),
        ("0 1\n3 y\n", "line 2: expected a number, 0 where there is no rating, got 'y'."),
        ("0 1\n3 nan\n", "line 2: expected a number, 0 where there is no rating, got 'nan'."),
        ("0 0\n0 0\n", "expected rows, got an empty file."),
    ],
)
def test_wrong_matrices(tmp_path, content, expected):
    assert expected in error_of(tmp_path, MATRIX, content).message


@seldom
@given(st.integers(1, 6), st.integers(1, 6), st.randoms(use_true_random=False))
def test_rows_come_back_from_matrices(tmp_path_factory, n_users, n_items, random):
    ratings = np.array([[random.choice((0, 0, 1, 2.5, -1)) for _ in range(n_items)] for _ in range(n_users)])
    content = "\n".join(" ".join(f"{rating:g}" for rating in of_user) for of_user in ratings)
    if ratings.any():
        rows = rows_of(tmp_path_factory.getbasetemp(), MATRIX, content, "int")
        assert rows == [(user, item, ratings[user, item]) for user, item in np.argwhere(ratings).tolist()]


PRIZE = {
    "training_set/mv_0000001.txt": "1:\n1488844,3,2005-09-06\n822109,5,2005-05-13\n",
    "training_set/mv_0000002.txt": "2:\n1488844,1,1999-11-11",
}
RATINGS = [
    ("1488844", "1", 3.0, 1_125_964_800),
    ("822109", "1", 5.0, 1_115_942_400),
    ("1488844", "2", 1.0, 942_278_400),
]


def write_tar(file, files):
    with tarfile.open(file, "w") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))


@pytest.mark.parametrize("block", [1, 7, 30, 1 << 25])
def test_ratings_of_the_netflix_prize(tmp_path, monkeypatch, block):
    monkeypatch.setattr(netflix, "_BLOCK", block)
    assert rows_of(tmp_path, NETFLIX, "\n".join(text.strip() for text in PRIZE.values())) == RATINGS
    assert rows_of(tmp_path, NETFLIX, "".join(PRIZE.values()).replace("\n", "\r\n"), "int")[0][:2] == (1_488_844, 1)
    for name, text in PRIZE.items():
        (tmp_path / name.split("/")[1]).write_text(text)
    rows = read_rows(NETFLIX, sorted(tmp_path.glob("mv_*.txt")), "str").collect()
    assert rows.schema == {"user": pl.String, "item": pl.String, "rating": pl.Float64, "time": pl.Int64}
    assert rows.rows() == RATINGS
    write_tar(tmp_path / "training_set.tar", {**PRIZE, "training_set/README": "not ratings"})
    assert read_rows(NETFLIX, [tmp_path / "training_set.tar"], "str").collect().rows() == RATINGS


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("5,3,2005-09-06\n", "line 1: expected an item such as 1: as the first line, got '5,3,2005-09-06'."),
        ("1:\n5,3,2005-09-06\n6,x,2004-01-01\n", "line 3: expected a rating such as 1488844,3,2005-09-06, got '6,x"),
        ("1:\n5,3,2005-09-06\n\n2:\n6,6,2004-01-01\n", "line 5: expected a rating"),
        ("1:\n5,3,2005-13-06\n", "line 2: expected a rating"),
        ("1:\n5,3\n", "line 2: expected a rating"),
        ("1:\n5,3,2005-01-01,1\n", "line 2: expected a rating"),
        ("1:\n99999999999,3,2005-01-01\n", "line 2: expected a rating"),
        ("99999999999:\n5,3,2005-01-01\n", "line 1: expected an item"),
        ("1:\n5,3,2005-09-06\nabc\n", "line 3: expected a rating"),
        ("1:\n", "expected rows, got an empty file."),
        ("", "expected rows, got an empty file."),
    ],
)
@pytest.mark.parametrize("block", [10, 1 << 25])
def test_wrong_ratings_of_the_netflix_prize(tmp_path, monkeypatch, block, content, expected):
    monkeypatch.setattr(netflix, "_BLOCK", block)
    assert expected in error_of(tmp_path, NETFLIX, content).message


def test_wrong_archives_of_the_netflix_prize(tmp_path):
    file = tmp_path / "training_set.tar"
    write_tar(file, {"probe.txt": "1:\n5\n"})
    with pytest.raises(UserError, match=r"expected files mv_\*.txt or combined_data_\*.txt, got none"):
        read_rows(NETFLIX, [file], "str")
    write_tar(file, {**PRIZE, "mv_0000003.txt": "3:\n1,2,3\n"})
    with pytest.raises(UserError, match=r"training_set.tar, mv_0000003.txt, line 2: expected a rating"):
        read_rows(NETFLIX, [file], "str")
    write_tar(file, PRIZE)
    file.write_bytes(file.read_bytes()[:1100])
    with pytest.raises(UserError, match="expected the mark that ends a tar archive"):
        read_rows(NETFLIX, [file], "str")


def parquet(tmp_path, frame: pl.DataFrame, id="str", time="ms", **columns) -> list[tuple]:
    frame.write_parquet(tmp_path / "file.parquet")
    named = {"user": "u", "item": "i", "rating": "r", "time": "t"} | columns
    return read_rows(Reader("parquet", columns=named, time=time), [tmp_path / "file.parquet"], id).collect().rows()


GOOD = pl.DataFrame({"x": ["", ""], "u": [1, 2], "i": ["01", "b"], "r": [1, 5], "t": [1999, -1]})


def test_parquet(tmp_path):
    assert parquet(tmp_path, GOOD) == [("1", "01", 1.0, 1), ("2", "b", 5.0, -1)]
    assert parquet(tmp_path, GOOD, item=2, user="i") == [("01", "1", 1.0, 1), ("b", "2", 5.0, -1)]
    assert parquet(tmp_path, GOOD.with_columns(i=pl.lit("7")), "int") == [(1, 7, 1.0, 1), (2, 7, 5.0, -1)]
    assert parquet(tmp_path, GOOD.with_columns(pl.col("i").cast(pl.Categorical)))[1][1] == "b"
    missing = GOOD.with_columns(r=pl.lit(None, pl.Float64), t=pl.lit(None, pl.Int32))
    assert parquet(tmp_path, missing) == [("1", "01", None, None), ("2", "b", None, None)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"u": pl.Series([1, None])}, "row 2: expected an id as user, got nothing."),
        ({"i": pl.Series(["a", ""])}, "row 2: expected an id as item, got nothing."),
        ({"r": pl.Series([1.0, float("nan")])}, "row 2: expected a number as rating, got 'NaN'."),
        ({"r": pl.Series(["1", "good"])}, "row 2: expected a number as rating, got 'good'."),
        ({"t": pl.Series(["1", "x"])}, "row 2: expected a number of milliseconds as time, got 'x'."),
        ({"u": pl.Series([[1], [2]])}, "expected texts, numbers or times in the column 'u', got List(Int64)."),
    ],
)
def test_wrong_parquet(tmp_path, change, expected):
    with pytest.raises(UserError) as caught:
        parquet(tmp_path, GOOD.with_columns(**change))
    assert expected in caught.value.message


def test_parquet_that_is_none(tmp_path):
    with pytest.raises(UserError, match="Unknown column 'uu'"):
        parquet(tmp_path, GOOD, user="uu")
    with pytest.raises(UserError, match="expected rows, got an empty file"):
        parquet(tmp_path, GOOD.head(0))
    for content in (b"", b"PAR1", b"user,item\n1,2\n"):
        (tmp_path / "file.parquet").write_bytes(content)
        with pytest.raises(UserError, match=r"got an empty file|expected a Parquet file, got something else"):
            read_rows(Reader("parquet", columns={"user": "u", "item": "i"}), [tmp_path / "file.parquet"], "str")
