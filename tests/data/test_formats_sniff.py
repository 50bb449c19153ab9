import gzip
import json
from datetime import datetime

import polars as pl
import pytest

from rankbench.data.formats import Reader, read_rows, sniff
from rankbench.errors import UserError


def sniffed(tmp_path, name, content, **columns) -> Reader:
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return sniff(file, columns)


def refused(tmp_path, name, content, **columns) -> UserError:
    with pytest.raises(UserError) as caught:
        sniffed(tmp_path, name, content, **columns)
    assert name in caught.value.message
    assert caught.value.hint
    return caught.value


FOUR = {"user": 1, "item": 2, "rating": 3, "time": 4}


@pytest.mark.parametrize(
    ("name", "text", "separator", "header", "columns", "time"),
    [
        ("a.csv", "userId,movieId,rating,timestamp\n1,2,3.5,964982703\n",
         ",", True, "userId movieId rating timestamp", "s"),
        ("a.csv", "user_id;item_id;stars\na;b;3.5\nc;d;4\n", ";", True, "user_id item_id stars", "none"),
        ("a.tsv", "user_id\tbook_id\n1\t2\n", "\t", True, "user_id book_id", "none"),
        ("a.dat", "1::2::3::978300760\n1::3::4::978300761\n", "::", False, FOUR, "s"),
        ("u.data", "196\t242\t3\t881250949\n186\t302\t3\t891717742\n", "\t", False, FOUR, "s"),
        ("a.csv", "A3AF8FFZAZYNE5,0000000078,5.0,1092182400\n", ",", False, FOUR, "s"),
        ("a.csv", "a,x\nb,y\n", ",", False, {"user": 1, "item": 2}, "none"),
        ("a.txt", "a|x|2010-10-19\nb|y|2010-10-20\n", "|", False, {"user": 1, "item": 2, "time": 3}, "date"),
        ("a.txt", "1 2 5\n1 3 4\n", " ", False, {"user": 1, "item": 2, "rating": 3}, "none"),
        ("a.csv", "user,item,time\n1,2,2010-10-19 23:55:27\n", ",", True, "user item - time", "iso"),
        ("a.csv", "user,item,time\n1,2,2010-10-19T23:55:27Z\n3,4,\n", ",", True, "user item - time", "iso"),
        ("a.csv", "uid,asin,overall,unixReviewTime\n1,2,3,1370131200000\n",
         ",", True, "uid asin overall unixReviewTime", "ms"),
        ("a.csv", "CustomerID,StockCode,time\n1,2,1649347200123456\n", ",", True, "CustomerID StockCode - time", "us"),
        ("a.csv", "user,item,hour\n1,2,14102100\n", ",", True, "user item - hour", "yymmddhh"),
        ("a.csv", "user,item,date\n1,2,20101019\n", ",", True, "user item", "none"),
        ("a.csv", "user_id,video_id,date,timestamp\n1,2,20200705,1593898217.5\n",
         ",", True, "user_id video_id - timestamp", "s"),
        ("a.csv", "user_id,recipe_id,date,rating,u,i\n1,2,2010-10-19,5,0,1\n",
         ",", True, "user_id recipe_id rating date", "date"),
        ("a.csv", '"user","item"\n"a,b","c"\n"d","e"\n', ",", True, "user item", "none"),
        ("a.csv", '"user","item","note"\n"a","c","x\ny"\n', ",", True, "user item", "none"),
        ("a.csv", "\ufeffuser,item\na,b\n", ",", True, "user item", "none"),
    ],
)  # fmt: skip
def test_separated_files(tmp_path, name, text, separator, header, columns, time):
    reader = sniffed(tmp_path, name, text)
    if isinstance(columns, str):
        names = zip(FOUR, columns.split(), strict=False)
        columns = {column: place for column, place in names if place != "-"}
    expected = ("separated", separator, header, columns, time)
    assert (reader.format, reader.separator, reader.header, reader.columns, reader.time) == expected
    assert len(read_rows(reader, [tmp_path / name], "str").collect()) >= 1


def test_other_formats(tmp_path):
    text = "user_id:token\titem_id:token\ttimestamp:float\n1\t2\t8.8e8\n"
    columns = {"user": "user_id", "item": "item_id", "time": "timestamp"}
    assert sniffed(tmp_path, "a.inter", text) == Reader("atomic", "\t", True, columns, "s", quoted=False)
    assert sniffed(tmp_path, "train.txt", "0 1 2\n1 5\n2\n") == Reader("ngcf")
    review = {"reviewerID": "A", "asin": "0", "overall": 5.0, "helpful": [0, 0], "unixReviewTime": 1_370_131_200}
    columns = {"user": "reviewerID", "item": "asin", "rating": "overall", "time": "unixReviewTime"}
    for ending in ("json", "jsonl", "ndjson"):
        content = json.dumps({"asin": "0"}) + "\n\n" + json.dumps(review) + "\n"
        assert sniffed(tmp_path, f"a.{ending}", content) == Reader("jsonl", columns=columns, time="s")
    frame = pl.DataFrame({"user": [1], "item": [2], "x": [[1]], "rating": [1.5], "time": [datetime(2010, 10, 19)]})
    frame.write_parquet(tmp_path / "a.parquet")
    reader = sniff(tmp_path / "a.parquet")
    assert reader.columns == {name: name for name in FOUR}
    assert read_rows(reader, [tmp_path / "a.parquet"], "int").collect().row(0) == (1, 2, 1.5, 1_287_446_400)


def test_compressed_files_are_those_that_they_hold(tmp_path):
    for name, content in (("a.csv", b"user,item\n1,2\n"), ("b.json", b'{"user": 1, "item": 2}\n')):
        assert sniffed(tmp_path, f"{name}.gz", gzip.compress(content, mtime=0)) == sniffed(tmp_path, name, content)


def test_given_columns_come_first(tmp_path):
    text = "id,user,product,item,when,score\n1,2,3,4,5,6\n"
    assert sniffed(tmp_path, "a.csv", text).columns == {"user": "user", "item": "item", "rating": "score"}
    reader = sniffed(tmp_path, "a.csv", text, user="id", item="product", time="when", rating="6")
    assert reader.columns == {"user": "id", "item": "product", "rating": "score", "time": "when"}
    assert reader.time == "s"
    bare = "a,b,c,x,2010-10-19\nd,e,f,y,2010-10-20\n"
    assert sniffed(tmp_path, "a.csv", bare, user="3", item=1).columns == {"user": 3, "item": 1}
    timed = sniffed(tmp_path, "a.csv", bare, user=3, item=1, time=5)
    assert (timed.columns, timed.time) == ({"user": 3, "item": 1, "time": 5}, "date")
    named = sniffed(tmp_path, "a.csv", "who,what\nann,tea\n", user="who", item="what")
    assert (named.header, named.columns) == (True, {"user": "who", "item": "what"})


def test_a_given_column_is_not_taken_for_another_one(tmp_path):
    reader = sniffed(tmp_path, "a.csv", "item_id,movie_id\n1,2\n", user="item_id")
    assert reader.columns == {"user": "item_id", "item": "movie_id"}


def test_of_columns_of_times_the_first_that_is_clear(tmp_path):
    reader = sniffed(tmp_path, "a.csv", "user,item,time,date\n1,2,noon,2010-10-19\n")
    assert (reader.columns["time"], reader.time) == ("date", "date")


def test_of_separators_commas_come_before_bars_and_blanks_last(tmp_path):
    for text in ("a|b,x\nc|d,y\n", "a,x y z\nb,u v w\n"):
        assert sniffed(tmp_path, "a.csv", text).separator == ","


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16"])
def test_encodings(tmp_path, encoding):
    text = "user,item\n" + "a,b\n" * 400_000 + "é,ü\n"
    reader = sniffed(tmp_path, "a.csv", text.encode(encoding))
    assert reader.encoding == encoding
    assert read_rows(reader, [tmp_path / "a.csv"], "str").collect().row(-1) == ("é", "ü")


def test_quotes_are_meant_as_such_where_some_fields_are_in_them(tmp_path):
    assert sniffed(tmp_path, "a.tsv", 'user\titem\n"a b"\tc\n').quoted
    assert not sniffed(tmp_path, "a.tsv", 'user\titem\n"Great" Cats\tc\n5" disk\te\n').quoted


@pytest.mark.parametrize(
    ("name", "content", "expected", "hint"),
    [
        ("a.xlsx", "x", "what kind of file it is cannot be told from its ending '.xlsx'", "one of .csv, .tsv"),
        ("a", "x", "what kind of file it is cannot be told", ".parquet"),
        ("a.parquet.gz", "x", "what kind of file it is cannot be told from its ending '.parquet.gz'", ".csv"),
        ("a.csv", "movieId,imdbId\n1,2\n", "user and item is not clear: it has movieId, imdbId.", "--user"),
        ("a.csv", "1,2,3,4,5\n", "it has no header, and its first row is 1, 2, 3, 4, 5.", "--user"),
        ("a.csv", "1,2,a\n3,4,b\n", "it has no header, and its first row is 1, 2, a.", "--item"),
        ("a.csv", "a b\nc,d\n", "no separator is found", "commas"),
        ("a.csv", "user,item\n", "expected rows, got an empty file", "Fetch"),
        ("a.csv", "", "expected rows, got an empty file", "Fetch"),
        ("a.csv", "<!doctype html>", "expected data, got a web page", "login page"),
        ("a.json", "[1]\n", "line 1: expected a JSON object in one line", "one object a line"),
        ("a.json", '{"id": 1, "x": 2}\n', "user and item is not clear: it has id, x.", "--user"),
        ("a.inter", "user_id:token\n1\n", "user and item is not clear: it has user_id.", "--user"),
        ("a.csv.gz", "user,item\n1,2\n", "is not a gzip file that can be read", "anew"),
        ("a.csv.gz", gzip.compress(b"user,item\n" * 99, mtime=0)[:-9], "is not a gzip file that can be read", "anew"),
    ],
)
def test_what_is_not_clear_is_refused(tmp_path, name, content, expected, hint):
    error = refused(tmp_path, name, content)
    assert expected in error.message
    assert hint in error.hint


def test_given_columns_that_are_not_there(tmp_path):
    error = refused(tmp_path, "a.csv", "user,item,when\n1,2,soon\n", user="usr")
    assert "Unknown column 'usr'" in error.message
    assert "Did you mean 'user'" in error.hint
    assert "Unknown column '9'" in refused(tmp_path, "a.csv", "1,2\n", user=9).message
    error = refused(tmp_path, "a.csv", "user,item,when\n1,2,soon\n", time="when")
    assert "expected Unix times or dates such as 2010-10-19 in the column 'when', got 'soon'." in error.message
