"""Downloads that break off: what is there is continued when it is surely of the same content, else discarded."""

import json
import time
from dataclasses import replace
from email.utils import formatdate

import pytest
from download_cases import CONTENT, ONCE, OTHER, PLACE, SIZE, break_off, files_in, remote, unknown
from faulty_server import QUICK

from rankbench.data.download import ensure_file
from rankbench.data.progress import Download, Note
from rankbench.errors import UserError

TENTHS = [SIZE * tenth // 10 for tenth in range(1, 10)]


@pytest.mark.parametrize("cut", TENTHS)
@pytest.mark.parametrize("make", [remote, unknown])
def test_the_next_call_loads_only_what_is_missing(server, tmp_path, cut, make):
    file = make(server.put("/data.bin", CONTENT, cuts=[cut]))
    break_off(file, tmp_path)
    assert files_in(tmp_path) == ["set/.part-data.bin", "set/.part-data.bin.json"]
    assert (tmp_path / "set" / ".part-data.bin").read_bytes() == CONTENT[:cut]
    events = []
    assert ensure_file(file, tmp_path, patience=ONCE, progress=events.append).read_bytes() == CONTENT
    first, second = server.requests
    assert (second.status, second.begin, second.headers["if-range"]) == (206, cut, '"v1"')
    assert (first.sent, second.sent) == (cut, SIZE - cut)
    assert not [name for name in files_in(tmp_path) if ".part" in name]
    told = [event for event in events if isinstance(event, Download)]
    assert (told[0].done, told[-1].done, {event.total for event in told}) == (cut, SIZE, {SIZE})
    assert Note(f"{PLACE}: continues after {cut:,} bytes that were loaded before.") in events


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_cut_at_every_tenth_in_one_call(server, tmp_path, framing):
    steps = [SIZE // 10] * 9
    file = remote(server.put("/data.bin", CONTENT, cuts=steps, framing=framing))
    waits = []
    patience = replace(QUICK, tries=2, sleep=waits.append, chance=lambda: 0.5)
    assert ensure_file(file, tmp_path, patience=patience).read_bytes() == CONTENT
    assert [request.begin for request in server.requests] == [None, *TENTHS]
    assert server.sent == SIZE
    assert waits == [1.0] * 9  # each cut came after new bytes, so the count of failures began anew


def test_without_ranges_it_begins_anew_and_ends(server, tmp_path):
    file = remote(server.put("/data.bin", CONTENT, ranges=False, cuts=[70_000, 200_000]))
    break_off(file, tmp_path)
    events = []
    assert ensure_file(file, tmp_path, patience=QUICK, progress=events.append).read_bytes() == CONTENT
    assert [request.status for request in server.requests] == [200, 200, 200]
    assert [request.begin for request in server.requests] == [None, 70_000, 200_000]
    assert any("the file is loaded anew" in note.text for note in events if isinstance(note, Note))


def test_a_server_that_always_breaks_off_at_the_same_place_is_given_up(server, tmp_path):
    file = remote(server.put("/data.bin", CONTENT, ranges=False, cuts=[70_000] * 50))
    with pytest.raises(UserError, match=r"\(4 tries\)"):
        ensure_file(file, tmp_path, patience=QUICK)
    assert server.sent == 4 * 70_000


@pytest.mark.parametrize("make", [remote, unknown])
def test_other_content_under_the_same_address(server, tmp_path, make):
    url = server.put("/data.bin", OTHER, etag='"old"', cuts=[100_000])
    break_off(make(url), tmp_path)
    server.put("/data.bin", CONTENT, etag='"new"')
    assert ensure_file(make(url), tmp_path, patience=ONCE).read_bytes() == CONTENT
    assert [request.status for request in server.requests] == [200, 200]


@pytest.mark.parametrize("make", [remote, unknown])
def test_other_content_from_a_server_that_disregards_if_range(server, tmp_path, make):
    url = server.put("/data.bin", OTHER, etag='"old"', cuts=[100_000])
    break_off(make(url), tmp_path)
    server.put("/data.bin", CONTENT, etag='"new"', heeds_if_range=False)
    assert ensure_file(make(url), tmp_path, patience=ONCE).read_bytes() == CONTENT
    assert [request.status for request in server.requests] == [200, 206, 200]


def test_other_content_of_another_size_from_a_server_that_names_it_the_same(server, tmp_path):
    url = server.put("/data.bin", OTHER, cuts=[100_000])
    break_off(unknown(url), tmp_path)
    server.put("/data.bin", CONTENT + b"x", heeds_if_range=False)
    assert ensure_file(unknown(url), tmp_path, patience=ONCE).read_bytes() == CONTENT + b"x"


def test_pieces_that_do_not_fit_are_loaded_once_more_as_a_whole(server, tmp_path):
    """A server that names two contents the same gives a wrong whole; the checksum tells."""
    url = server.put("/data.bin", OTHER, cuts=[100_000])
    break_off(remote(url), tmp_path)
    server.put("/data.bin", CONTENT)
    events = []
    assert ensure_file(remote(url), tmp_path, patience=ONCE, progress=events.append).read_bytes() == CONTENT
    assert [request.status for request in server.requests] == [200, 206, 200]
    assert any("it was loaded in pieces and is loaded anew" in e.text for e in events if isinstance(e, Note))


@pytest.mark.parametrize(
    ("etag", "age", "resumed"),
    [
        ('"strong"', None, True),
        ('W/"weak"', None, False),
        ('W/"weak"', 3600, False),
        (None, 3600, True),
        (None, 0, False),
        (None, None, False),
    ],
)
def test_what_a_content_is_known_by(server, tmp_path, etag, age, resumed):
    """A weak ETag, a date of just now, or nothing cannot tell two contents apart: nothing is kept to continue from."""
    modified = None if age is None else formatdate(time.time() - age, usegmt=True)
    file = remote(server.put("/data.bin", CONTENT, etag=etag, modified=modified, cuts=[100_000]))
    break_off(file, tmp_path)
    assert files_in(tmp_path) == (["set/.part-data.bin", "set/.part-data.bin.json"] if resumed else [])
    assert ensure_file(file, tmp_path, patience=ONCE).read_bytes() == CONTENT
    assert [request.status for request in server.requests] == [200, 206 if resumed else 200]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda partial, record: partial.with_name(f"{partial.name}.json").unlink(),
        lambda partial, record: partial.with_name(f"{partial.name}.json").write_text("{"),
        lambda partial, record: partial.with_name(f"{partial.name}.json").write_text("[]"),
        lambda partial, record: partial.with_name(f"{partial.name}.json").write_text('{"url": 1}'),
        lambda partial, record: partial.with_name(f"{partial.name}.json").write_text(
            json.dumps({**record, "url": "http://elsewhere/"})
        ),
        lambda partial, record: partial.with_name(f"{partial.name}.json").write_text(
            json.dumps({**record, "validator": ""})
        ),
        lambda partial, record: partial.with_name(f"{partial.name}.json").write_text(
            json.dumps({**record, "size": SIZE - 1})
        ),
        lambda partial, record: partial.write_bytes(OTHER + b"more than there is"),
        lambda partial, record: partial.write_bytes(b""),
    ],
)
def test_a_partial_file_in_doubt_is_discarded(server, tmp_path, spoil):
    file = remote(server.put("/data.bin", CONTENT, cuts=[100_000]))
    break_off(file, tmp_path)
    partial = tmp_path / "set" / ".part-data.bin"
    spoil(partial, json.loads(partial.with_name(".part-data.bin.json").read_text()))
    assert ensure_file(file, tmp_path, patience=ONCE).read_bytes() == CONTENT
    assert server.requests[-1].begin is None
    assert server.requests[-1].sent == SIZE


def test_a_damaged_partial_file_is_found_out(server, tmp_path):
    file = remote(server.put("/data.bin", CONTENT, cuts=[100_000]))
    break_off(file, tmp_path)
    (tmp_path / "set" / ".part-data.bin").write_bytes(OTHER[:100_000])
    assert ensure_file(file, tmp_path, patience=ONCE).read_bytes() == CONTENT
    assert [request.status for request in server.requests] == [200, 206, 200]


def test_another_address_begins_anew_and_the_old_one_is_kept_until_then(server, tmp_path):
    first = server.put("/first", CONTENT, cuts=[100_000], etag='"a"')
    break_off(remote(first), tmp_path)
    break_off(remote(server.put("/second", refusals=[404])), tmp_path)
    assert (tmp_path / "set" / ".part-data.bin").read_bytes() == CONTENT[:100_000]
    server.put("/second", CONTENT, etag='"b"')
    server.sites["/first"].refusals = [404]
    file = remote(first, f"{server.url}/second")
    assert ensure_file(file, tmp_path, patience=ONCE).read_bytes() == CONTENT
    assert server.requests[-1].begin is None


def test_killed_after_the_last_byte(server, tmp_path):
    """The partial file is whole: nothing is asked for."""
    for number, make in enumerate((remote, unknown)):
        file, cache = make(server.put("/data.bin", CONTENT, cuts=[100_000])), tmp_path / str(number)
        break_off(file, cache)
        (cache / "set" / ".part-data.bin").write_bytes(CONTENT)
        server.requests.clear()
        assert ensure_file(file, cache, patience=ONCE).read_bytes() == CONTENT
        assert server.requests == []
