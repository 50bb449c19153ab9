"""The pool: one thread each for the libraries beneath torch, help with what is waited for, errors."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from rankbench import parallel

CODE = """
import os, torch
from rankbench import parallel
parallel.set_threads(2)
left, right, out = torch.randn(3, 1024, 1024)
threads = lambda: len(os.listdir("/proc/self/task"))
before = threads()
for _ in range(5):
    parallel.over_blocks(lambda i, j: torch.mm(left[i:j], right, out=out[i:j]), 1024, 64)
print(threads() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts the threads of a process as Linux lists them")
def test_a_thread_of_the_pool_starts_no_threads_of_its_own():
    ended = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert int(ended.stdout) == 1  # the one that helps this one


def test_who_waits_for_work_done_ahead_helps_with_it():
    started, done = threading.Event(), set()

    def piece(start: int, stop: int) -> None:
        started.set()
        done.add((start, threading.get_ident()))
        time.sleep(0.002)

    parallel.set_threads(2)
    result = parallel.ahead(lambda: parallel.over_blocks(piece, 40, 1) or "all")
    started.wait()
    assert result() == "all"
    assert {start for start, _ in done} == set(range(40))
    assert {thread for _, thread in done} > {threading.get_ident()}


def test_work_ahead_gives_way_to_what_is_waited_for():
    begun, order = threading.Event(), []

    def slow(start: int, stop: int) -> None:
        begun.set()
        time.sleep(0.002)
        order.append("ahead")

    def urgent(start: int, stop: int) -> None:
        time.sleep(0.002)
        order.append(threading.get_ident())

    parallel.set_threads(2)
    result = parallel.ahead(parallel.over_blocks, slow, 60, 1)
    begun.wait()
    parallel.over_blocks(urgent, 20, 1)
    now = [o for o in order if o != "ahead"]
    assert len(now) == 20
    assert len(set(now)) == 2  # the thread that was ahead helped
    result()
    assert order.count("ahead") == 60


@pytest.mark.parametrize("threads", [1, 2])
def test_errors_of_any_thread_reach_who_waits(threads):
    def broken(start: int, stop: int) -> None:
        time.sleep(0.001)
        if start == 7:
            raise ValueError("7")

    parallel.set_threads(threads)
    for _ in range(5):
        with pytest.raises(ValueError, match="7"):
            parallel.over_blocks(broken, 8, 1)
    result = parallel.ahead(parallel.over_blocks, broken, 8, 1)
    with pytest.raises(ValueError, match="7"):
        result()
    assert not parallel._now
    assert not parallel._later
