"""Disks that are full or refuse: an error that says what is kept, and nothing wrong under a final name."""

import errno
import os
import resource
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from download_cases import CONTENT, files_in, remote
from faulty_server import QUICK

from rankbench.data.download import ensure_file
from rankbench.errors import UserError


def test_no_space(server, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1 << 20))
    url = server.put("/data.bin", CONTENT, announce=10 << 20)
    for size in (10 << 20, None):
        with pytest.raises(UserError, match=r"14\.0 MiB are needed, 1\.0 MiB are free, 13\.0 MiB are missing"):
            ensure_file(remote(url, bytes=size), tmp_path, patience=QUICK)
        assert files_in(tmp_path) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_refuses_a_copy(small, tmp_path, monkeypatch, code):
    dataset, mirror = small
    real = Path.open

    def failing(path, mode="r", *rest, **options):
        if path.name.startswith(".tmp-"):
            raise OSError(code, "refused")
        return real(path, mode, *rest, **options)

    monkeypatch.setattr(Path, "open", failing)
    with pytest.raises(UserError, match="cannot be written: refused") as caught:
        ensure_file(dataset.published["iid"].file, tmp_path / "archives", mirror=str(mirror))
    assert ("Make room" in caught.value.hint) == (code == errno.ENOSPC)
    assert files_in(tmp_path / "archives") == []


def test_a_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written: Not a directory"):
        ensure_file(remote(server.put("/data.bin", CONTENT)), tmp_path / "file" / "archives")
    assert server.requests == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_refuses_in_the_middle_keeps_what_came(server, tmp_path, monkeypatch, code):
    url, real = server.put("/data.bin", CONTENT, drip=(10_000, 0.0)), Path.open

    class Full:
        def __init__(self, stream):
            self.stream = stream

        def write(self, piece):
            if self.stream.tell() > 30_000:
                raise OSError(code, "refused")
            return self.stream.write(piece[:7_000])  # as a disk does that is nearly full

        def close(self):
            self.stream.close()

    def failing(path, mode="r", *rest, **options):
        stream = real(path, mode, *rest, **options)
        return Full(stream) if mode == "ab" else stream

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", failing)
        with pytest.raises(UserError, match=r"\.part-data\.bin cannot be written: refused.*is kept there") as caught:
            ensure_file(remote(url), tmp_path, patience=QUICK)
    assert ("Make room" in caught.value.hint) == (code == errno.ENOSPC)
    kept = (tmp_path / "set" / ".part-data.bin").read_bytes()
    assert kept == CONTENT[: len(kept)]
    assert len(kept) > 30_000
    assert f"{len(kept):,} bytes" in caught.value.message
    assert ensure_file(remote(url), tmp_path, patience=QUICK).read_bytes() == CONTENT
    assert server.requests[-1].begin == len(kept)


def test_a_limit_on_the_size_of_files(server, tmp_path):
    """The same with a real refusal of the system, in a process of its own."""
    url = server.put("/data.bin", CONTENT)
    code = (
        "import resource, sys\n"
        "from pathlib import Path, PurePosixPath\n"
        "from rankbench.data.download import RemoteFile, ensure_file\n"
        "from rankbench.errors import UserError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        f"file = RemoteFile(PurePosixPath('set/data.bin'), ({url!r},), {len(CONTENT)}, "
        f"'sha256:{sha256(CONTENT).hexdigest()}')\n"
        "try:\n"
        f"    ensure_file(file, Path({str(tmp_path)!r}))\n"
        "except UserError as error:\n"
        "    print(error)\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "cannot be written: File too large. What was loaded so far, 50,000 bytes, is kept there" in told
    assert (tmp_path / "set" / ".part-data.bin").read_bytes() == CONTENT[:50_000]
    assert not (tmp_path / "set" / "data.bin").exists()
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    ensure_file(remote(url), tmp_path)
    assert server.requests[-1].begin == 50_000


def test_a_folder_that_may_not_be_written(server, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("the superuser may write everywhere")
    (tmp_path / "set").mkdir(mode=0o500)
    with pytest.raises(UserError, match="cannot be written: Permission denied") as caught:
        ensure_file(remote(server.put("/data.bin", CONTENT)), tmp_path)
    assert "--data DIR" in caught.value.hint


@pytest.mark.parametrize("name", ["touch", "write_text", "replace", "unlink"])
def test_a_folder_that_refuses_one_step(server, tmp_path, monkeypatch, name):
    """The record of the partial file, the file itself, its final name, the deletion of leftovers."""
    real = getattr(Path, name)

    def failing(path, *rest, **options):
        if "data.bin" in path.name:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, *rest, **options)

    file = remote(server.put("/data.bin", CONTENT))
    with monkeypatch.context() as patched:
        patched.setattr(Path, name, failing)
        with pytest.raises(UserError, match="cannot be written: Permission denied") as caught:
            ensure_file(file, tmp_path, patience=QUICK)
    assert "--data DIR" in caught.value.hint
    assert not (tmp_path / "set" / "data.bin").exists()
    assert ensure_file(file, tmp_path, patience=QUICK).read_bytes() == CONTENT


def test_a_folder_in_the_files_place(server, tmp_path):
    (tmp_path / "set" / "data.bin").mkdir(parents=True)
    with pytest.raises(UserError, match=r"data\.bin cannot be written: Is a directory"):
        ensure_file(remote(server.put("/data.bin", CONTENT)), tmp_path)
    assert (tmp_path / "set" / "data.bin").is_dir()
