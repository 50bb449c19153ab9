"""The benchmark of a GPU, run on the CPU: what it measures and how it is shown, not how fast it is."""

import io

import pytest
import torch
from rich.console import Console

from rankbench.cli.speed_gpu_tables import draw_gpu, draw_part
from rankbench.errors import UserError
from rankbench.speed.benchmark import Request, read_backbone, read_losses, read_parts
from rankbench.speed.clock import engine_has
from rankbench.speed.gpu.limits import limits
from rankbench.speed.gpu.parts import GPU_PARTS, measure_on_gpu
from rankbench.speed.machine import Machine
from rankbench.speed.results import Results
from rankbench.speed.sizes import Shape, Size
from rankbench.speed.synthetic import synthetic_split

CPU = torch.device("cpu")
REQUEST = Request(
    read_losses("softmax,dsl:lambda_similarity=-0.25"),
    read_backbone("mf"),
    (Size("T", 60, 150, 900),),
    GPU_PARTS,
    rounds=1,
    shape=Shape(64, 20, 8),
)


@pytest.fixture(scope="module")
def measured() -> dict[str, Results]:
    found = {}
    with engine_has(1):
        for part in GPU_PARTS:
            measuring = measure_on_gpu(part, synthetic_split(REQUEST.sizes[0]), "T", REQUEST)
            while part not in found:
                try:
                    next(measuring)
                except StopIteration as end:
                    found[part] = end.value
    return found


def test_every_stage_has_a_time_and_a_rate(measured):
    step = measured["step"]
    for loss in REQUEST.losses:
        assert step.find("step", "T", loss.label, "engine").median > 0
        assert step.find("step", "T", loss.label, "engine", "epoch").median > 0
        for stage in ("sample", "vectors", "score", "backward", "optimiser"):
            assert step.find("stages", "T", loss.label, "engine", stage).median > 0
            assert step.find("achieved", "T", loss.label, "GB/s", stage).unit == "GB/s"
    assert step.ratio("step", "T", "softmax", "plain", "engine") > 0
    assert step.ratio("step", "T", "dsl:lambda_similarity=-0.25", "engine", "softmax") > 0
    assert {m.by for m in step.measurements if m.part == "routes"} >= {"dense", "plain"}


def test_the_other_parts(measured):
    assert measured["evaluate"].ratio("evaluate", "T", "top-100", "plain", "engine") > 0
    assert measured["sampling"].ratio("sampling", "T", "negatives", "engine", "plain") > 0
    assert measured["graph"].ratio("graph", "T", "propagation", "plain", "engine") > 0
    assert measured["graph"].find("graph", "T", "step", "engine").median > 0


def test_tables_fit_eighty_columns(measured):
    console = Console(file=io.StringIO(), width=80)
    best = Results(limits(CPU, 1))
    draw_gpu(console, REQUEST, Machine.here("NVIDIA H100"), best)
    for part, found in measured.items():
        draw_part(console, REQUEST, part, best, found)
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    for title in ("Best of the card", "Epochs, seconds", "Achieved by softmax", "Routes of scores"):
        assert title in text


def test_scaling_is_measured_on_the_cpu_alone():
    assert read_parts("step,scaling", torch.device("cuda")) == ("step",)
    with pytest.raises(UserError, match="scaling is measured on the CPU alone"):
        read_parts("scaling", torch.device("cuda"))
