"""Files of several data sets, loaded at the same time."""

from dataclasses import replace
from pathlib import PurePosixPath

from rankbench.data.loading import Access, load_ahead
from rankbench.data.progress import Ended, Note


def test_files_of_several_sets_are_loaded_before_any_is_prepared(small, tmp_path):
    dataset, mirror = small
    source = dataset.published["iid"]
    other = replace(source, file=replace(source.file, path=PurePosixPath("iid/other.zip")))
    gone = replace(source, file=replace(source.file, path=PurePosixPath("iid/gone.zip")))
    (mirror / "iid" / "other.zip").write_bytes((mirror / "iid" / "small.zip").read_bytes())
    sets = [
        dataset,
        replace(dataset, name="other", title="Other", published={"iid": other}),
        replace(dataset, name="gone", title="Gone", published={"iid": gone}),
    ]
    wanted = [(one, protocol) for one in sets for protocol in ("iid", "shift")]
    events = []
    faults = load_ahead(tmp_path / "data", wanted, Access(str(mirror), offline=True), events.append)
    assert set(faults) == {("gone", "iid"), ("gone", "shift")}
    assert "gone.zip" in faults["gone", "iid"].message
    assert {file.name for file in (tmp_path / "data" / "archives" / "iid").glob("[a-z]*.zip")} == {
        "small.zip",
        "other.zip",
    }
    kinds = [type(event) for event in events]
    assert kinds[:3] == [Note] * 3  # the terms of all come first
    assert kinds.count(Ended) == 3
    assert "Other" in events[1].text
    assert load_ahead(tmp_path / "data", wanted[:2], Access(str(mirror)), events.append) == {}
