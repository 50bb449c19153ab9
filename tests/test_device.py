"""What is told of devices, their memory and their faults; the calls that ask a GPU are replaced."""

import os
import weakref

import pytest
import torch

from rankbench import device, runner
from rankbench.backbones.mf import MF
from rankbench.device import (
    GIB,
    device_of,
    explained,
    free_memory,
    in_gib,
    require_memory,
    rounds_products,
    set_deterministic,
    share_memory,
)
from rankbench.errors import UserError
from rankbench.losses.full_softmax import FullSoftmax
from rankbench.losses.softmax import Softmax
from rankbench.plan import Request, plan
from rankbench.results.store import Store
from rankbench.spec import TrainSpec
from rankbench.training import loop
from rankbench.training.loop import Training
from rankbench.training.memory import bytes_of
from toy import random_split

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def two_gib_free(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda where: (GIB, 80 * GIB))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda where: 3 * GIB)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda where: 2 * GIB)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda where: 2 * GIB)


def test_auto_takes_cuda_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_of("auto") == device_of("cpu") == CPU
    with pytest.raises(UserError, match=r"no CUDA device.*rankbench doctor"):
        device_of("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device_of("auto") == device_of("cuda") == CUDA
    assert device_of("cpu") == CPU


def test_products_are_rounded_only_if_that_is_asked_for(monkeypatch):
    monkeypatch.delenv(device.TF32, raising=False)
    assert not rounds_products()
    monkeypatch.setenv(device.TF32, "1")
    assert rounds_products()
    monkeypatch.delenv(device.TF32)

    def mixed():
        raise RuntimeError("you have used mix of the legacy and new APIs")

    for asked in (lambda: "high", mixed):
        monkeypatch.setattr(torch, "get_float32_matmul_precision", asked)
        assert rounds_products()


def test_memory_that_torch_keeps_is_free(two_gib_free):
    assert free_memory(CUDA) == 2 * GIB
    assert in_gib(1.25 * GIB) == "1.25 GiB"


def test_too_little_memory_is_told_in_gib(two_gib_free):
    require_memory(CUDA, 2 * GIB, "This training")
    require_memory(CPU, 10**15, "This training")
    with pytest.raises(UserError, match=r"This training needs about 2\.5 GiB of memory; .* has 2 GiB left"):
        require_memory(CUDA, 2.5 * GIB, "This training")


def test_runs_side_by_side_have_a_part_of_the_memory_each(two_gib_free, monkeypatch):
    monkeypatch.setattr(device, "_sharing", 1)
    share_memory(4)
    assert free_memory(CUDA) == 2 * GIB, "what others have taken is not there"
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda where: (70 * GIB, 80 * GIB))
    assert free_memory(CUDA) == 18 * GIB, "a quarter, of which this process has taken 2 GiB"
    with pytest.raises(UserError, match=r"needs about 20 GiB of memory; .* has 18 GiB left for each of 4 runs"):
        require_memory(CUDA, 20 * GIB, "This training")
    share_memory(1)
    require_memory(CUDA, 20 * GIB, "This training")


def test_a_training_takes_its_tables_six_times_and_the_kept_ones():
    spec = TrainSpec(batch_size=1024)
    none = bytes_of([], 0, 0, spec, 1000)
    table = torch.zeros(1000, 64)
    assert bytes_of([table], 0, 2, spec, 1000) - none == 8 * 4 * 64_000
    assert bytes_of([], 10, 0, spec, 1000) - none == 480
    assert none - bytes_of([], 0, 0, TrainSpec(batch_size=512), 1000) == 12 * 512 * 1000 * 4
    assert bytes_of([], 0, 0, spec, 10_000) - none == 12 * 1024 * 9000 * 4


@pytest.mark.parametrize(("loss", "scored"), [(Softmax, 20), (FullSoftmax, 120)])
def test_scores_of_all_items_count_where_a_loss_sees_them(loss, scored, monkeypatch):
    seen = []
    monkeypatch.setattr(loop, "bytes_of", lambda *given: seen.append(given[-1]) or 0)
    Training(random_split(), loss(), MF(), TrainSpec(negatives=20, dim=4), 0, CPU)
    assert seen == [scored]


def test_faults_are_told_in_the_users_words(two_gib_free, monkeypatch):
    error = ValueError("of the loss")
    assert explained(CPU, error) is error
    monkeypatch.setattr(torch.cuda, "synchronize", lambda where: None)
    assert explained(CUDA, error) is error
    for found in (
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError("Triton Error [CUDA]: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ):
        told = explained(CUDA, found)
        assert isinstance(told, UserError)
        assert "ran out of memory, of which the run had 2 GiB" in str(told)

    def lost(where):
        raise RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel errors might be reported later")

    monkeypatch.setattr(torch.cuda, "synchronize", lost)
    with pytest.raises(UserError, match=r"stopped working: CUDA error: unspecified launch failure What is finished is"):
        explained(CUDA, error)


def test_sums_in_a_fixed_order_are_asked_of_torch_too(monkeypatch):
    monkeypatch.setattr(device, "_deterministic", False)
    monkeypatch.setattr(os, "environ", {})
    asked = []
    monkeypatch.setattr(torch, "use_deterministic_algorithms", asked.append)
    set_deterministic(True)
    assert device.deterministic()
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    set_deterministic(False)
    assert not device.deterministic()
    assert asked == [True, False]


def test_a_run_that_finds_no_memory_leaves_the_store_whole_and_the_others_go_on(two_gib_free, tmp_path, monkeypatch):
    jobs = plan(Request("softmax,bpr", "mf", [0]), [random_split()])
    store = Store(tmp_path / "runs")

    def no_memory(job, where, checkpoint):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        yield

    monkeypatch.setattr(runner, "_train", no_memory)
    events = list(runner.run_all(jobs, store, CUDA))
    assert [type(event) for event in events] == [runner.Started, runner.Failed] * 2
    assert "ran out of memory" in str(events[1].error)
    assert not list(store.runs())


def test_a_device_that_is_lost_ends_the_command(two_gib_free, tmp_path, monkeypatch):
    jobs = plan(Request("softmax,bpr", "mf", [0]), [random_split()])

    def lost(*given):
        raise RuntimeError("CUDA error: unspecified launch failure")
        yield

    monkeypatch.setattr(runner, "_train", lost)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda where: next(lost()))
    with pytest.raises(UserError, match="What is finished is kept"):
        list(runner.run_all(jobs, Store(tmp_path / "runs"), CUDA))


def test_the_memory_of_a_run_is_given_back_before_the_next(two_gib_free, tmp_path, monkeypatch):
    jobs = plan(Request("softmax,bpr", "mf", [0]), [random_split()])
    done = []

    class Made:
        """A training that refers to itself and finds no memory."""

        def __init__(self, *given):
            done.append("made")
            self.itself = self
            weakref.finalize(self, done.append, "gone")

        def run(self):
            raise torch.OutOfMemoryError("CUDA out of memory")
            yield

    monkeypatch.setattr(runner, "Training", Made)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: done.append("given back"))
    for _ in runner.run_all(jobs, Store(tmp_path / "runs"), CUDA):
        pass
    assert done[:5] == ["given back", "made", "gone", "given back", "made"]
