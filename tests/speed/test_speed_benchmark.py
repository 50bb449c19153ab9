"""The whole benchmark on a tiny size: its events, its parts, and the document with its schema."""

import io
import json
from dataclasses import fields

import pytest
import torch
from rich.console import Console

from rankbench import parallel
from rankbench.cli.speed_tables import draw
from rankbench.errors import UserError
from rankbench.speed import jobs, machine
from rankbench.speed.benchmark import (
    PARTS,
    SCHEMA,
    Doing,
    Done,
    Limits,
    Request,
    measure,
    read_backbone,
    read_losses,
    read_parts,
)
from rankbench.speed.results import Measurement, Ratio, Results
from rankbench.speed.sizes import Shape, Size
from rankbench.speed.step import STAGES

TINY = Size("tiny", 60, 150, 900)
DSL = "dsl:lambda_similarity=-0.25"


@pytest.fixture(scope="module")
def measured():
    """All events and the document of a tiny request."""
    request = Request(
        read_losses(f"softmax,{DSL}"), read_backbone("mf"), (TINY,), threads=2, rounds=2, shape=Shape(32, 16, 8)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "_ROUNDS", 2)
        patch.setattr(machine, "_GEMM", 64)
        patch.setattr(machine, "_COPIED", 4096)
        measuring, events = measure(request), []
        while True:
            try:
                events.append(next(measuring))
            except StopIteration as end:
                return events, end.value


def test_events(measured):
    events, _ = measured
    assert [e.part for e in events if isinstance(e, Done)] == list(PARTS)
    assert sum(isinstance(e, Limits) for e in events) == 1
    assert any(isinstance(e, Doing) and "propagation" in e.text for e in events)


def test_document(measured):
    document = json.loads(json.dumps(measured[1], allow_nan=False))
    assert document["schema"] == SCHEMA == "rankbench.speed/1"
    assert set(document) == {
        "schema", "machine", "threads", "repeat", "shape", "losses", "backbone", "sizes", "measurements", "ratios",
    }  # fmt: skip
    assert set(document["machine"]) == {"cpu", "processors", "load", "python", "torch", "numba", "gpu"}
    assert document["losses"] == ["softmax", DSL]
    assert document["sizes"][0].keys() == {"name", "n_users", "n_items", "n_train", "gini"}
    for row in document["measurements"]:
        assert list(row) == [f.name for f in fields(Measurement)]
        assert row["median"] > 0 or row["part"] == "memory"
        assert row["rounds"] >= 1
    for row in document["ratios"]:
        assert list(row) == [f.name for f in fields(Ratio)]
    identity = [tuple(r[k] for k in ("part", "size", "subject", "stage", "by")) for r in document["measurements"]]
    assert len(set(identity)) == len(identity)


def test_ratios_are_those_of_the_medians(measured):
    document = measured[1]
    median = {(m["part"], m["subject"], m["stage"], m["by"]): m["median"] for m in document["measurements"]}
    assert document["ratios"]
    for r in document["ratios"]:
        above, below = (median[r["part"], r["subject"], r["stage"], by] for by in (r["of"], r["to"]))
        assert r["value"] == pytest.approx(above / below)


def test_every_part_measures_what_it_promises(measured):
    rows = {(m["part"], m["subject"], m["stage"], m["by"]) for m in measured[1]["measurements"]}
    for by in ("engine", "one thread", "published", "plain"):
        assert ("step", "softmax", "", by) in rows
        assert ("graph", "propagation", "", by) in rows
        assert ("sampling", "negatives", "", by) in rows
    assert {("step", DSL, "", "engine"), ("step", DSL, "", "softmax")} <= rows
    assert {("stages", loss, stage, "engine") for loss in ("softmax", DSL) for stage in STAGES} <= rows
    assert {("evaluate", "evaluation", "", by) for by in ("engine", "published", "plain", "product")} <= rows
    assert {("evaluate", "accuracy", "", by) for by in ("engine", "published", "plain")} <= rows
    for subject in ("step", "epoch"):
        doubled = {("scaling", subject, "", by) for by in ("base", "interactions", "items", "negatives", "dim")}
        assert doubled <= rows
    assert {
        ("limits", subject, "", by) for subject in ("matrix product", "copy") for by in ("engine", "one thread")
    } <= rows


def test_one_thread_has_nothing_to_compare_itself_with():
    request = Request(read_losses("softmax"), read_backbone("mf"), (TINY,), ("sampling",), 1, 1, Shape(8, 4, 4))
    before = parallel.threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "_ROUNDS", 1)
        patch.setattr(machine, "_GEMM", 64)
        patch.setattr(machine, "_COPIED", 4096)
        done = [e for e in measure(request) if isinstance(e, Done)]
    assert [e.part for e in done] == ["sampling"]
    assert {m.by for m in done[0].results.measurements} == {"engine", "published", "plain", "unchecked"}
    assert parallel.threads() == before


def test_requests():
    assert read_parts("graph, step") == ("step", "graph")
    assert read_parts("jobs,step") == ("step", "jobs")
    assert read_parts(None) == PARTS
    assert read_parts(None, torch.device("cuda")) == ("step", "evaluate", "sampling", "graph", "jobs")
    assert [loss.label for loss in read_losses("softmax,softmax,bpr")] == ["softmax", "bpr"]
    for read, wrong in (
        (read_parts, "stpe"),
        (read_parts, ","),
        (read_losses, "sofmax"),
        (read_losses, "softmax:tau=-1"),
        (read_backbone, "mff"),
        (read_backbone, "mf,lightgcn"),
    ):
        with pytest.raises(UserError):
            read(wrong)


@pytest.mark.parametrize("name", ["full-softmax", "infonce"])
def test_losses_that_see_no_negatives_are_refused_before_anything_is_measured(name):
    with pytest.raises(UserError, match=f"`rankbench check {name}` times its step"):
        read_losses(f"softmax,{name}")


def finished(measuring) -> tuple[list[str], Results]:
    """Return what a measurement says that it does, and its results."""
    said = []
    while True:
        try:
            said.append(next(measuring))
        except StopIteration as end:
            return said, end.value


def test_trainings_side_by_side():
    shape = Shape(32, 16, 8)
    work = jobs.Work(TINY, read_losses("softmax")[0], read_backbone("mf"), shape, "cpu", rounds=2, seconds=0.01)
    said, results = finished(jobs.measure_jobs(work, threads=2))
    assert said == ["tiny: 1 job side by side", "tiny: 2 jobs side by side"]
    one, two = results.measurements
    assert (one.by, one.threads, one.unit, one.rounds) == ("1 job", 2, "steps/s", 2)
    assert (two.by, two.threads) == ("2 jobs", 1)
    assert min(one.worst, two.worst) > 0
    assert results.ratio("jobs", "tiny", "softmax", "2 jobs", "1 job") == pytest.approx(two.median / one.median)
    console = Console(file=io.StringIO(), width=80)
    draw(console, Request((work.loss,), work.backbone, (TINY,), ("jobs",)), "jobs", results)
    assert "2 jobs" in console.file.getvalue()


def test_jobs_for_which_there_is_no_memory_end_the_part(monkeypatch):
    def rates(work, n, threads):
        if n > 2:
            raise UserError("This training needs about 3 GiB of memory", "Make fewer runs at a time.")
        return [10.0 * n]

    monkeypatch.setattr(jobs, "_rates", rates)
    work = jobs.Work(TINY, read_losses("softmax")[0], read_backbone("mf"), Shape(32, 16, 8), "cuda", rounds=1)
    one, two = finished(jobs.measure_jobs(work, threads=1))[1].measurements
    assert not one.note
    assert two.note == "more jobs could not be measured: This training needs about 3 GiB of memory"
