"""`rankbench run --jobs` as a user calls it; one of the processes is killed."""

import contextlib
import json

import pytest
from command import rankbench

from rankbench.cli import side_by_side
from rankbench.cli.side_by_side import Asked, _groups, _packed, _unpacked, check_jobs, run_side_by_side
from rankbench.data.prepare import ensure_split
from rankbench.errors import UserError
from rankbench.plan import Request, plan
from rankbench.results.store import Store
from rankbench.runner import Failed, Finished, Started, Waiting
from rankbench.training.progress import EpochEnd, Step
from toy import random_split

DEADLY = """
import os, signal
from rankbench.losses import Loss

class Deadly(Loss):
    def forward(self, s):
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_runs_are_made_side_by_side_and_one_that_is_killed_costs_itself_alone(tmp_path):
    data = tmp_path / "data"
    ensure_split(data, "online-retail", "shift")
    (tmp_path / "deadly.py").write_text(DEADLY)
    words = ("--negatives", "3", "--epochs", "1", "--dim", "4", "--batch-size", "8192")
    made = rankbench(
        "run", "--loss", "./deadly.py,bpr,mse", *words, "-j", "2", "--threads", "2", "--json", data=data, cwd=tmp_path
    )
    assert made.returncode == 1, made.stderr
    assert [row["spec"]["loss"]["name"] for row in json.loads(made.stdout)] == ["bpr", "mse"]
    assert "its process was killed" in " ".join(made.stderr.split())
    alone = rankbench("run", "--loss", "bpr", *words, "--force", "--json", data=data, cwd=tmp_path)
    assert json.loads(alone.stdout)[0]["tests"] == json.loads(made.stdout)[0]["tests"]


def test_trials_and_what_was_chosen_of_them_are_made_side_by_side(tmp_path):
    data = tmp_path / "data"
    ensure_split(data, "online-retail", "shift")
    words = ("run", "--loss", "bpr", "--trials", "2", "--seed", "0-1")
    quick = ("--negatives", "3", "--epochs", "1", "--dim", "4", "--batch-size", "8192")
    asked = rankbench(*words, *quick, "--dry-run", data=data, cwd=tmp_path)
    assert "2 runs, 0 of them stored." in asked.stdout
    assert "run with seed 1, too." in asked.stdout
    made = rankbench(*words, *quick, "-j", "2", "--threads", "2", "--json", data=data, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    rows = json.loads(made.stdout)
    assert [row["spec"]["seed"] for row in rows[:2]] == [0, 0]
    assert rows[2:]
    assert {row["spec"]["seed"] for row in rows[2:]} == {1}
    assert {row["spec"]["train"]["lr"] for row in rows[2:]} <= {row["spec"]["train"]["lr"] for row in rows[:2]}


def test_more_runs_than_processors_are_refused_on_the_cpu(monkeypatch):
    monkeypatch.setattr(side_by_side, "available_threads", lambda: 4)
    check_jobs(4, "cpu")
    check_jobs(8, "cuda")
    with pytest.raises(UserError, match=r"--jobs 5: on the CPU each run needs .* may use 4.*--jobs 4 or fewer"):
        check_jobs(5, "cpu")


def nothing_to_plan():
    raise UserError("The data have gone.", "Fetch them again.")


def test_what_the_user_must_mend_before_any_run_is_told(tmp_path):
    jobs = plan(Request("softmax", "mf", [0, 1]), [random_split()])
    asked = Asked(nothing_to_plan, tmp_path, "cpu", False, 2)
    with pytest.raises(UserError, match=r"The data have gone. Fetch them again."):
        list(run_side_by_side(asked, jobs, Store(tmp_path), 2))


def planned():
    return plan(Request("mse,bpr", "mf", [0], {"epochs": 1, "negatives": 3, "dim": 4}, rerank=("pop:0.1",)), [SPLIT])


SPLIT = random_split(0, n_items=130)


def test_re_rankings_are_made_by_the_process_that_trained(tmp_path):
    jobs = planned()
    assert [[jobs[i].spec.rerank for i in group] for group in _groups(jobs)] == [["", "pop:0.1"]] * 2
    events = list(run_side_by_side(Asked(planned, tmp_path, "cpu", False, 2), jobs, Store(tmp_path), 2))
    for worker in (0, 1):
        made = [event for number, event in events if number == worker]
        finished = [event.job for event in made if isinstance(event, Finished)]
        assert [job.spec.rerank for job in finished] == ["", "pop:0.1"]
        assert len({job.spec.loss for job in finished}) == 1
        assert sum(isinstance(event, EpochEnd) for event in made) == 1, "trained once"


def test_a_run_whose_process_dies_costs_itself_alone(tmp_path, monkeypatch):
    """The others of its group are given to another process; runs that nobody is left for are told."""
    jobs = planned()

    class Pipe:
        """The end of a pipe whose process dies in its second run."""

        def __init__(self):
            self.sent = [(None, "ready")]
            self.dead = False

        def send(self, group):
            first, second = group
            self.sent += [(first, (Started,)), (first, (Failed, "x")), (second, (Started,)), EOFError()]

        def recv(self):
            told = self.sent.pop(0)
            if isinstance(told, EOFError):
                raise told
            return told

    monkeypatch.setattr(side_by_side, "side_by_side", lambda *given: contextlib.nullcontext({0: Pipe()}))
    monkeypatch.setattr(side_by_side, "wait", lambda pipes: pipes)
    asked = Asked(planned, tmp_path, "cpu", False, 1)
    failed = [event for _, event in run_side_by_side(asked, jobs, Store(tmp_path), 1) if isinstance(event, Failed)]
    assert [jobs.index(event.job) for event in failed] == [0, 1, 2, 3]
    assert ["killed" in str(event.error) for event in failed] == [False, True, False, False]
    assert "no process was left" in str(failed[3].error)


def test_events_go_through_a_pipe(tmp_path):
    (job,) = plan(Request("softmax", "mf", [0]), [random_split()])
    store = Store(tmp_path)
    for event in (Started(job), Waiting(job), Step(1, 2, 3, 4)):
        assert _unpacked(_packed(event), job, store) == event
    try:
        raise ValueError("of a loss")
    except ValueError as error:
        failed = _unpacked(_packed(Failed(job, error)), job, store)
    assert "ValueError: of a loss (" in str(failed.error)
    with pytest.raises(UserError, match="full Free some"):
        _unpacked((UserError, "full", "Free some"), job, store)
