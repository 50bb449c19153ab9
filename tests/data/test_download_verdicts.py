"""`check`: what addresses say without being loaded."""

import time
from dataclasses import replace
from pathlib import PurePosixPath

import pytest
from faulty_server import QUICK

from rankbench.data.download import RemoteFile, Verdict, check, check_files
from rankbench.errors import UserError

CONTENT = bytes(100_000)


def remote(*urls: str, size: int | None = len(CONTENT)) -> RemoteFile:
    return RemoteFile(PurePosixPath("set/data.bin"), urls, size, "")


def test_an_address_that_answers(server):
    url = server.put("/data.bin", CONTENT)
    assert check(remote(url)) == [Verdict(url, True, 100_000, True, "")]
    assert check(remote(url, size=None)) == [Verdict(url, True, 100_000, None, "")]
    assert check(remote(url, size=99)) == [Verdict(url, True, 100_000, False, "")]
    assert {request.method for request in server.requests} == {"HEAD"}


@pytest.mark.parametrize("head", [403, 404, 405, 501])
@pytest.mark.parametrize("ranges", [True, False])
def test_where_head_is_refused_the_first_byte_is_asked_for(server, head, ranges):
    url = server.put("/data.bin", CONTENT * 100, head=head, ranges=ranges, drip=(10_000, 0.01))
    (verdict,) = check(remote(url), patience=QUICK)
    assert verdict == Verdict(url, True, 10_000_000, False, "")
    assert [request.method for request in server.requests][-1] == "GET"
    assert server.requests[-1].headers["range"] == "bytes=0-0"
    time.sleep(0.1)
    assert server.sent < 5_000_000 or ranges  # the rest of a whole answer is not taken


def test_an_address_that_announces_no_size(server):
    url = server.put("/data.bin", CONTENT, framing="chunked", ranges=False)
    assert check(remote(url)) == [Verdict(url, True, None, None, "")]


def test_addresses_that_are_dead(server):
    gone, down = f"{server.url}/gone", server.put("/down", refusals=[503] * 9)
    moved = server.put("/moved", moved_to="/gone")
    verdicts = check(remote(gone, down, moved, "http://127.0.0.1:9/"), patience=QUICK)
    assert [verdict.alive for verdict in verdicts] == [False] * 4
    assert [verdict.reason for verdict in verdicts[:3]] == [
        "404 Not Found",
        "503 Service Unavailable (2 tries)",
        "404 Not Found",
    ]
    assert "(2 tries)" in verdicts[3].reason


def test_a_web_page_in_the_files_place_is_dead(server):
    url = server.put("/data.bin", b"<html>", headers={"Content-Type": "text/html"})
    assert check(remote(url)) == [Verdict(url, False, None, None, "a web page (HTML) is in the file's place")]
    assert check(remote(url, size=6))[0].alive  # a type that is wrong while the size is right
    assert check(replace(remote(url), path=PurePosixPath("page.html")))[0].alive


def test_mirrors_come_first(server, tmp_path):
    url = server.put("/data.bin", CONTENT)
    here = tmp_path / "set" / "data.bin"
    assert check(remote(url), str(tmp_path))[0] == Verdict(str(here), False, None, None, "not there")
    here.parent.mkdir()
    here.write_bytes(CONTENT)
    assert check(remote(url), str(tmp_path)) == [
        Verdict(str(here), True, 100_000, True, ""),
        Verdict(url, True, 100_000, True, ""),
    ]
    assert [verdict.url for verdict in check(remote(url), server.url)] == [f"{server.url}/set/data.bin", url]
    assert check(remote()) == []
    with pytest.raises(UserError, match="not a folder"):
        check(remote(url), "nowhere")


def test_several_files_are_checked_at_once_in_their_order(server):
    files = [remote(server.put(f"/{number}", bytes(number)), size=number) for number in range(1, 21)]
    verdicts = check_files(files)
    assert [verdict.url for (verdict,) in verdicts] == [file.urls[0] for file in files]
    assert all(verdict.same_size for (verdict,) in verdicts)
    with pytest.raises(UserError, match="not a folder"):
        check_files(files, "nowhere")
