import pytest

DIGESTS = {
    "shift": "863501685d2906f8f6a25666ede9cf81190c5053c3d113f341fe3a061ea328ed",
    "iid": "da32b2224edb6a99681f36810196a8dc1315c0a3ca1858460c4f7809d9a22135",
    "popularity": "b1a5192eed2c4721f5990f18ec9b5eb45d8cc5e5c43417a959ad3f999dd9b54d",
    "temporal": "217e60b7eada821a28f84d84f01d2481e4e74a0e691debbf3b4592ce0b0e7037",
}


@pytest.mark.parametrize("protocol", DIGESTS)
def test_the_splits_are_the_golden_ones(retail_splits, protocol):
    """A new digest means other results under old names: no change of code may bring one about unnoticed."""
    assert retail_splits[protocol].digest == DIGESTS[protocol]


def test_counts(retail_splits):
    split = retail_splits["iid"]
    assert (split.n_users, split.n_items) == (3_691, 2_779)
    assert len(split.train) + len(split.valids["iid"]) == 205_971
    assert len(split.tests["iid"]) == 53_323
    shifted = retail_splits["popularity"]
    assert len(shifted.train) + len(shifted.valids["iid"]) == 207_435
    assert len(shifted.tests["popularity"]) == 51_859
    assert (retail_splits["temporal"].tests["temporal"].user_counts > 0).sum() == 1_295


def test_shift_divides_everything_into_two_tests_and_two_validations(retail_splits):
    split = retail_splits["shift"]
    assert list(split.parts()) == ["train", "valid-iid", "valid-popularity", "test-iid", "test-popularity"]
    assert sum(map(len, split.parts().values())) == 259_294
    everything = split.train.union(*split.valids.values(), *split.tests.values())
    assert len(everything) == 259_294
    assert everything.user_counts.min() == everything.item_counts.min() == 10
    assert len(split.tests["popularity"]) == int(0.10 * 259_294)
    assert len(split.valids["popularity"]) == int(0.05 * 259_294)


def test_names_of_valids_and_tests(retail_splits):
    for protocol in ("iid", "popularity", "temporal"):
        assert list(retail_splits[protocol].valids) == ["iid"]
        assert list(retail_splits[protocol].tests) == [protocol]
