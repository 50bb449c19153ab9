import csv
import io
import subprocess
import sys

import polars as pl
import pytest
from format_files import HEADER, PLACES, error_of, rows_of
from hypothesis import given, settings
from hypothesis import strategies as st

from rankbench.data.formats import Reader, read_rows
from rankbench.errors import UserError

CSV = Reader("separated", ",", True, HEADER, "s")
BARE = Reader("separated", ",", False, PLACES, "s")
HEAD = "user,item,rating,time\n"


def test_types_and_the_order_of_rows_and_columns(tmp_path):
    (tmp_path / "a.csv").write_text(HEAD + "b,1,4.5,7\na,2,1,8\n")
    reader = Reader("separated", ",", True, {"time": "time", "rating": "rating", "item": "item", "user": "user"}, "s")
    text = read_rows(reader, [tmp_path / "a.csv"], "str").collect()
    assert text.schema == {"user": pl.String, "item": pl.String, "rating": pl.Float64, "time": pl.Int64}
    assert text.rows() == [("b", "1", 4.5, 7), ("a", "2", 1.0, 8)]
    (tmp_path / "b.csv").write_text("user,item\n2,01\n1,-3\n")
    whole = read_rows(
        Reader("separated", ",", True, {"user": "user", "item": "item"}), [tmp_path / "b.csv"], "int"
    ).collect()
    assert whole.schema == {"user": pl.Int64, "item": pl.Int64}
    assert whole.rows() == [(2, 1), (1, -3)]


def test_leading_zeros_and_large_numbers_survive_as_text(tmp_path):
    ids = ("000", "0", "00", "1e5", "9" * 30, "1.0")
    assert [row[0] for row in rows_of(tmp_path, CSV, HEAD + "".join(f"{i},{i},1,1\n" for i in ids))] == list(ids)


def test_several_files_are_read_one_after_the_other(tmp_path):
    for name in "ba":
        (tmp_path / name).write_text(HEAD + f"{name},x,1,1\n")
    rows = read_rows(CSV, [tmp_path / "b", tmp_path / "a"], "str").collect()
    assert rows["user"].to_list() == ["b", "a"]


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        (CSV, HEAD + "01,b,3,4\r\n5,6,7,8\r\n"),
        (CSV, "\ufeff" + HEAD + "01,b,3,4\n\n5,6,7,8\n\n"),
        (CSV, "\n\n" + HEAD + "01,b,3,4\n5,6,7,8"),
        (CSV, '"user" , "item",rating , time\n01,b, 3 ,4\n5,6,7, 8\n'.replace('" , "', '","')),
        (CSV, HEAD + '"01","b","3","4"\n"5","6","7","8"\n'),
        (BARE, "\ufeff01,b,3,4\n5,6,7,8"),
        (BARE, "\n01,b,3,4\r\n5,6,7,8\r\n"),
        (Reader("separated", "\t", False, PLACES, "s"), "01\tb\t3\t4\n5\t6\t7\t8\n"),
        (Reader("separated", "|", False, PLACES, "s"), "01|b|3|4\n5|6|7|8\n"),
        (Reader("separated", "\x01", False, PLACES, "s"), "01\x01b\x013\x014\n5\x016\x017\x018\n"),
        (Reader("separated", "::", False, PLACES, "s"), "01::b::3::4\n\n5::6::7::8\r\n"),
        (Reader("separated", "::", True, HEADER, "s"), "user::item::rating::time\r\n01::b::3::4\r\n5::6::7::8"),
        (Reader("separated", "::", False, PLACES, "s"), "\ufeff01::b::3::4\n5::6::7::8\n"),
        (Reader("separated", "§", False, PLACES, "s"), "01§b§3§4\n5§6§7§8\n"),
        (Reader("separated", " || ", False, PLACES, "s"), "01 || b || 3 || 4\n5 || 6 || 7 || 8\n"),
        (Reader("separated", " ", False, PLACES, "s"), "  01 b\t3   4\n   \n5 6 7 8  \r\n"),
        (Reader("separated", " ", True, HEADER, "s"), "user  item rating time\n01 b 3 4\n5 6 7 8\n"),
        (Reader("separated", ",", False, {"user": 4, "item": 2, "rating": 1, "time": 5}, "s"), "3,b,,01,4\n7,6,,5,8\n"),
        (Reader("separated", ",", True, {"user": 4, "item": "y", "rating": 1, "time": 5}, "s"),
         "x,y,x,z,z\n3,b,,01,4\n7,6,,5,8\n"),
    ],
)  # fmt: skip
def test_the_same_rows_in_many_forms(tmp_path, reader, text):
    assert rows_of(tmp_path, reader, text) == [("01", "b", 3.0, 4), ("5", "6", 7.0, 8)]


def test_fields_in_quotes(tmp_path):
    text = HEAD + '"a,b","x ""y""",3,4\n"two\nlines",c,5,6\nd,\'e\',7,8\n'
    assert rows_of(tmp_path, CSV, text) == [("a,b", 'x "y"', 3.0, 4), ("two\nlines", "c", 5.0, 6), ("d", "'e'", 7.0, 8)]


def test_quotes_are_plain_characters_where_fields_are_not_quoted(tmp_path):
    reader = Reader("separated", "\t", False, PLACES, "s", quoted=False)
    assert rows_of(tmp_path, reader, '"a\tb"\t3\t4\n"\t""\t5\t6\n') == [('"a', 'b"', 3.0, 4), ('"', '""', 5.0, 6)]
    assert rows_of(tmp_path, Reader("separated", "::", False, PLACES, "s"), '"a::b::3::4\n')[0][0] == '"a'


def test_a_missing_rating_or_time_is_null(tmp_path):
    assert rows_of(tmp_path, CSV, HEAD + 'a,b,,\nc,d,""," "\n') == [("a", "b", None, None), ("c", "d", None, None)]


def test_without_a_unit_of_time_no_time_is_read(tmp_path):
    assert rows_of(tmp_path, Reader("separated", ",", True, HEADER), HEAD + "a,b,1,whenever\n") == [("a", "b", 1.0)]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-8"])
@pytest.mark.parametrize("separator", [",", "::"])
def test_encodings(tmp_path, encoding, separator):
    reader = Reader("separated", separator, True, HEADER, "s", encoding)
    lines = [("user", "item", "rating", "time"), ("é", "ü", "1", "2"), ("e", "u", "3", "4")]
    text = "\n".join(separator.join(line) for line in lines)
    assert rows_of(tmp_path, reader, text.encode(encoding)) == [("é", "ü", 1.0, 2), ("e", "u", 3.0, 4)]


def test_plain_text_in_two_bytes_a_character(tmp_path):
    reader = Reader("separated", ",", True, HEADER, "s", "utf-16-le")
    assert rows_of(tmp_path, reader, (HEAD + "a,b,1,2\n").encode("utf-16-le")) == [("a", "b", 1.0, 2)]


def test_recbole_atomic_files(tmp_path):
    text = 'user_id:token\titem_id:token\trating:float\ttimestamp:float\n01\t"x\t3\t8.8e8\n2\ty\t4\t880000001.0\n'
    for item in ("item_id", "item_id:token"):
        columns = {"user": "user_id", "item": item, "rating": "rating", "time": "timestamp"}
        rows = rows_of(tmp_path, Reader("atomic", columns=columns, time="s"), text)
        assert rows == [("01", '"x', 3.0, 880_000_000), ("2", "y", 4.0, 880_000_001)]


@pytest.mark.parametrize(
    ("reader", "content", "expected"),
    [
        (CSV, HEAD + "1,2,3,4\n1,2\n", "line 3: expected 4 fields, got 2."),
        (CSV, HEAD + "1,2,3\n", "line 2: expected 4 fields, got 3."),
        (CSV, HEAD + "1\n1,2,3,4\n", "line 2: expected 4 fields, got 1."),
        (CSV, HEAD + "1,2,3,4\n\n1,2,3,4,5\n", "line 4: expected 4 fields, got 5."),
        (CSV, HEAD + "1,2,3,4\n\n1,2,x,4\n", "line 4: expected a number as rating, got 'x'."),
        (CSV, HEAD + "1,2,nan,4\n", "line 2: expected a number as rating, got 'nan'."),
        (CSV, HEAD + "1,2,-inf,4\n", "line 2: expected a number as rating, got '-inf'."),
        (CSV, HEAD + "1,2,3,2010-01-01\n", "line 2: expected a number of seconds as time, got '2010-01-01'."),
        (CSV, HEAD + "1,2,3,4\n,2,3,4\n", "line 3: expected an id as user, got nothing."),
        (CSV, HEAD + '1,2,3,4\n1,"  ",3,4\n', "line 3: expected an id as item, got nothing."),
        (CSV, HEAD + '"a\nb",2,3,4\n1,2,x,4\n', "row 2: expected a number as rating, got 'x'."),
        (CSV, HEAD + '1,2,3,4\n"1,2,3,4\n', "line 3: a quote that is opened here or further down is not closed."),
        (BARE, "1,2,3,4\r5,6,7,8\r", "line 1: expected lines to end in LF or CR LF, got CR alone."),
        (BARE, "1,2,3\n1,2,3\n", "line 1: expected 4 fields or more, got 3."),
        (CSV, HEAD.encode() + b"1,2,3,4\n\xe9,2,3,4\n", "line 3: expected utf-8 text, got bytes that are none."),
        (CSV, HEAD.encode("utf-16"), "line 1: expected utf-8 text, got bytes that are none."),
        (CSV, HEAD, "expected rows, got an empty file."),
        (CSV, HEAD.strip(), "expected rows, got an empty file."),
        (CSV, HEAD + "\n\n", "expected rows, got an empty file."),
        (CSV, "", "expected rows, got an empty file."),
        (CSV, " \n\n", "expected rows, got an empty file."),
        (CSV, "\n <!DOCTYPE html><html><body>1,2</body>", "expected data, got a web page."),
        (CSV, "\ufeff<html>", "expected data, got a web page."),
        (CSV, b"\x1f\x8b\x08data", "expected a text file, got a gzip file."),
        (CSV, b"PK\x03\x04data", "expected a text file, got a zip archive."),
        (CSV, b"PAR1data", "expected a text file, got a Parquet file."),
        (CSV, b"\x7fELF\0\0", "expected a text file, got binary data."),
        (Reader("separated", "::", False, PLACES), "1::2::3::4\n1::2\n", "line 2: expected 4 fields, got 2."),
        (Reader("separated", "::", False, PLACES), "1::2::3::4\n1::2::3::4::5\n", "line 2: expected 4 fields, got 5."),
        (
            Reader("separated", "::", False, PLACES),
            "1::2::3::4\n1::::3::4\n",
            "line 2: expected an id as item, got noth",
        ),
        (Reader("separated", "::", False, PLACES), b"1::\xe9::3::4\n", "line 1: expected utf-8 text"),
        (Reader("separated", " ", False, PLACES), "1 2 3 4\n1 2 3\n", "line 2: expected 4 fields, got 3."),
        (Reader("separated", " ", False, PLACES), "1 2 3 4\n\n1 2 3 4 5\n", "line 3: expected 4 fields, got 5."),
        (Reader("separated", "\t", False, PLACES), "1,2,3,4\n", "line 1: expected 2 fields or more, got 1."),
        (
            Reader("separated", "\t", False, PLACES, quoted=False),
            '1\t"2\t3\t4\n1\t2\n',
            "line 2: expected 4 fields, got 2",
        ),
        (
            Reader("atomic", columns={"user": "u", "item": "i"}),
            "u:token\ti:token\n1\t2\n1\n",
            "line 3: expected 2 field",
        ),
        (Reader("separated", ",", False, HEADER), "1,2\n", "has no header to find the column 'user' in."),
        (CSV, "user,item,item,rating,time\n1,2,3,4,5\n", "has 2 columns 'item'."),
    ],
)
def test_wrong_content_is_named_with_its_place(tmp_path, reader, content, expected):
    assert expected in error_of(tmp_path, reader, content).message


def test_whole_numbers_as_ids(tmp_path):
    assert rows_of(tmp_path, CSV, HEAD + "007, 8 ,1,1\n", "int")[0][:2] == (7, 8)
    for wrong in ("1.0", "x", "1e3", "9" * 20):
        error = error_of(tmp_path, CSV, HEAD + f"1,2,3,4\n{wrong},2,3,4\n", "int")
        assert f"line 3: expected a whole number as user, got '{wrong}'." in error.message


def test_a_missing_column_is_likened_to_those_that_are_there(tmp_path):
    error = error_of(tmp_path, Reader("separated", ",", True, {"user": "userID", "item": "item"}), "userId,item\n1,2\n")
    assert "Unknown column 'userID'" in error.message
    assert "Did you mean 'userId'" in error.hint


def test_files_and_encodings_that_are_not(tmp_path):
    with pytest.raises(UserError, match="cannot be read: No such file"):
        read_rows(CSV, [tmp_path / "none.csv"], "str")
    with pytest.raises(UserError, match="Python knows no encoding 'klingon'"):
        rows_of(tmp_path, Reader("separated", ",", True, HEADER, "s", "klingon"), HEAD + "1,2,3,4\n")


def test_empty_fields_at_the_end_of_lines_are_no_missing_fields(tmp_path):
    reader = Reader("separated", ",", True, {"user": "user", "item": "item"})
    text = 'user,item,note\n1,2,\n3,4,"a\nb, c"\n5,6,""\n'
    assert rows_of(tmp_path, reader, text) == [("1", "2"), ("3", "4"), ("5", "6")]


def test_the_way_of_reading_is_known_without_polars():
    code = """
import sys
from rankbench.data.formats import FORMATS, TIMES, Reader
assert Reader("ngcf").format in FORMATS
assert not {"polars", "pyarrow", "numpy"} & set(sys.modules)
from rankbench.data.formats import PublishedSplit, read_embedded, read_published, read_rows, read_titles, sniff
assert "polars" in sys.modules
try:
    from rankbench.data.formats import read_everything
except ImportError:
    sys.exit(7)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 7


ids = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1).filter(str.strip)
plain = st.text(
    st.characters(codec="utf-8", exclude_characters='\0\r\n":\x1f\ufeff', exclude_categories=["Cc", "Zs"]), min_size=1
)
numbers = st.floats(-1e6, 1e6)
times = st.integers(-(2**40), 2**40)
seldom = settings(max_examples=25, deadline=None)


@seldom
@given(st.lists(st.tuples(ids, ids, st.none() | numbers, st.none() | times), min_size=1, max_size=20), st.booleans())
def test_rows_come_back_from_csv(tmp_path_factory, rows, header):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([("user", "item", "rating", "time")] * header + [tuple(row) for row in rows])
    reader = CSV if header else BARE
    assert rows_of(tmp_path_factory.getbasetemp(), reader, text.getvalue()) == rows


@seldom
@given(
    st.lists(st.tuples(plain, plain, numbers, times), min_size=1, max_size=20), st.sampled_from(["::", "\t", "§|", " "])
)
def test_rows_come_back_from_fields_without_quotes(tmp_path_factory, rows, separator):
    rows = [tuple(v.replace("§", "") or "0" if isinstance(v, str) else v for v in row) for row in rows]
    text = "\n".join(separator.join(map(str, row)) for row in rows)
    reader = Reader("separated", separator, False, PLACES, "s", quoted=False)
    assert rows_of(tmp_path_factory.getbasetemp(), reader, text) == rows
