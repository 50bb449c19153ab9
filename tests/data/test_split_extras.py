"""What some protocols add to a split: in its digest, in what is masked, on disk and in the manifest."""

import json
from dataclasses import replace

import pytest
from split_cases import as_set, exposed_of, pairs_of

from rankbench.data.folder import load_split, read_manifest, split_folder, write_split
from rankbench.data.interactions import FalseNegatives, Interactions, Split
from rankbench.data.protocols import divide
from rankbench.data.protocols.parts import Parts
from rankbench.errors import UserError
from toy import random_interactions, random_split

ROWS = [(u, i, (u * i) % 17) for u in range(30) for i in range(20) if (u + i) % 4]
SHOWN = [(u, i, (u + i) % 9) for u in range(0, 30, 2) for i in range(0, 20, 3)]
NAMES = {
    "strong": ["fold-in"],
    "exposure": ["exposed"],
    "iid+false-negative:0.1": ["false-negatives"],
    "exposure+false-negative:0.25+false-positive:0.5": ["exposed", "false-negatives"],
    "leave-one-out": [],
    "shift+false-positive:0.1": [],
}


def parts_of(protocol: str) -> Parts:
    pairs = pairs_of(ROWS, protocol)
    return divide(protocol, pairs, exposed=exposed_of(SHOWN, pairs))


@pytest.mark.parametrize("protocol", NAMES)
def test_a_split_comes_back_from_disk_as_it_was(protocol, small, tmp_path, monkeypatch):
    monkeypatch.setattr("rankbench.data.manifest.source_of", lambda *_: {"url": "", "sha256": ""})
    dataset, _ = small
    parts, pairs = parts_of(protocol), pairs_of(ROWS, protocol)
    items = dict.fromkeys(parts.item_ids(pairs))
    written = write_split(tmp_path, dataset, protocol, parts, pairs.users, items)
    loaded = load_split(tmp_path, "small", protocol)
    for split in (written, loaded):
        assert split.digest == parts.split("other", protocol).digest
        assert list(split.parts())[-len(NAMES[protocol]) or len(split.parts()) :] == NAMES[protocol]
    assert {name: as_set(part) for name, part in loaded.parts().items()} == {
        name: as_set(part) for name, part in written.parts().items()
    }
    if parts.false_negatives:
        assert loaded.false_negatives is not None
        assert loaded.false_negatives.probability == parts.false_negatives.probability
    manifest = read_manifest(tmp_path, "small", protocol)
    assert manifest["protocol"] == protocol
    assert manifest["parameters"] == parts.parameters
    assert set(manifest["parts"]) == set(written.parts())
    assert {"train, validation and test sets share no pair"} <= set(manifest["conventions"])


def test_another_probability_in_the_manifest_is_damage(small, tmp_path, monkeypatch):
    monkeypatch.setattr("rankbench.data.manifest.source_of", lambda *_: {"url": "", "sha256": ""})
    protocol = "iid+false-negative:0.1"
    parts, pairs = parts_of(protocol), pairs_of(ROWS, protocol)
    write_split(tmp_path, small[0], protocol, parts, pairs.users, dict.fromkeys(pairs.items))
    file = split_folder(tmp_path, "small", protocol) / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest["parameters"]["probability that a negative is a false one"] = 0.2
    file.write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="digest"):
        load_split(tmp_path, "small", protocol)
    del manifest["parameters"]["probability that a negative is a false one"]
    file.write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="damaged"):
        load_split(tmp_path, "small", protocol)


def test_the_digest_covers_all_that_changes_a_result():
    plain, more = random_split(), random_interactions(9, 60, 120, 2)
    none = Interactions.from_pairs(more.users[:0], more.items[:0], 60, 120)
    variants = [
        plain,
        *(replace(plain, fold_in=part) for part in (more, none)),
        *(replace(plain, exposed=part) for part in (more, none)),
        *(replace(plain, false_negatives=FalseNegatives(part, p)) for part in (more, none) for p in (0.0, 0.1)),
    ]
    assert len({split.digest for split in variants}) == len(variants)


def test_the_digest_of_a_split_without_extras_is_what_it_was():
    golden = "e711a0fc2d4dc61f8cafd3610822bf9a3abb27c8b4b771ea32e37a6af28e7490"
    assert random_split().digest == golden


def test_what_is_masked():
    plain = random_split(4)
    free = random_interactions(5, 60, 120, 6).without(plain.train.union(*plain.valids.values(), *plain.tests.values()))
    train, valids, tests = as_set(plain.train), map(as_set, plain.valids.values()), plain.tests
    held_out = set().union(*valids)
    assert plain.inputs is plain.train
    assert plain.mask_of_valid() is plain.train
    assert as_set(plain.mask_of_test("iid")) == train | held_out | as_set(tests["popularity"])
    folded = replace(plain, fold_in=free)
    noisy = replace(plain, false_negatives=FalseNegatives(free, 0.1))
    for split in (folded, noisy):
        assert as_set(split.mask_of_valid()) == train | as_set(free)
        assert as_set(split.mask_of_test("popularity")) == train | held_out | as_set(tests["iid"]) | as_set(free)
    assert as_set(folded.inputs) == train | as_set(free)
    assert noisy.inputs is noisy.train


def test_without():
    a, b = random_interactions(1, 30, 40, 8), random_interactions(2, 30, 40, 8)
    assert as_set(a.without(b)) == as_set(a) - as_set(b)
    assert as_set(a.without(a)) == set()
    assert a.keys.tolist() == sorted(40 * u + i for u, i in as_set(a))
    assert isinstance(a.without(b), Interactions)
    assert (a.without(b).n_users, a.without(b).n_items) == (30, 40)


def test_conventions_are_not_listed_where_they_do_not_hold():
    from rankbench.data.manifest import conventions

    split = random_split()
    train_pair = split.train.users[:1], split.train.items[:1]
    one = Interactions.from_pairs(*train_pair, 60, 120)
    broken: list[tuple[Split, str]] = [
        (replace(split, fold_in=one), "no user of a validation or test set occurs in train"),
        (replace(split, fold_in=one), "every user of a validation or test set has fold-in items"),
        (replace(split, fold_in=one), "fold-in items are in no other part"),
        (replace(split, exposed=one), "every test item is among the items exposed to its user"),
        (replace(split, exposed=one), "no exposed pair is in train or validation"),
        (replace(split, false_negatives=FalseNegatives(one, 0.1)), "false negatives are in no other part"),
    ]
    for damaged, text in broken:
        assert text not in conventions(damaged)
