"""Several files at once."""

import shutil
import threading
import time

import pytest
from download_cases import remote
from faulty_server import QUICK

from rankbench.data.download import RemoteFile, ensure_files
from rankbench.data.download.at_once import at_once
from rankbench.data.progress import Download, Ended
from rankbench.errors import UserError


def files_of(server, count: int, **traits) -> list[RemoteFile]:
    contents = [bytes([number]) * 40_000 for number in range(count)]
    return [
        remote(server.put(f"/{number}", content, **traits), name=f"{number}.bin", content=content)
        for number, content in enumerate(contents)
    ]


def at_most(events: list) -> int:
    """How many downloads were going on at the same time."""
    going, most = set(), 0
    for event in events:
        if isinstance(event, Download):
            going.add(event.name)
        elif isinstance(event, Ended):
            going.remove(event.name)
        most = max(most, len(going))
    return most


def test_several_files_at_once_each_with_its_own_progress(server, tmp_path):
    files, events, threads = files_of(server, 7, drip=(10_000, 0.03)), [], set()

    def progress(event):
        events.append(event)
        threads.add(threading.current_thread())

    paths = ensure_files(files, tmp_path, progress=progress, patience=QUICK, threads=3)
    assert paths == [tmp_path / file.path for file in files]
    assert [path.read_bytes() for path in paths] == [bytes([number]) * 40_000 for number in range(7)]
    assert at_most(events) == 3
    assert threads == {threading.current_thread()}
    for file in files:
        own = [event for event in events if getattr(event, "name", "") == str(file.path)]
        done = [event.done for event in own if isinstance(event, Download)]
        assert (done[0], done[-1]) == (0, 40_000)
        assert done == sorted(done)
        assert own[-1] == Ended(str(file.path))
    assert ensure_files([], tmp_path) == []


def test_one_file_that_fails_does_not_hinder_the_others(server, tmp_path):
    files = files_of(server, 4)
    server.sites["/1"].refusals = [404]
    with pytest.raises(UserError, match=rf"set/1\.bin cannot be loaded from {server.url}/1: 404"):
        ensure_files(files, tmp_path, patience=QUICK)
    assert sorted(path.name for path in tmp_path.glob("set/[0-9].bin")) == ["0.bin", "2.bin", "3.bin"]
    server.sites["/1"].refusals, server.sites["/2"].content = [404], b"?"
    (tmp_path / "set" / "2.bin").unlink()
    with pytest.raises(UserError) as caught:
        ensure_files(files, tmp_path, patience=QUICK)
    first, *rest = caught.value.message.splitlines()
    assert first == "2 of 4 files could not be loaded."
    assert [line.partition(" cannot")[0] for line in rest] == ["set/1.bin", "set/2.bin"]


def test_the_same_file_twice_is_loaded_once(server, tmp_path):
    (file,) = files_of(server, 1, drip=(10_000, 0.02))
    assert ensure_files([file, file, file], tmp_path, patience=QUICK) == [tmp_path / file.path] * 3
    assert len(server.requests) == 1


def test_space_is_asked_for_all_files_together(server, tmp_path, monkeypatch):

    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=(4 << 20) + 100_000))
    files = files_of(server, 3)
    with pytest.raises(UserError, match="Not enough space"):
        ensure_files(files, tmp_path, patience=QUICK)
    assert server.requests == []
    assert len(ensure_files(files[:2], tmp_path, patience=QUICK)) == 2


def test_an_interruption_ends_all_at_once(server, tmp_path):
    files = files_of(server, 6, drip=(1_000, 0.05))

    def interrupt(event):
        if isinstance(event, Download) and event.done > 3_000:
            raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        ensure_files(files, tmp_path, progress=interrupt, patience=QUICK, threads=2)
    assert time.monotonic() - start < 1.8
    assert len(server.requests) == 2
    assert not list(tmp_path.glob("set/[0-9].bin"))
    assert not [thread for thread in threading.enumerate() if "labour" in thread.name]


def test_a_fault_of_the_program_is_not_swallowed():
    def work(item, tell):
        if item == 2:
            raise ZeroDivisionError("a fault")
        return item

    assert at_once(lambda item, tell: item * 2, [1, 2, 3], 2, print) == [2, 4, 6]
    with pytest.raises(ZeroDivisionError, match="a fault"):
        at_once(work, [1, 2, 3], 2, print)
