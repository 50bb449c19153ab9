"""Archives, good ones and hostile ones; whatever happens, nothing is left behind."""

import gzip
import io
import os
import shutil
import stat
import struct
import tarfile
import zipfile
from collections import namedtuple

import pytest

import rankbench.data.unpacking as unpacking
from rankbench.data.archives import open_members
from rankbench.errors import UserError

FILES = {
    "ml 1/ratings.csv": b"user,item\n1,2\n" * 1000,
    "ml 1/README.txt": b"read me",
    "ml 1/deep/ratings.csv": b"deeper",
    "ml 2/ratings.csv": b"user,item\n3,4\n",
}


def write_zip(file, files=FILES):
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files if isinstance(files, list) else files.items():
            archive.writestr(name, content)
    return file


def write_tar(file, files=FILES):
    with tarfile.open(file, "w:gz") as archive:
        for name, content in files if isinstance(files, list) else files.items():
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file


WRITERS = {"zip": write_zip, "tar.gz": write_tar}
both = pytest.mark.parametrize("kind", WRITERS)


@pytest.fixture
def cache(tmp_path):
    """A folder for the temporary ones, empty again after every test."""
    folder = tmp_path / "a cache"
    yield folder
    assert not folder.exists() or list(folder.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir() if path != folder) in ([], ["archive"])


def unpacked(archive, kind, member, cache, **limit):
    with open_members(archive, kind, member, cache, **limit) as files:
        return {file.name: file.read_bytes() for file in files}


def refused(archive, kind, member, cache, **limit) -> UserError:
    with pytest.raises(UserError) as caught:
        unpacked(archive, kind, member, cache, **limit)
    assert str(archive) in caught.value.message
    assert caught.value.hint
    return caught.value


@both
def test_a_member_by_name_is_there_within_the_block_only(tmp_path, cache, kind):
    archive = WRITERS[kind](tmp_path / "archive")
    with open_members(archive, kind, "ml 1/ratings.csv", cache) as (file,):
        assert file.name == "ratings.csv"
        assert file.read_bytes() == FILES["ml 1/ratings.csv"]
        assert cache in file.parents
        assert [path for path in cache.rglob("*") if path.is_file()] == [file]
    assert not file.exists()
    assert archive.exists()


@both
@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*/ratings.csv", ["ml 1/ratings.csv", "ml 2/ratings.csv"]),
        ("ml [2-9]/*", ["ml 2/ratings.csv"]),
        ("ml 1/*", ["ml 1/README.txt", "ml 1/ratings.csv"]),
        ("*/*/*.csv", ["ml 1/deep/ratings.csv"]),
        ("ml ?/rat*", ["ml 1/ratings.csv", "ml 2/ratings.csv"]),
    ],
)
def test_members_by_pattern_come_in_the_order_of_their_names(tmp_path, cache, kind, pattern, names):
    archive = WRITERS[kind](tmp_path / "archive", list(reversed(FILES.items())))
    with open_members(archive, kind, pattern, cache) as files:
        assert [file.read_bytes() for file in files] == [FILES[name] for name in names]


@both
def test_the_only_file_needs_no_name(tmp_path, cache, kind):
    one = {"folder/": b"", "folder/data.csv": b"1,2\n", "__MACOSX/._data.csv": b"\0"}
    one = {name: content for name, content in one.items() if kind == "zip" or not name.endswith("/")}
    archive = WRITERS[kind](tmp_path / "archive", one)
    for member in (None, ""):
        assert unpacked(archive, kind, member, cache) == {"data.csv": b"1,2\n"}
    WRITERS[kind](archive)
    assert "expected one file in it, got several" in refused(archive, kind, None, cache).message
    WRITERS[kind](archive, {})
    assert "expected a file in it, got none" in refused(archive, kind, None, cache).message


@both
def test_a_member_that_is_not_there_is_likened_to_those_that_are(tmp_path, cache, kind):
    archive = WRITERS[kind](tmp_path / "archive")
    error = refused(archive, kind, "ml 1/rating.csv", cache)
    assert "Unknown file in" in error.message
    assert "Did you mean 'ml 1/ratings.csv'" in error.hint
    WRITERS[kind](archive, {f"training_set/mv_{n:07}.txt": b"" for n in range(200)})
    assert len(refused(archive, kind, "probe.csv", cache).hint) < 1000
    assert "mv_0000123.txt" in refused(archive, kind, "training_set/mv_000123.txt", cache).hint


def test_a_compressed_file_takes_the_name_without_its_ending(tmp_path, cache):
    archive = tmp_path / "archive"
    archive.mkdir()
    file = archive / "ratings.csv.gz"
    file.write_bytes(gzip.compress(b"1,2\n") + gzip.compress(b"3,4\n"))
    assert unpacked(file, "gz", None, cache) == {"ratings.csv": b"1,2\n3,4\n"}


def test_a_file_that_is_not_packed_stays(tmp_path, cache):
    file = tmp_path / "archive"
    file.write_bytes(b"1,2\n")
    assert unpacked(file, "none", None, cache) == {"archive": b"1,2\n"}
    assert file.exists()


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "gz", "none"])
def test_an_archive_that_is_not_there(tmp_path, cache, kind):
    assert "is missing" in refused(tmp_path / "archive", kind, None, cache).message


@both
def test_what_fails_in_the_block_is_not_taken_for_a_fault_of_the_archive(tmp_path, cache, kind):
    archive = WRITERS[kind](tmp_path / "archive")
    for error in (ValueError, OSError, EOFError, zipfile.BadZipFile):
        with pytest.raises(error, match="mine"), open_members(archive, kind, "ml 1/ratings.csv", cache):
            raise error("mine")


OUTSIDE = ["../evil.csv", "a/../../evil.csv", "/evil.csv", "\\evil.csv", "..\\evil.csv", "C:\\evil.csv", "C:evil.csv"]


@both
@pytest.mark.parametrize("name", [*OUTSIDE, "a/evil\n.csv", "..", "a/.."])
def test_names_that_lead_out_of_the_folder(tmp_path, cache, kind, name):
    archive = WRITERS[kind](tmp_path / "archive", {name: b"evil"})
    for member in (name, None):
        assert "leads out of the folder" in refused(archive, kind, member, cache).message
    assert not (tmp_path / "evil.csv").exists()


@both
def test_hostile_members_that_are_not_wanted_are_not_touched(tmp_path, cache, kind):
    archive = WRITERS[kind](tmp_path / "archive", {"../evil.csv": b"evil", "good.csv": b"good", "/etc/evil": b"evil"})
    assert unpacked(archive, kind, "good.csv", cache) == {"good.csv": b"good"}


LINK = "expected a file as data.csv, got a link or a device"


@pytest.mark.parametrize("name", ["SYMTYPE", "LNKTYPE", "CHRTYPE", "BLKTYPE", "FIFOTYPE"])
def test_links_and_devices_in_tar_files(tmp_path, cache, name):
    info = tarfile.TarInfo("data.csv")
    info.type, info.linkname = getattr(tarfile, name), "/etc/passwd"
    archive = write_tar(tmp_path / "archive", [(info, b"")])
    assert LINK in refused(archive, "tar.gz", "data.csv", cache).message


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK])
def test_links_and_devices_in_zip_files(tmp_path, cache, mode):
    info = zipfile.ZipInfo("data.csv")
    info.create_system, info.external_attr = 3, (mode | 0o644) << 16
    archive = write_zip(tmp_path / "archive", [(info, b"/etc/passwd")])
    assert LINK in refused(archive, "zip", "data.csv", cache).message


@both
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice(tmp_path, cache, kind):
    archive = WRITERS[kind](tmp_path / "archive", [("a.csv", b"1"), ("b.csv", b"2"), ("a.csv", b"3")])
    assert "a.csv is in it twice" in refused(archive, kind, "a.csv", cache).message
    assert unpacked(archive, kind, "b.csv", cache) == {"b.csv": b"2"}


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "gz"])
def test_more_bytes_than_the_limit(tmp_path, cache, monkeypatch, kind):
    monkeypatch.setattr(unpacking, "SMALL", 100_000)
    archive, content = tmp_path / "archive", bytes(3_000_000)
    if kind == "gz":
        archive.write_bytes(gzip.compress(content))
    else:
        WRITERS[kind](archive, {"zeros": content, "small": b"small"})
    member = None if kind == "gz" else "zeros"
    assert archive.stat().st_size * unpacking.RATIO < len(content)
    assert "expected at most" in refused(archive, kind, member, cache).message
    assert "made to fill disks" in refused(archive, kind, member, cache, limit=2_999_999).hint
    assert list(unpacked(archive, kind, member, cache, limit=3_000_000).values()) == [content]


def test_what_is_not_wanted_of_a_tar_file_counts_as_well(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(unpacking, "SMALL", 100_000)
    archive = write_tar(tmp_path / "archive", {"zeros": bytes(3_000_000), "small": b"small"})
    assert "it unpacks to more than" in refused(archive, "tar.gz", "small", cache).message


def test_several_members_share_the_limit(tmp_path, cache):
    for kind, write in WRITERS.items():
        archive = write(tmp_path / "archive", {"a": os.urandom(600), "b": os.urandom(600)})
        assert len(unpacked(archive, kind, "?", cache, limit=1200)) == 2
        assert "expected at most" in refused(archive, kind, "?", cache, limit=1199).message


def forge(archive, name, field, value):
    """Change a number in both headers of a zip member: 4-byte fields at 14 (CRC), 18 (packed), 22 (size)."""
    content = bytearray(archive.read_bytes())
    with zipfile.ZipFile(archive) as opened:
        local = opened.getinfo(name).header_offset
    central = content.rindex(b"PK\x01\x02", 0, content.rindex(name.encode()))
    for place in (local + field, central + field + 2):
        struct.pack_into("<I", content, place, value)
    archive.write_bytes(content)


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_a_zip_member_of_another_size_than_announced(tmp_path, cache, size):
    archive = write_zip(tmp_path / "archive", {"a.csv": b"user,item\n1,2\n" * 1000})
    forge(archive, "a.csv", 22, size)
    message = refused(archive, "zip", "a.csv", cache).message
    assert "is not an archive that can be read" in message or f"expected {size:,} bytes of a.csv, got 14,000" in message


def test_a_zip_member_with_a_wrong_checksum(tmp_path, cache):
    archive = write_zip(tmp_path / "archive", {"a.csv": b"user,item\n"})
    forge(archive, "a.csv", 14, 12345)
    assert "Bad CRC-32" in refused(archive, "zip", "a.csv", cache).message


def test_an_encrypted_zip_member(tmp_path, cache):
    archive = write_zip(tmp_path / "archive", {"a.csv": b"user,item\n"})
    content = bytearray(archive.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    error = refused(archive, "zip", "a.csv", cache)
    assert "a.csv is encrypted" in error.message
    assert "password" in error.hint


def test_an_unknown_compression(tmp_path, cache):
    archive = write_zip(tmp_path / "archive", {"a.csv": b"user,item\n"})
    content = bytearray(archive.read_bytes())
    content[8] = content[content.index(b"PK\x01\x02") + 10] = 97
    archive.write_bytes(content)
    assert "is not an archive that can be read" in refused(archive, "zip", "a.csv", cache).message


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "gz"])
def test_cut_and_changed_archives(tmp_path, cache, kind):
    archive = tmp_path / "archive"
    noise = os.urandom(5000)
    if kind == "gz":
        archive.write_bytes(gzip.compress(noise))
    else:
        WRITERS[kind](archive, {"noise": noise})
    content = archive.read_bytes()
    member = None if kind == "gz" else "noise"
    for size in (0, 1, 10, 100, len(content) // 2, len(content) - 20, len(content) - 9, len(content) - 1):
        archive.write_bytes(content[:size])
        if (kind, size) != ("gz", 0):
            assert "is not an archive that can be read" in refused(archive, kind, member, cache).message
    for place in (len(content) // 3, len(content) // 2):
        changed = bytearray(content)
        changed[place] ^= 0x55
        archive.write_bytes(changed)
        refused(archive, kind, member, cache)
    for other in (b"<html>login</html>", noise):
        archive.write_bytes(other)
        assert "is not an archive that can be read" in refused(archive, kind, member, cache).message


def test_no_space_is_found_out_before_anything_is_written(tmp_path, cache, monkeypatch):
    usage = namedtuple("usage", "total used free")
    for kind, write in WRITERS.items():
        archive = write(tmp_path / "archive", {"a": os.urandom(100_000)})
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 10_000))
        with pytest.raises(UserError, match="Not enough space"):
            unpacked(archive, kind, "a", cache)
        monkeypatch.undo()


@both
def test_a_disk_that_fills_up_meanwhile(tmp_path, cache, monkeypatch, kind):
    archive = WRITERS[kind](tmp_path / "archive", {"a": os.urandom(100_000)})
    full = type(tmp_path).open

    class Full(io.RawIOBase):
        def writable(self):
            return True

        def write(self, _):
            raise OSError(28, "No space left on device")

    def opened(path, mode="r", *more, **options):
        return Full() if mode == "xb" else full(path, mode, *more, **options)

    monkeypatch.setattr(type(tmp_path), "open", opened)
    with pytest.raises(UserError, match="cannot be written: No space left on device"):
        unpacked(archive, kind, "a", cache)


@both
def test_a_cache_that_cannot_be_made(tmp_path, kind):
    archive = WRITERS[kind](tmp_path / "archive")
    with pytest.raises(UserError, match="cannot be written"):
        unpacked(archive, kind, "ml 1/ratings.csv", archive / "cache")
