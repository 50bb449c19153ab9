"""The pool keeps the libraries beneath torch to one thread each."""

import subprocess
import sys
from pathlib import Path

import pytest

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
