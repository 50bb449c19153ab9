"""Answers to a request for a part that are not the part that was asked for."""

import pytest
from download_cases import CONTENT, ONCE, PLACE, SIZE, break_off, remote, unknown
from faulty_server import QUICK

from rankbench.data.download import ensure_file, pin_of
from rankbench.data.download.partial import Partial
from rankbench.data.progress import Download, Note
from rankbench.errors import UserError


@pytest.mark.parametrize("same", [True, False])
def test_a_range_beyond_the_end(server, tmp_path, same):
    """Of unknown size, whole or more than whole: the server answers 416."""
    file = unknown(server.put("/data.bin", CONTENT, cuts=[SIZE], framing="chunked"))
    break_off(file, tmp_path)
    assert Partial(tmp_path / PLACE).size() == SIZE
    if not same:
        server.put("/data.bin", CONTENT[:-1], heeds_if_range=False)
    server.requests.clear()
    expected = CONTENT if same else CONTENT[:-1]
    assert ensure_file(file, tmp_path, patience=ONCE).read_bytes() == expected
    assert [request.status for request in server.requests] == ([416] if same else [416, 200])


@pytest.mark.parametrize("status", [400, 412, 416, 501])
def test_a_request_for_a_part_that_confuses_the_server(server, tmp_path, status):
    file = remote(server.put("/data.bin", CONTENT, cuts=[100_000]))
    break_off(file, tmp_path)
    server.sites["/data.bin"].refusals = [status]
    assert ensure_file(file, tmp_path, patience=ONCE).read_bytes() == CONTENT
    assert [request.begin for request in server.requests] == [None, 100_000, None]


@pytest.mark.parametrize("part", ["bytes 0-299999/300000", "bytes 100000-299999/300001", "nonsense", ""])
def test_a_part_that_was_not_asked_for(server, tmp_path, part):
    file = remote(server.put("/data.bin", CONTENT, cuts=[100_000]))
    break_off(file, tmp_path)
    server.sites["/data.bin"].headers = {"Content-Range": part}
    assert ensure_file(file, tmp_path, patience=ONCE).read_bytes() == CONTENT
    assert [request.status for request in server.requests] == [200, 206, 200]


def test_a_part_that_nobody_asked_for(server, tmp_path):
    url = server.put("/data.bin", refusals=[206, 206])
    with pytest.raises(UserError, match="206 Partial Content"):
        ensure_file(remote(url), tmp_path, patience=ONCE)


def test_a_redirect_is_followed_with_the_range(server, tmp_path):
    server.put("/there", CONTENT, cuts=[100_000])
    file = remote(server.put("/here", moved_to="/there"))
    break_off(file, tmp_path)
    ensure_file(file, tmp_path, patience=ONCE)
    assert [(request.path, request.begin) for request in server.requests[2:]] == [
        ("/here", 100_000),
        ("/there", 100_000),
    ]


def test_an_end_that_cannot_be_told_from_a_break(server, tmp_path):
    """Without a length: shorter than it should be is continued; of unknown size it is trusted, and said."""
    file = remote(server.put("/data.bin", CONTENT, framing="close", cuts=[100_000]))
    assert ensure_file(file, tmp_path, patience=QUICK).read_bytes() == CONTENT
    assert [request.begin for request in server.requests] == [None, 100_000]
    events = []
    ensure_file(unknown(file.urls[0]), tmp_path / "unknown", patience=QUICK, progress=events.append)
    assert any("announces no size" in event.text for event in events if isinstance(event, Note))
    assert pin_of(tmp_path / "unknown" / PLACE).bytes == SIZE
    assert next(event.total for event in events if isinstance(event, Download)) is None
