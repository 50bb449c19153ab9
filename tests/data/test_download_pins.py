"""Files without a published checksum: trusted at first, held to it from then on; and files that the user gives."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import md5, sha256
from pathlib import Path, PurePosixPath

import pytest
from faulty_server import QUICK

from rankbench.data.download import Pin, RemoteFile, ensure_file, pin_of, take
from rankbench.data.progress import Download, Ended, Note
from rankbench.errors import UserError

CONTENT = b"user,item\n1,2\n" * 500
OTHER = b"user,item\n2,1\n" * 500
PLACE = PurePosixPath("set/data.csv")


def unknown(*urls: str, **traits) -> RemoteFile:
    return RemoteFile(PLACE, urls, **traits)


def known(*urls: str) -> RemoteFile:
    return RemoteFile(PLACE, urls, len(CONTENT), f"sha256:{sha256(CONTENT).hexdigest()}")


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".lock-"))


def test_the_first_download_is_pinned(server, tmp_path):
    url = server.put("/data.csv", CONTENT)
    path = ensure_file(unknown(url), tmp_path)
    pin = pin_of(path)
    assert pin == Pin(sha256(CONTENT).hexdigest(), len(CONTENT), url, pin.time)
    age = datetime.now(UTC) - datetime.strptime(pin.time, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert 0 <= age.total_seconds() < 60
    assert names_in(tmp_path) == ["data.csv", "data.csv.pin.json"]
    server.requests.clear()
    assert ensure_file(unknown(url), tmp_path) == path
    assert server.requests == []
    assert pin_of(path) == pin


def test_what_is_known_beforehand_is_not_pinned(server, tmp_path):
    url = server.put("/data.csv", CONTENT)
    assert pin_of(ensure_file(known(url), tmp_path / "known")) is None
    for number, file in enumerate(
        (
            replace(known(url), bytes=None),
            replace(known(url), checksum=""),
            replace(known(url), checksum=f"md5:{md5(CONTENT).hexdigest()}"),
        )
    ):
        assert pin_of(ensure_file(file, tmp_path / f"{number}")).sha256 == sha256(CONTENT).hexdigest()


@pytest.mark.parametrize("spoilt", [OTHER, CONTENT[:-1], b""])
def test_a_pinned_file_that_was_spoilt_is_loaded_again_as_it_was(server, tmp_path, spoilt):
    url, events = server.put("/data.csv", CONTENT), []
    path = ensure_file(unknown(url), tmp_path)
    pin = pin_of(path)
    path.write_bytes(spoilt)
    assert ensure_file(unknown(url), tmp_path, progress=events.append).read_bytes() == CONTENT
    assert "is damaged (it is not what it was on" in next(e.text for e in events if isinstance(e, Note))
    assert pin_of(path) == pin


def test_a_changed_remote_is_reported_and_can_be_accepted(server, tmp_path):
    url = server.put("/data.csv", CONTENT)
    path = ensure_file(unknown(url), tmp_path)
    pin = pin_of(path)
    path.unlink()
    server.put("/data.csv", OTHER)
    with pytest.raises(UserError) as caught:
        ensure_file(unknown(url), tmp_path, patience=QUICK)
    for part in (pin.time[:10], pin.sha256, sha256(OTHER).hexdigest(), f"({len(CONTENT):,} bytes)"):
        assert part in caught.value.message
    assert "accept it with --force" in caught.value.hint
    assert names_in(tmp_path) == ["data.csv.pin.json"]
    assert ensure_file(unknown(url), tmp_path, accept_changes=True).read_bytes() == OTHER
    assert pin_of(path).sha256 == sha256(OTHER).hexdigest()
    assert ensure_file(unknown(url), tmp_path) == path


def test_another_source_may_still_have_what_was_pinned(server, tmp_path):
    first, second = server.put("/a", CONTENT), server.put("/b", CONTENT)
    ensure_file(unknown(first), tmp_path).unlink()
    server.put("/a", OTHER)
    assert ensure_file(unknown(first, second), tmp_path, patience=QUICK).read_bytes() == CONTENT


def test_a_checksum_that_is_published_later_counts_more_than_the_pin(server, tmp_path):
    url = server.put("/data.csv", OTHER)
    path = ensure_file(unknown(url), tmp_path)
    server.put("/data.csv", CONTENT)
    file = unknown(url, checksum=f"md5:{md5(CONTENT).hexdigest()}")
    assert ensure_file(file, tmp_path).read_bytes() == CONTENT
    assert pin_of(path).sha256 == sha256(CONTENT).hexdigest()


def test_a_file_that_lies_in_the_cache_without_a_pin_is_pinned(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "data.csv").write_bytes(CONTENT)
    path = ensure_file(unknown(), tmp_path)
    assert pin_of(path).url == "found in the cache"
    path.write_bytes(OTHER)
    with pytest.raises(UserError, match="has no address"):
        ensure_file(unknown(), tmp_path)
    assert not path.exists()  # it is not what it was, and nothing else may stand under its name


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"sha256": "12"}', '{"sha256": 1, "bytes": 2, "url": "", "time": ""}']
)
def test_a_damaged_pin_is_no_pin(server, tmp_path, text):
    path = ensure_file(unknown(server.put("/data.csv", CONTENT)), tmp_path)
    path.with_name("data.csv.pin.json").write_text(text)
    with pytest.raises(UserError, match=r"data\.csv\.pin\.json is damaged") as caught:
        ensure_file(unknown(server.put("/data.csv", CONTENT)), tmp_path)
    assert "Delete it" in caught.value.hint
    assert path.read_bytes() == CONTENT


def test_nothing_is_not_trusted(server, tmp_path):
    with pytest.raises(UserError, match="expected data, got 0 bytes"):
        ensure_file(unknown(server.put("/data.csv", b"")), tmp_path, patience=QUICK)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("make", [known, unknown])
@pytest.mark.parametrize("given", ["downloads/loaded (1).csv", "downloads/data.csv", "downloads", "mirror"])
def test_a_file_that_the_user_gives(tmp_path, make, given):
    for place in ("downloads/loaded (1).csv", "downloads/data.csv", "mirror/set/data.csv"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(CONTENT)
        (tmp_path / place).chmod(0o444)
    before = {path: path.stat() for path in tmp_path.rglob("*.csv")}
    events, file = [], make()
    path = take(file, tmp_path / given, tmp_path / "cache", progress=events.append)
    assert path == tmp_path / "cache" / PLACE
    assert path.read_bytes() == CONTENT
    assert events[0] == Download("set/data.csv", 0, len(CONTENT))
    assert events[-1] == Ended("set/data.csv")
    assert (pin_of(path) is None) == (make is known)
    for own, state in before.items():
        now = own.stat()
        assert (now.st_ino, now.st_mtime_ns, now.st_size, now.st_mode, now.st_nlink) == (
            *(state.st_ino, state.st_mtime_ns, state.st_size, state.st_mode),
            1,
        )
    assert ensure_file(file, tmp_path / "cache", offline=True) == path
    assert os.access(path, os.W_OK)


def test_a_given_file_that_is_another_replaces_nothing(server, tmp_path):
    (tmp_path / "mine.csv").write_bytes(OTHER)
    for make in (known, unknown):
        cache = tmp_path / make.__name__
        path = ensure_file(make(server.put("/data.csv", CONTENT)), cache)
        with pytest.raises(UserError, match=r"mine\.csv is not taken as set/data\.csv: .*expected sha256") as caught:
            take(make(), tmp_path / "mine.csv", cache)
        assert ("--force" in caught.value.hint) == (make is unknown)
        assert path.read_bytes() == CONTENT
        assert (tmp_path / "mine.csv").read_bytes() == OTHER
        assert not [name for name in names_in(cache) if name.startswith(".")]
    assert take(unknown(), tmp_path / "mine.csv", tmp_path / "unknown", accept_changes=True).read_bytes() == OTHER


def test_a_download_that_broke_off_is_of_no_use_once_the_file_is_given(server, tmp_path):
    file = known(server.put("/data.csv", CONTENT, cuts=[3_000]))
    with pytest.raises(UserError):
        ensure_file(file, tmp_path / "cache", patience=replace(QUICK, tries=1))
    assert names_in(tmp_path / "cache") == [".part-data.csv", ".part-data.csv.json"]
    (tmp_path / "mine.csv").write_bytes(CONTENT)
    take(file, tmp_path / "mine.csv", tmp_path / "cache")
    assert names_in(tmp_path / "cache") == ["data.csv"]


def test_the_file_in_the_cache_may_be_given_itself(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / PLACE).write_bytes(CONTENT)
    assert take(known(), tmp_path / PLACE, tmp_path).read_bytes() == CONTENT


def test_a_login_page_is_not_taken(tmp_path):
    (tmp_path / "data.csv").write_text("<!doctype html><title>Log in</title>")
    for file in (known(), unknown()):
        with pytest.raises(UserError, match=r"web page \(HTML\)"):
            take(file, tmp_path / "data.csv", tmp_path / "cache")


@pytest.mark.parametrize(("given", "expected"), [("none.csv", "is not there"), ("empty", "has no data.csv")])
def test_a_given_file_that_is_not_there(tmp_path, given, expected):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=expected) as caught:
        take(known(), tmp_path / given, tmp_path / "cache")
    assert "data.csv" in caught.value.hint
    assert not (tmp_path / "cache").exists()


def test_the_pin_is_plain_json(server, tmp_path):
    path = ensure_file(unknown(server.put("/data.csv", CONTENT)), tmp_path)
    assert set(json.loads((path.with_name("data.csv.pin.json")).read_text())) == {"sha256", "bytes", "url", "time"}
