"""Servers that refuse, stall or ask to wait; disks that are full; many files and many processes at once."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from download_cases import CONTENT, remote
from faulty_server import QUICK

from rankbench.data.download import Patience, ensure_file
from rankbench.data.download.patience import DEFAULT
from rankbench.data.progress import Note
from rankbench.errors import UserError


def patience(waits: list[float], **traits) -> Patience:
    return replace(Patience(sleep=waits.append, chance=lambda: 0.5, timeout=5.0), **traits)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_passing_refusal_is_tried_again(server, tmp_path, status):
    url, waits, events = server.put("/data.bin", CONTENT, refusals=[status, status, status]), [], []
    ensure_file(remote(url), tmp_path, patience=patience(waits), progress=events.append)
    assert waits == [1.0, 2.0, 4.0]
    told = [event.text for event in events if isinstance(event, Note)]
    assert len(told) == 3
    assert all(text.startswith(f"set/data.bin: {status} ") for text in told)
    assert told[1].endswith("trying again in 2.0 s.")


@pytest.mark.parametrize(("status", "tries"), [(400, 1), (401, 1), (403, 1), (404, 1), (410, 1), (503, 4)])
def test_a_refusal_that_stays_is_an_error_with_a_hint(server, tmp_path, status, tries):
    url, waits = server.put("/data.bin", refusals=[status] * 9), []
    with pytest.raises(UserError, match=rf"set/data\.bin cannot be loaded from {url}: {status} \w+") as caught:
        ensure_file(remote(url), tmp_path, patience=patience(waits))
    assert len(server.requests) == tries
    assert ("(4 tries)" in caught.value.message) == (tries == 4)
    assert ("--from PATH" if status in (401, 403) else "--mirror DIR-or-URL") in caught.value.hint
    assert not (tmp_path / "set" / "data.bin").exists()


def test_a_refusal_that_stays_leads_to_the_next_address(server, tmp_path):
    first, second = server.put("/a", refusals=[503] * 9), server.put("/b", CONTENT)
    assert ensure_file(remote(first, second), tmp_path, patience=QUICK).read_bytes() == CONTENT
    assert [request.path for request in server.requests] == ["/a"] * 4 + ["/b"]


def test_what_the_server_asks_to_wait_is_waited(server, tmp_path):
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    refusals = [(429, {"Retry-After": "7"}), (503, {"Retry-After": soon}), (503, {"Retry-After": "whenever"})]
    url, waits = server.put("/data.bin", CONTENT, refusals=refusals), []
    ensure_file(remote(url), tmp_path, patience=patience(waits))
    assert waits[0] == 7 + 1
    assert 90 + 2 < waits[1] <= 100 + 2
    assert waits[2] == 4


def test_a_server_that_asks_to_wait_for_too_long_is_given_up(server, tmp_path):
    url, waits = server.put("/data.bin", refusals=[(503, {"Retry-After": "3600"})]), []
    with pytest.raises(UserError, match="asks to come again in 3,600 s"):
        ensure_file(remote(url), tmp_path, patience=patience(waits))
    assert waits == []


def test_waits_grow_up_to_a_limit_and_differ_by_chance():
    steady = replace(DEFAULT, chance=lambda: 0.5)
    assert [steady.wait(failures, 0.0) for failures in (1, 2, 3, 7, 20)] == [1, 2, 4, 60, 60]
    assert [replace(DEFAULT, chance=lambda c=c: c).wait(1, 0.0) for c in (0.0, 1.0)] == [0.5, 1.5]
    assert steady.wait(1, 30.0) == 31


def test_no_network(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise httpx.ConnectError("no route to host")

    monkeypatch.setattr(httpx.Client, "stream", refuse)
    with pytest.raises(UserError, match=r"no route to host \(4 tries\)") as caught:
        ensure_file(remote("http://elsewhere.invalid/"), tmp_path, patience=QUICK)
    assert "--mirror DIR-or-URL" in caught.value.hint


def test_a_slow_drip_is_a_stall_and_the_rest_is_loaded_anew(server, tmp_path):
    url = server.put("/data.bin", CONTENT, drip=(100, 0.02))
    strict = replace(QUICK, stall_seconds=0.3, stall_bytes=10_000)
    with pytest.raises(UserError, match=r"stalled: [\d,]+ bytes in 0 s \(4 tries\)"):
        ensure_file(remote(url), tmp_path, patience=strict)
    assert len(server.requests) == 4
    kept = (tmp_path / "set" / ".part-data.bin").stat().st_size
    assert 0 < kept < len(CONTENT)
    server.sites["/data.bin"].drip = None
    assert ensure_file(remote(url), tmp_path, patience=strict).read_bytes() == CONTENT
    assert server.requests[-1].begin == kept


def test_a_slow_but_steady_server_is_no_stall(server, tmp_path):
    url = server.put("/data.bin", CONTENT, drip=(20_000, 0.05))
    steady = replace(QUICK, stall_seconds=0.2, stall_bytes=1_000)
    assert ensure_file(remote(url), tmp_path, patience=steady).read_bytes() == CONTENT
    assert len(server.requests) == 1


def test_silence_breaks_a_connection(server, tmp_path):
    url = server.put("/data.bin", CONTENT, drip=(50_000, 1.0))
    start = time.monotonic()
    with pytest.raises(UserError, match=r"no answer in time \(.+\) \(1 try\)"):
        ensure_file(remote(url), tmp_path, patience=replace(QUICK, tries=1, timeout=0.2))
    assert time.monotonic() - start < 0.9
