"""Processes that fetch a file, to be killed or to compete: forked off a server that has the imports done."""

import multiprocessing
import os
import sys
from functools import cache
from multiprocessing import forkserver
from unittest import mock

from rankbench.data.download import RemoteFile, ensure_file, ensure_files
from rankbench.data.download.client import open_client
from rankbench.data.progress import Note

open_client(1.0).close()  # reads the certificates, once for all processes


def fetch(file: RemoteFile, folder, told) -> None:
    """Fetch a file; tell that it begins, then what was noted."""
    told.send("begins")
    events = []
    try:
        ensure_file(file, folder, progress=events.append)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    told.send([event.text for event in events if isinstance(event, Note)])


def fetch_all(files: list[RemoteFile], folder, told) -> None:
    told.send("begins")
    try:
        ensure_files(files, folder)
    except KeyboardInterrupt:
        raise SystemExit(130) from None


@cache
def nursery():
    """Start the server that processes are forked off, with the path on which it finds what to import beforehand."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["filelock", "fetching"])
    with mock.patch.dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)):
        forkserver.ensure_running()
    return context


def start(work, what, folder):
    """Start a process; return it, and the end of the pipe that it tells to."""
    here, there = nursery().Pipe(duplex=False)
    process = nursery().Process(target=work, args=(what, folder, there), daemon=True)
    process.start()
    there.close()
    assert here.poll(60)
    assert here.recv() == "begins"
    return process, here
