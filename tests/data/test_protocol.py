import string

import pytest

from rankbench.data.folder import split_folder
from rankbench.data.protocol import NOISE, PROTOCOLS, Protocol, folder_of, read_protocol
from rankbench.errors import UserError


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        *((name, name) for name in PROTOCOLS),
        ("iid+false-positive:0.2", "iid+false-positive:0.2"),
        (" shift + false-positive : .20 ", "shift+false-positive:0.2"),
        ("iid+false-positive:1+false-negative:5e-2", "iid+false-negative:0.05+false-positive:1"),
        ("strong+false-negative:0", "strong+false-negative:0"),
    ],
)
def test_there_is_one_spelling_and_it_stands_for_itself(typed, canonical):
    assert str(read_protocol(typed)) == canonical
    assert read_protocol(canonical) == read_protocol(typed)


def test_what_is_read():
    protocol = read_protocol("temporal+false-positive:0.1")
    assert protocol == Protocol("temporal", (("false-positive", 0.1),))
    assert protocol.noise_of("false-positive") == 0.1
    assert protocol.noise_of("false-negative") is None
    assert {name for name in PROTOCOLS if read_protocol(name).timed} == {"temporal", "leave-one-out"}


@pytest.mark.parametrize(
    ("typed", "message", "hint"),
    [
        ("idd", "Unknown split 'idd'", "Did you mean 'iid'"),
        ("", "Unknown split ''", "Known: "),
        ("iid+", "Unknown noise of split iid ''", "Known: false-negative, false-positive"),
        ("iid+false-positiv:0.2", "Unknown noise of split iid 'false-positiv'", "Did you mean 'false-positive'"),
        ("iid+false-positive", "false-positive has no value", "iid+false-positive:0.2"),
        ("iid+false-positive:", "false-positive has no value", "iid+false-positive:0.2"),
        ("iid+false-positive:much", "false-positive must be a number, got 'much'", "random items added"),
        ("iid+false-positive:0", "false-positive = 0.0 is out of range: expected > 0 and <= 1", ""),
        ("iid+false-negative:1.5", "false-negative = 1.5 is out of range: expected >= 0 and <= 1", ""),
        ("iid+false-negative:nan", "out of range", ""),
        ("iid+false-negative:0.1+false-negative:0.2", "has false-negative twice", "Name two splits"),
    ],
)
def test_what_is_no_protocol_is_an_error_that_says_what_is_one(typed, message, hint):
    with pytest.raises(UserError) as caught:
        read_protocol(typed)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_folders_have_names_that_every_file_system_takes_and_differ(tmp_path):
    typed = [*PROTOCOLS, *(f"iid+{kind}:{value}" for kind in NOISE for value in ("0.1", "1e-05", "1"))]
    names = [folder_of(str(read_protocol(text))) for text in typed]
    assert len(set(names)) == len(typed)
    allowed = set(string.ascii_lowercase + string.digits + "+-=.")
    for name in names:
        assert set(name) <= allowed
        assert not name.endswith(".")
    assert names[: len(PROTOCOLS)] == list(PROTOCOLS)  # those without noise keep the folders that they had
    assert split_folder(tmp_path, "set", typed[-1]) == tmp_path / "set" / names[-1]
