import zipfile
from dataclasses import replace

import pytest
from small_archive import archive_files, small_dataset, tsv, write_archive

from rankbench.data.catalog import find_dataset
from rankbench.data.formats import read_embedded, read_published, read_titles
from rankbench.errors import UserError


def read(tmp_path, files):
    write_archive(tmp_path / "iid" / "small.zip", files)
    dataset = small_dataset(tmp_path)
    return read_published(tmp_path / "iid" / "small.zip", dataset, dataset.published["iid"])


def test_a_published_archive(tmp_path):
    split = read(tmp_path, archive_files())
    assert split.users == tuple(f"U{u}" for u in range(6))
    assert split.items[3] == "003"
    assert (len(split.train), len(split.test), len(split.pairs())) == (24, 6, 30)
    assert split.train.row(5).tolist() == [0, 5, 6, 7]
    assert split.test.row(5).tolist() == [1]


def test_the_numbers_of_the_id_lists_count_not_their_order(tmp_path):
    files = archive_files()
    head, *lines = files["user_list.tsv"].splitlines()
    files["user_list.tsv"] = "\n".join([head, *reversed(lines)]) + "\n"
    assert read(tmp_path, files).users == tuple(f"U{u}" for u in range(6))


PAIR = ("user_procid", "item_procid")


@pytest.mark.parametrize(
    ("member", "text", "expected"),
    [
        ("train.tsv", None, "has no file train.tsv"),
        ("item_list.tsv", None, "has no file item_list.tsv"),
        ("train.tsv", tsv(PAIR, [(0, 0)]), "expected 24 rows in train.tsv, got 1"),
        ("test.tsv", tsv(PAIR, [(u, 7) for u in (0, 1, 2, 3, 4, 4)]), "6 distinct pairs in test.tsv, got 5"),
        ("test.tsv", tsv(PAIR, [(u, u) for u in range(6)]), "expected 0 pairs both in train and in test, got 6"),
        ("test.tsv", tsv(PAIR, [(u, 8) for u in range(6)]), "test.tsv: expected items from 0 to 7, got 8 to 8"),
        ("test.tsv", tsv(PAIR, [(-1, u) for u in range(6)]), "test.tsv: expected users from 0 to 5, got -1 to -1"),
        ("test.tsv", tsv(PAIR, [(u, "x") for u in range(6)]), "test.tsv: expected tab-separated ids"),
        ("test.tsv", tsv(PAIR, [(u, "") for u in range(6)]), "test.tsv: expected an id in every field"),
        ("test.tsv", tsv(("user", "item"), []), "expected the columns user_procid, item_procid, got user, item"),
        ("test.tsv", "", "test.tsv: expected tab-separated ids"),
        ("user_list.tsv", tsv(("user_orgid", "user_procid"), [("a", 0)]), "expected 6 users, got 1"),
        ("user_list.tsv", tsv(("user_orgid", "user_procid"), [("a", 1)]), "the numbers 0, 1, 2, ... once each"),
    ],
)
def test_an_archive_that_is_not_as_announced(tmp_path, member, text, expected):
    files = archive_files()
    del files[member]
    with pytest.raises(UserError) as caught:
        read(tmp_path, files | ({} if text is None else {member: text}))
    assert expected in caught.value.message
    assert str(tmp_path / "iid" / "small.zip") in caught.value.message


def test_a_file_that_is_no_zip_or_a_cut_one(tmp_path):
    file = tmp_path / "iid" / "small.zip"
    write_archive(file, archive_files())
    dataset = small_dataset(tmp_path)
    content = file.read_bytes()
    for damaged in (b"", b"<html>", content[:200], content[: len(content) // 2] + content[len(content) // 2 + 9 :]):
        file.write_bytes(damaged)
        with pytest.raises(UserError, match="is not a zip archive that can be read"):
            read_published(file, dataset, dataset.published["iid"])


def test_a_changed_byte_in_a_member_is_found(tmp_path):
    file = tmp_path / "iid" / "small.zip"
    write_archive(file, archive_files())
    with zipfile.ZipFile(file) as archive:
        start = archive.getinfo("train.tsv").header_offset + 30 + len("train.tsv")
    content = bytearray(file.read_bytes())
    content[start + 20] ^= 0xFF
    file.write_bytes(bytes(content))
    dataset = small_dataset(tmp_path)
    with pytest.raises(UserError, match="is not a zip archive that can be read"):
        read_published(file, dataset, dataset.published["iid"])


def test_the_embedded_data():
    embedded = find_dataset("online-retail").embedded
    assert embedded is not None
    frame = read_embedded(embedded, "str")
    assert frame.columns == ["user", "item", "time"]
    assert len(frame) == 266_221
    assert frame["user"][0] == "12346"
    titles = read_titles(embedded)
    assert titles["10002"] == "INFLATABLE POLITICAL GLOBE"
    assert set(frame["item"]) <= set(titles)


def test_changed_embedded_data_are_refused(tmp_path):
    embedded = find_dataset("online-retail").embedded
    assert embedded is not None
    changed = tmp_path / "interactions.parquet"
    changed.write_bytes(embedded.interactions.read_bytes() + b"x")
    for file in (changed, tmp_path / "none.parquet"):
        with pytest.raises(UserError, match="is missing or was changed"):
            read_embedded(replace(embedded, interactions=file), "str")
