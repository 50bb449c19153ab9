from datetime import UTC, date, datetime, timedelta, timezone

import polars as pl
import pytest
from format_files import error_of
from hypothesis import given, settings
from hypothesis import strategies as st

from rankbench.data.formats import TIMES, Reader, read_rows
from rankbench.data.formats.typed import typed_columns

DAY = 1_287_446_400  # 2010-10-19
COLUMNS = {"user": 1, "item": 2, "time": 3}


def seconds(unit: str, *values) -> list[int | None]:
    """Return what the times of a column are read as."""
    frame = pl.DataFrame({"user": ["a"] * len(values), "item": ["b"] * len(values), "time": values}, strict=False)
    return frame.lazy().select(typed_columns(frame.schema, unit, "str")).collect(engine="streaming")["time"].to_list()


@pytest.mark.parametrize(
    ("unit", "text", "expected"),
    [
        ("s", "881250949", 881_250_949),
        ("s", "1343838231.0", 1_343_838_231),
        ("s", "1343838231.999", 1_343_838_231),
        ("s", "-1.5", -2),
        ("s", "1.0e9", 1_000_000_000),
        ("s", " 5 ", 5),
        ("ms", "1649347200123", 1_649_347_200),
        ("ms", "-1", -1),
        ("us", "1649347200123456", 1_649_347_200),
        ("us", "1999999999999999", 1_999_999_999),
        ("iso", "2010-10-19T23:55:27Z", DAY + 86_127),
        ("iso", "2010-10-19 23:55:27", DAY + 86_127),
        ("iso", "2010-10-19 23:55:27 UTC", DAY + 86_127),
        ("iso", "2010-10-19T23:55:27.999+00:00", DAY + 86_127),
        ("iso", "2010-10-20T01:55:27+02:00", DAY + 86_127),
        ("iso", "2010-10-19 18:25:27-0530", DAY + 86_127),
        ("iso", "2010-10-19", DAY),
        ("date", "2010-10-19", DAY),
        ("yymmddhh", "10101923", DAY + 23 * 3600),
        ("yymmddhh", "14102100", 1_413_849_600),
    ],
)
def test_each_unit(unit, text, expected):
    assert seconds(unit, text) == [expected]


@pytest.mark.parametrize(
    ("unit", "texts"),
    [
        ("s", ("x", "nan", "inf", "1e30", "2010-10-19", "1_0")),
        ("ms", ("x", "12:00")),
        ("iso", ("881250949", "2010-13-19", "2010-02-30 00:00:00", "2010-10-19T23:55", "2010-10-19T23:55:27Zx", "now")),
        ("date", ("2010-10-19 00:00:00", "19-10-2010", "20101019", "2010-02-30")),
        ("yymmddhh", ("10101924", "1010192", "101019230", "x")),
    ],
)
def test_what_is_no_time_of_a_unit(unit, texts):
    assert seconds(unit, *texts) == [None] * len(texts)


@pytest.mark.parametrize("unit", TIMES[:-1])
def test_an_error_says_what_was_expected(tmp_path, unit):
    error = error_of(tmp_path, Reader("separated", ",", False, COLUMNS, unit), "a,b,\nc,d,soon\n")
    assert "line 2: expected a" in error.message
    assert "as time, got 'soon'" in error.message
    assert "s, ms, us, iso, date, yymmddhh." in error.hint


moments = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1))


@settings(max_examples=25, deadline=None)
@given(moments, st.integers(-14 * 60, 14 * 60))
def test_iso_times_with_offsets_are_those_of_the_standard_library(moment, minutes):
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    expected = int(aware.timestamp() // 1)
    assert seconds("iso", aware.isoformat(), aware.isoformat(" ")) == [expected, expected]
    utc = moment.replace(tzinfo=UTC)
    assert seconds("iso", moment.isoformat()) == [int(utc.timestamp() // 1)]
    assert seconds("date", moment.date().isoformat()) == [int(utc.timestamp() // 86_400) * 86_400]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-(2**50), 2**50), min_size=1))
def test_units_of_whole_numbers_round_down(numbers):
    texts = list(map(str, numbers))
    for unit, parts in (("s", 1), ("ms", 1_000), ("us", 1_000_000)):
        assert seconds(unit, *texts) == seconds(unit, *numbers) == [number // parts for number in numbers]


def test_columns_of_times_need_no_unit(tmp_path):
    file = tmp_path / "times.parquet"
    for unit in ("ms", "us", "ns"):
        moments = pl.Series([datetime(2010, 10, 19, 23, 55, 27, 999_000), None], dtype=pl.Datetime(unit))
        pl.DataFrame({"u": [1, 2], "i": [1, 2], "t": moments}).write_parquet(file)
        reader = Reader("parquet", columns={"user": "u", "item": "i", "time": "t"}, time="iso")
        assert read_rows(reader, [file], "int").collect()["time"].to_list() == [DAY + 86_127, None]
    days = pl.Series([date(2010, 10, 19), date(1969, 12, 31)])
    pl.DataFrame({"u": [1, 2], "i": [1, 2], "t": days}).write_parquet(file)
    assert read_rows(reader, [file], "int").collect()["time"].to_list() == [DAY, -86_400]
