import json
import os
import subprocess
import sys

import pytest
import torch
from command import rankbench

from rankbench import doctor
from rankbench.doctor import diagnose


def test_the_machine_and_the_routes_are_shown(tmp_path):
    done = rankbench("doctor", data=tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for word in ("rankbench", "torch", "threads", "GPU", "negatives", "scores", "graph", "evaluation", "steps"):
        assert word in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 120


def test_the_document(tmp_path):
    found = json.loads(rankbench("doctor", "--json", data=tmp_path, cwd=tmp_path).stdout)
    assert found["schema"] == "rankbench.doctor/1"
    assert found["versions"]["torch"] == torch.__version__
    assert found["device"] == ("cuda" if torch.cuda.is_available() else "cpu")
    assert bool(found["gpu"]) != bool(found["without_gpu"])
    assert [route["stage"] for route in found["routes"]] == ["negatives", "scores", "graph", "evaluation", "steps"]


@pytest.fixture
def a_gpu(monkeypatch):
    """A machine that says it has an H100."""
    properties = type("", (), {"name": "NVIDIA H100", "major": 9, "minor": 0, "total_memory": 80 * 2**30})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(doctor, "free_memory", lambda device: 78 * 2**30)
    monkeypatch.setattr(doctor, "why_no_triton", lambda: "")


def test_a_gpu_and_its_routes(a_gpu, monkeypatch):
    found = diagnose()
    assert found.device == "cuda"
    assert (found.gpu.name, found.gpu.capability, found.gpu.count) == ("NVIDIA H100", "9.0", 2)
    assert doctor.memory_of(found.gpu) == "80 GiB, 78 GiB of it free"
    assert found.routes[0].route == "Triton"
    assert not found.problems
    monkeypatch.setattr(doctor, "why_no_triton", lambda: "no C compiler")
    found = diagnose()
    assert found.routes[0].route == "torch"
    assert "no C compiler" in found.problems[0]


def test_a_device_that_does_not_answer_is_a_problem(a_gpu, monkeypatch):
    def full(where):
        raise RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be reported later")

    monkeypatch.setattr(doctor, "free_memory", full)
    found = diagnose()
    assert found.gpu is None
    assert found.without_gpu == "the device does not answer: CUDA error: out of memory"
    assert found.problems == (f"Runs cannot be made on CUDA, {found.without_gpu}. Use --device cpu until it does.",)


def test_rounded_products_are_a_problem(a_gpu, monkeypatch):
    monkeypatch.setenv("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "1")
    assert "rounded to ten bits" in diagnose().problems[0]


def test_why_there_is_no_gpu(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.version, "cuda", None)
    assert doctor._why_no_gpu("") == "this torch is built for the CPU alone"
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert doctor._why_no_gpu("") == "NVIDIA's driver is not loaded"
    assert "cannot use a device with driver 580.1" in doctor._why_no_gpu("580.1")
    told = tmp_path / "version"
    told.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.105.08  Wed Oct 29 23:15:11 UTC 2025\n")
    monkeypatch.setattr(doctor, "_DRIVER", told)
    assert doctor.driver_version() == "580.105.08"
    monkeypatch.setattr(doctor, "_DRIVER", tmp_path / "nothing")
    assert doctor.driver_version() == ""


TRAINING = """
import sys
for name in ("polars", "rich", "typer"):
    sys.modules[name] = None  # importing it raises ImportError
import numpy as np, torch
import rankbench.evaluation.evaluate, rankbench.scoring.cuda, rankbench.evaluation.cuda, rankbench.training.resident
from rankbench.backbones.mf import MF
from rankbench.losses.softmax import Softmax
from rankbench.spec import TrainSpec
from rankbench.training.loop import Training
from toy import random_split
for event in Training(random_split(), Softmax(), MF(), TrainSpec(epochs=1), 0, torch.device("cpu")).run():
    pass
print("trained")
"""


def test_training_and_evaluation_need_no_data_frames():
    """As on machines that have a GPU, but neither polars nor Rich."""
    path = os.pathsep.join(p for p in sys.path if p)
    done = subprocess.run(
        [sys.executable, "-c", TRAINING], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )
    assert done.stdout == "trained\n", done.stderr
