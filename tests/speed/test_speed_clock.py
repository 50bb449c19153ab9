"""Turns, medians and threads; and the high-water mark of memory."""

import mmap
import pickle

import numpy as np
import pytest
import torch

from rankbench import parallel
from rankbench.errors import UserError
from rankbench.speed import footprint
from rankbench.speed.clock import FEW_ROUNDS, SLOW, Laps, Timing, engine_has, take_turns, torch_has
from rankbench.speed.engine import Chosen, EngineStep
from rankbench.speed.results import Measurement, Results
from rankbench.speed.sizes import Shape, Size
from rankbench.speed.synthetic import synthetic_split


def test_works_take_turns_and_slow_ones_have_fewer():
    order = []

    def work(name, seconds):
        return lambda: order.append(name) or seconds

    found = take_turns({"quick": work("quick", 0.01), "slow": work("slow", 2 * SLOW)}, FEW_ROUNDS + 2)
    assert order == ["quick", "slow"] * (FEW_ROUNDS + 1) + ["quick"] * 2
    assert (found["quick"].rounds, found["slow"].rounds) == (FEW_ROUNDS + 2, FEW_ROUNDS)
    assert found["slow"].median == 2 * SLOW


def test_median_fastest_and_slowest():
    assert Timing.of([5.0, 1.0, 2.0]) == Timing(2.0, 1.0, 5.0, 3)


def test_laps_leave_out_the_rounds_that_warm_up():
    laps = Laps()
    laps.seconds["score"] += [9.0, 1.0, 3.0]
    assert laps.timings(2) == {"score": Timing(2.0, 1.0, 3.0, 2)}


@pytest.mark.parametrize(
    ("given", "count"), [(torch_has, torch.get_num_threads), (engine_has, parallel.threads)], ids=["torch", "engine"]
)
def test_threads_are_given_back_whatever_happens(given, count):
    before, seen = count(), []

    def fail():
        with given(before + 1):
            seen.append(count())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (seen, count()) == ([before + 1], before)


def test_ratios_only_of_what_was_measured():
    results = Results()
    for by, ms in (("engine", 2.0), ("plain", 50.0)):
        results.add(Measurement("step", "S", "softmax", "", by, 2, ms, ms, ms, 1, "ms"))
    results.relate("step", "S", "softmax", "plain", "engine")
    results.relate("step", "S", "softmax", "published", "engine")
    assert results.ratio("step", "S", "softmax", "plain", "engine") == 25
    assert results.ratio("step", "S", "softmax", "published", "engine") is None
    assert len(results.ratios) == 1


def test_extra_memory_is_the_peak_above_what_was_there():
    if not footprint._reset_peak():
        pytest.skip("this system does not let a process reset its high-water mark")
    there_before = np.ones(4_000_000)

    def work():  # 100 MB from the system itself: how the C library reuses freed blocks is not tested here
        with mmap.mmap(-1, 100_000_000) as block:
            for page in range(0, len(block), mmap.PAGESIZE):
                block[page] = 1

    assert footprint._extra(work, kept=0) == pytest.approx(100, abs=10)
    assert footprint._extra(work, kept=60_000_000) == pytest.approx(40, abs=10)
    assert there_before.nbytes == 32_000_000  # alive till here, and not counted


def test_no_memory_is_made_up_where_the_system_does_not_tell(monkeypatch, tmp_path):
    monkeypatch.setattr(footprint, "_CLEAR", tmp_path / "missing" / "clear_refs")
    chosen = Chosen("loss", "softmax"), Chosen("backbone", "mf")
    assert footprint.extra_memory(Size("tiny", 60, 90, 900), *chosen, Shape(8, 4, 4), 2) == {}


def test_steps_go_on_over_epochs_and_a_loss_of_ones_own_is_timed(tmp_path):
    file = tmp_path / "mine.py"
    text = "from rankbench.losses import Loss\nclass Mine(Loss):\n    def forward(self, s):\n        return {}\n"
    file.write_text(text.format("s.neg.mean(dim=1) - s.pos"), encoding="utf-8")
    split = synthetic_split(Size("tiny", 60, 90, 900))
    mine = pickle.loads(pickle.dumps(Chosen("loss", str(file))))  # as another process gets it
    engine = EngineStep(split, mine, Chosen("backbone", "mf"), Shape(400, 4, 4))
    for _ in range(8):  # of three steps an epoch
        engine.advance()
    assert len(engine.training.curve) == 2
    assert engine.seconds() > 0
    file.write_text(text.format("(s.neg.mean(dim=1) - s.pos) * float('nan')"), encoding="utf-8")
    broken = EngineStep(split, mine, Chosen("backbone", "mf"), Shape(400, 4, 4))
    for _ in range(3):  # an epoch, after which the loop looks at its loss
        broken.advance()
    with pytest.raises(UserError, match="diverged"):
        broken.advance()
