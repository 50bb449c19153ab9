"""`rankbench run --save-model` and `rankbench explain`, as a user calls them."""

import json

import pytest
from command import rankbench

from rankbench.data.prepare import ensure_split

RUN = (
    "run",
    "--backbone",
    "ampcf:personas=2",
    "--split",
    "iid",
    "--negatives",
    "2",
    "--epochs",
    "1",
    "--dim",
    "8",
    "--json",
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    ensure_split(folder, "online-retail", "iid")
    return folder


def test_a_kept_model_is_explained(data, tmp_path):
    (plain,) = json.loads(rankbench(*RUN, "--loss", "softmax", data=data, cwd=tmp_path).stdout)
    refused = rankbench("explain", plain["id"], "--user", "12347", data=data, cwd=tmp_path)
    assert refused.returncode == 2
    assert "was not kept" in refused.stderr
    (saved,) = json.loads(rankbench(*RUN, "--loss", "softmax", "--save-model", data=data, cwd=tmp_path).stdout)
    assert (saved["id"], saved["cached"], saved["tests"]) == (plain["id"], False, plain["tests"])
    words = ("explain", plain["id"], "--user", "12347", "--top", "3")
    found = json.loads(rankbench(*words, "--json", data=data, cwd=tmp_path).stdout)
    assert found["user"]["id"] == "12347"
    assert len(found["recommended"]) == 3
    assert [p["number"] for p in found["personas"]] == [1, 2]
    screen = rankbench(*words, data=data, cwd=tmp_path).stdout
    assert "The score falls more without it" in " ".join(screen.split())
    unknown = rankbench("explain", plain["id"], "--user", "1234", data=data, cwd=tmp_path)
    assert unknown.returncode == 2
    assert "There is no user '1234'" in unknown.stderr
    (file,) = (tmp_path / "runs").glob("*/*/*/model-iid.pt")
    file.write_bytes(file.read_bytes()[:1000])
    damaged = rankbench(*words, data=data, cwd=tmp_path)
    assert damaged.returncode == 2
    assert "model-iid.pt is damaged" in damaged.stderr


def test_other_backbones_have_no_personas(data, tmp_path):
    words = ("run", "--backbone", "popularity", "--split", "iid", "--json")
    (run,) = json.loads(rankbench(*words, data=data, cwd=tmp_path).stdout)
    refused = rankbench("explain", run["id"], "--user", "12347", data=data, cwd=tmp_path)
    assert refused.returncode == 2
    assert "whose users have no personas" in refused.stderr


def test_what_a_re_ranking_moved_is_not_explained(data, tmp_path):
    words = (*RUN, "--loss", "softmax", "--save-model", "--rerank", "pop:0.1")
    runs = json.loads(rankbench(*words, data=data, cwd=tmp_path).stdout)
    codes = {run["id"]: rankbench("explain", run["id"], "--user", "12347", data=data, cwd=tmp_path) for run in runs}
    assert sorted(found.returncode for found in codes.values()) == [0, 2]
    (refused,) = (found for found in codes.values() if found.returncode)
    assert "re-ranked by pop:0.1" in refused.stderr
