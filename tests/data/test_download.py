"""Loading one file: sources, verification, errors; the faults of servers are in the files beside this one."""

import shutil
import subprocess
from dataclasses import replace
from hashlib import md5, sha1, sha256
from pathlib import PurePosixPath

import pytest
from download_cases import CONTENT, files_in, notes, remote
from faulty_server import QUICK

from rankbench import __version__
from rankbench.data.download import ensure_file, sha256_of
from rankbench.data.progress import Download, Ended
from rankbench.errors import UserError


def test_from_a_folder(small, tmp_path):
    dataset, mirror = small
    source, events = dataset.published["iid"], []
    file = ensure_file(source.file, tmp_path / "archives", mirror=str(mirror), progress=events.append)
    assert file == tmp_path / "archives" / "iid" / "small.zip"
    assert file.read_bytes() == (mirror / "iid" / "small.zip").read_bytes()
    name, size = "iid/small.zip", source.file.bytes
    assert events == [Download(name, 0, size), Download(name, size, size), Ended(name)]
    assert files_in(tmp_path / "archives") == ["iid/small.zip"]
    events.clear()
    assert ensure_file(source.file, tmp_path / "archives", progress=events.append) == file
    assert events == []


def test_from_a_url(server, tmp_path):
    url, events = server.put("/data.bin", CONTENT), []
    file = ensure_file(remote(url), tmp_path, progress=events.append)
    assert file.read_bytes() == CONTENT
    assert files_in(tmp_path) == ["set/data.bin"]
    done = [event for event in events if isinstance(event, Download)]
    assert done[0] == Download("set/data.bin", 0, len(CONTENT))
    assert done[-1] == Download("set/data.bin", len(CONTENT), len(CONTENT))
    assert events[-1] == Ended("set/data.bin")
    (request,) = server.requests
    assert request.headers["user-agent"] == f"rankbench/{__version__}"
    assert request.headers["accept-encoding"] == "identity"
    assert "range" not in request.headers


def test_what_is_there_and_right_needs_no_network_and_no_lock(server, tmp_path):
    file = remote(server.put("/data.bin", CONTENT))
    ensure_file(file, tmp_path)
    for lock in tmp_path.rglob(".lock-*"):
        lock.unlink()
    server.requests.clear()
    ensure_file(file, tmp_path, mirror="no mirror is needed")
    assert server.requests == []
    assert not list(tmp_path.rglob(".lock-*"))


def test_a_mirror_on_the_web_is_tried_first_and_its_name_is_quoted(server, tmp_path):
    server.put("/mirror/a set/data.bin", CONTENT)
    origin = server.put("/data.bin", CONTENT)
    file = replace(remote(origin), path=PurePosixPath("a set/data.bin"))
    ensure_file(file, tmp_path, mirror=f"{server.url}/mirror/", patience=QUICK)
    assert [request.path for request in server.requests] == ["/mirror/a set/data.bin"]


def test_from_the_next_source_when_one_has_it_not(server, tmp_path):
    (tmp_path / "empty").mkdir()
    origin = server.put("/data.bin", CONTENT)
    for number, mirror in enumerate((str(tmp_path / "empty"), f"{server.url}/mirror")):
        events = []
        ensure_file(remote(f"{server.url}/gone", origin), tmp_path / f"{number}", mirror=mirror, progress=events.append)
        missing = ["not there", "404 Not Found"][number]
        assert notes(events) == [
            f"{mirror}/set/data.bin: {missing}; trying {server.url}/gone.",
            f"{server.url}/gone: 404 Not Found; trying {origin}.",
        ]


def test_the_error_names_all_sources_with_their_reasons(server, tmp_path):
    (tmp_path / "mirror" / "set").mkdir(parents=True)
    (tmp_path / "mirror" / "set" / "data.bin").write_bytes(CONTENT[:-1])
    flipped = server.put("/flipped", b"\1" + CONTENT[1:])
    refused = server.put("/refused", refusals=[403])
    with pytest.raises(UserError) as caught:
        ensure_file(remote(flipped, refused), tmp_path / "cache", mirror=str(tmp_path / "mirror"), patience=QUICK)
    got = sha256(b"\1" + CONTENT[1:]).hexdigest()
    assert caught.value.message.splitlines() == [
        "set/data.bin cannot be loaded:",
        f"  {tmp_path / 'mirror' / 'set' / 'data.bin'}: expected 300,000 bytes, got 299,999",
        f"  {flipped}: expected sha256 {sha256(CONTENT).hexdigest()}, got {got}; nothing of it was kept",
        f"  {refused}: 403 Forbidden",
    ]
    assert "--mirror DIR-or-URL" in caught.value.hint
    assert "--from PATH" in caught.value.hint
    assert files_in(tmp_path / "cache") == []
    assert (tmp_path / "mirror" / "set" / "data.bin").read_bytes() == CONTENT[:-1]


def test_without_an_address(tmp_path):
    for mirror, expected in ((None, r"set/data\.bin has no address"), (str(tmp_path), "not there")):
        with pytest.raises(UserError, match=expected) as caught:
            ensure_file(remote(), tmp_path, mirror=mirror)
        assert "--from PATH" in caught.value.hint
        assert "--mirror DIR-or-URL" in caught.value.hint


def test_a_damaged_file_in_the_cache_is_fetched_again(server, tmp_path):
    file = remote(server.put("/data.bin", CONTENT))
    cached, events = ensure_file(file, tmp_path), []
    for damaged in (b"x" * len(CONTENT), CONTENT[:-1], b""):
        cached.write_bytes(damaged)
        events.clear()
        assert ensure_file(file, tmp_path, progress=events.append).read_bytes() == CONTENT
        assert notes(events)[0].startswith(f"{cached} is damaged (expected ")
        assert notes(events)[0].endswith("; it is fetched again.")


@pytest.mark.parametrize("kind", ["changed", "cut", "longer", "empty"])
@pytest.mark.parametrize("place", ["folder", "web"])
def test_wrong_content_is_not_kept_and_said(small, server, tmp_path, kind, place):
    dataset, mirror = small
    copy, source = mirror / "iid" / "small.zip", dataset.published["iid"]
    right = copy.read_bytes()
    wrong = {"changed": b"X" + right[1:], "cut": right[:-9], "longer": right + b"x", "empty": b""}[kind]
    copy.write_bytes(wrong)
    url = server.put("/small.zip", wrong)
    file = replace(source.file, urls=(url,) if place == "web" else ())
    origin, events = None if place == "web" else str(mirror), []
    with pytest.raises(UserError) as caught:
        ensure_file(file, tmp_path / "archives", mirror=origin, patience=QUICK, progress=events.append)
    expected = {
        "changed": f"expected sha256 {source.file.checksum[7:]}, got {sha256(wrong).hexdigest()}",
        "cut": f"expected {source.file.bytes:,} bytes, got {source.file.bytes - 9:,}",
        "longer": f"expected {source.file.bytes:,} bytes, got {source.file.bytes + 1:,}",
        "empty": f"expected {source.file.bytes:,} bytes, got 0",
    }
    assert expected[kind] in caught.value.message
    assert f"iid/small.zip cannot be loaded from {url if place == 'web' else copy}" in caught.value.message
    assert "--mirror" in caught.value.hint
    assert files_in(tmp_path / "archives") == []
    assert (kind == "changed") == any(isinstance(event, Download) for event in events)  # else its length tells


@pytest.mark.parametrize("algorithm", ["sha256", "md5", "git"])
@pytest.mark.parametrize("size_known", [True, False])
def test_checksums(server, tmp_path, algorithm, size_known):
    digest = {
        "sha256": sha256(CONTENT).hexdigest(),
        "md5": md5(CONTENT).hexdigest(),
        "git": sha1(b"blob %d\0" % len(CONTENT) + CONTENT).hexdigest(),
    }[algorithm]
    size = len(CONTENT) if size_known else None
    url, flipped = server.put("/data.bin", CONTENT), server.put("/flipped", b"\1" + CONTENT[1:])
    file = remote(url, checksum=f"{algorithm}:{digest}", bytes=size)
    assert ensure_file(file, tmp_path / "good").read_bytes() == CONTENT
    with pytest.raises(UserError, match=rf"expected {algorithm} {digest}, got [0-9a-f]+; nothing of it was kept"):
        ensure_file(replace(file, urls=(flipped,)), tmp_path / "bad")
    assert files_in(tmp_path / "bad") == []


def test_the_id_of_a_git_blob_is_that_of_git(tmp_path, server):
    if not shutil.which("git"):
        pytest.skip("needs git")
    (tmp_path / "blob").write_bytes(CONTENT)
    told = subprocess.run(["git", "hash-object", tmp_path / "blob"], capture_output=True, text=True, check=True)
    file = remote(server.put("/data.bin", CONTENT), checksum=f"git:{told.stdout.strip()}")
    assert sha256_of(ensure_file(file, tmp_path)) == sha256(CONTENT).hexdigest()


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("size_known", [True, False])
def test_an_endless_answer_is_cut_off(server, tmp_path, framing, size_known):
    url = server.put("/data.bin", bytes(64 << 20), framing=framing)
    file = remote(url, bytes=len(CONTENT) if size_known else None)
    if not size_known:
        server.sites["/data.bin"].content = CONTENT + b"x"
    with pytest.raises(UserError, match="expected sha256" if not size_known else r"expected 300,000 bytes, got"):
        ensure_file(file, tmp_path, patience=QUICK)
    assert server.sent < 16 << 20  # what the sockets' buffers take, not the whole
    assert files_in(tmp_path) == []


def test_redirects_are_followed(server, tmp_path):
    server.put("/there", CONTENT)
    url = server.put("/here", moved_to="/there")
    assert ensure_file(remote(url), tmp_path).read_bytes() == CONTENT
    loop = server.put("/loop", moved_to="/loop")
    with pytest.raises(UserError, match="redirect"):
        ensure_file(remote(loop), tmp_path / "loop", patience=QUICK)
    away = server.put("/away", moved_to="ftp://somewhere/data.bin")
    with pytest.raises(UserError, match="ftp://"):
        ensure_file(remote(away), tmp_path / "away", patience=QUICK)


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><title>Sign in</title>", b"\xef\xbb\xbf \n<HTML><body>Log in"])
@pytest.mark.parametrize("known", ["all", "size", "checksum", "nothing"])
def test_a_web_page_in_the_files_place(server, tmp_path, page, known):
    padded = page + b" " * (len(CONTENT) - len(page)) if known == "size" else page
    url = server.put("/data.bin", padded, headers={"Content-Type": "text/html; charset=utf-8"})
    unknown = {"all": {}, "size": {"checksum": ""}, "checksum": {"bytes": None}}
    file = remote(url, **unknown.get(known, {"bytes": None, "checksum": ""}))
    with pytest.raises(UserError, match=r"it is a web page \(HTML\)") as caught:
        ensure_file(file, tmp_path, patience=QUICK)
    assert "in a browser" in caught.value.hint
    assert files_in(tmp_path) == []


def test_a_file_sent_packed_is_refused_unless_it_is_a_packed_file(server, tmp_path):
    url = server.put("/data", CONTENT, headers={"Content-Encoding": "gzip"})
    with pytest.raises(UserError, match=r"sent packed \(gzip\)"):
        ensure_file(remote(url), tmp_path, patience=QUICK)
    file = replace(remote(url), path=PurePosixPath("data.gz"))
    assert ensure_file(file, tmp_path).read_bytes() == CONTENT


def test_offline_uses_the_cache_and_folders_only(server, tmp_path):
    url = server.put("/data.bin", CONTENT)
    file = remote(url)
    for mirror, place in ((None, "the cache"), (server.url, "the cache"), (str(tmp_path), str(tmp_path))):
        with pytest.raises(UserError, match=place) as caught:
            ensure_file(file, tmp_path / "cache", mirror=mirror, offline=True)
        assert "offline: only the cache and folder mirrors are used" in caught.value.message
        assert "Go without --offline" in caught.value.hint
    assert server.requests == []
    ensure_file(file, tmp_path / "cache")
    server.requests.clear()
    assert ensure_file(file, tmp_path / "cache", offline=True).read_bytes() == CONTENT
    assert ensure_file(file, tmp_path / "other", offline=True, mirror=str(tmp_path / "cache")).read_bytes() == CONTENT
    assert server.requests == []


@pytest.mark.parametrize(
    ("mirror", "expected"), [("nowhere", "mirror nowhere is not a folder"), ("http://", "cannot be loaded")]
)
def test_a_mirror_that_is_none(tmp_path, mirror, expected):
    with pytest.raises(UserError, match=expected):
        ensure_file(remote(), tmp_path, mirror=mirror)
