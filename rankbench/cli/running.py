"""What `rankbench run` shows: the plan, progress while runs are made, and the summary."""

from __future__ import annotations

import json as writer
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from rankbench.cli.console import notes, results
from rankbench.cli.side_by_side import Asked, run_side_by_side
from rankbench.errors import UserError
from rankbench.evaluation.meanings import MEANINGS
from rankbench.params import Value, show
from rankbench.report.embeddings import hashed, in_words
from rankbench.results.store import Store, StoredRun
from rankbench.runner import Event, Failed, Finished, Job, Started, Waiting, run_all
from rankbench.tables.form import TRAIN_VALUES
from rankbench.training.progress import EpochEnd, Notice, Step


def title_of(job: Job) -> str:
    """Return a run's name on the screen."""
    spec = job.spec
    parts = job.names if job.loss else job.names[1:]
    return " · ".join([*parts, f"{spec.dataset}/{spec.protocol}", f"seed {spec.seed}"])


def make(asked: Asked, jobs: Sequence[Job], store: Store, n: int) -> list[Finished]:
    """Make the runs, n side by side, showing progress on stderr, and return those that are stored now, in order."""
    if n > 1:
        finished = draw(run_side_by_side(asked, jobs, store, n), len(jobs), n)
    else:
        events = run_all(jobs, store, asked.settle(1), asked.force, asked.models)
        finished = draw(((0, event) for event in events), len(jobs))
    return sorted(finished, key=lambda event: jobs.index(event.job))


def draw(events: Iterable[tuple[int, Event]], total: int, n: int = 1) -> list[Finished]:
    """Draw the events of n makers of runs, each with the number of its maker, and return the runs that are stored."""
    console = notes()
    finished: list[Finished] = []
    begun = 0
    with _bar(console) as bar:
        screens = [Screen(console, bar, total, named=n > 1) for _ in range(n)]
        for maker, event in events:
            if isinstance(event, Started):
                screens[maker].count = begun
            begun += isinstance(event, Started) or (isinstance(event, Finished) and event.cached)
            screens[maker].show(event)
            if isinstance(event, Finished):
                finished.append(event)
    return finished


def _bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=16), TextColumn("{task.fields[state]}"))
    return Progress(*columns, TimeRemainingColumn(compact=True), console=console, transient=True)


@dataclass
class Screen:
    """Draws the events of runs: a line for each that ends, a bar for the one being made.

    With `named`, each line says of which run it is: there are other screens beside this one.
    """

    console: Console
    bar: Progress
    total: int
    named: bool = False
    count: int = 0
    started: float = 0.0
    task: TaskID | None = None
    state: dict[str, str] = field(default_factory=dict)
    seen: int = 0
    lead: str = "      "

    def show(self, event: Event) -> None:
        """Draw one event."""
        match event:
            case Started():
                self._start(event.job)
            case Step():
                self._step(event)
            case EpochEnd():
                self._epoch(event)
            case Notice(text):
                self.console.print(f"{self.lead}{text}", style="dim", markup=False)
            case Waiting():
                self._line(event.job, "is being made by another process; waiting for it", "yellow")
            case Finished():
                self._finish(event)
            case Failed():
                self._end()
                self._line(event.job, f"failed: {told(event.error)}", "bold red")

    def _start(self, job: Job) -> None:
        self.started = time.monotonic()
        self.state, self.seen = {}, 0
        if self.named:
            self.lead, self.state["run"] = f"{title_of(job)}: ", job.labels["loss"]
        self.console.print(f"\\[{self.count + 1}/{self.total}] {title_of(job)}", style="dim")
        self.task = self.bar.add_task("epoch 1", total=None, state="")

    def _step(self, step: Step) -> None:
        if self.task is None:
            return
        done = (step.epoch - 1) * step.total + step.done
        rate = (done - self.seen) / max(time.monotonic() - self.started, 1e-9)
        self.bar.update(
            self.task,
            total=step.epochs * step.total,
            completed=done,
            description=f"epoch {step.epoch}/{step.epochs}",
            state=" ".join([*self.state.values(), f"{rate / 1000:.0f}k/s"]),
        )

    def _epoch(self, end: EpochEnd) -> None:
        if end.loss is not None:
            self.state["loss"] = f"loss {end.loss:.4g}"
        if end.valid:
            self.state["valid"] = "valid " + " ".join(f"{name} {value:.4f}" for name, value in end.valid.items())

    def _finish(self, event: Finished) -> None:
        self._end()
        if event.cached:
            self._line(event.job, f"is stored already ({event.run.id})", "dim")
            return
        outcome = event.run.outcome
        if event.run.diverged:
            self._line(
                event.job, f"diverged: {outcome['reason']}; last finite loss {outcome['last_finite_loss']}", "yellow"
            )
            return
        epochs = f"{outcome['epochs']} epochs, " if event.job.loss else ""
        text = f"validation NDCG@20: {_best(event)}; {epochs}{outcome['seconds']:.1f} s"
        self.console.print(f"{self.lead}{text}", markup=False)
        if hashed(outcome["tables"]):
            self.console.print(f"{self.lead}{in_words(outcome['tables'])}", markup=False)

    def _line(self, job: Job, text: str, style: str) -> None:
        self.console.print(f"{title_of(job)} {text}", style=style, markup=False)

    def _end(self) -> None:
        self.count += 1
        if self.task is not None:
            self.bar.remove_task(self.task)
            self.task = None


def _best(event: Finished) -> str:
    """Return the best validation values of a run, with the epochs that they were reached in where there are several."""
    outcome = event.run.outcome
    epochs = {name: f" (epoch {epoch})" if event.job.loss else "" for name, epoch in outcome["best_epoch"].items()}
    return " ".join(f"{name} {value:.4f}{epochs[name]}" for name, value in outcome["best_valid_ndcg@20"].items())


def told(error: Exception) -> str:
    """Return what went wrong and where, in a line."""
    if isinstance(error, UserError):
        return str(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({place.filename}, line {place.lineno})"


def show_plan(jobs: Sequence[Job], store: Store, json: bool, then: Sequence[int] = ()) -> None:
    """Print the runs, their number and ids, without making any.

    `then` are the seeds that the chosen ones of these runs will be run with, too.
    """
    rows = [{"id": j.spec.id, "stored": store.has(j.spec), **j.labels, **j.spec.to_json()} for j in jobs]
    if json:
        for row, job in zip(rows, jobs, strict=True):
            row["labels"] = job.labels
        print(writer.dumps(rows, indent=2, ensure_ascii=False))
        return
    table = Table("id", "loss", "backbone", "data", "seed", "training", "", box=None, pad_edge=False)
    for job, row in zip(jobs, rows, strict=True):
        where = f"{job.spec.dataset}/{job.spec.protocol}"
        state = "stored" if row["stored"] else ""
        table.add_row(job.spec.id, *job.names, where, str(job.spec.seed), _training_text(job), state)
    console = results()
    console.print(table)
    stored = sum(bool(row["stored"]) for row in rows)
    console.print(f"{len(jobs)} runs, {stored} of them stored.")
    if then:
        seeds = ", ".join(map(str, then))
        console.print(f"What validation chooses of each is then run with seed {seeds}, too.")


def tell_finalists(jobs: Sequence[Job]) -> None:
    """Say on stderr what follows the trials."""
    notes().print(f"{len(jobs)} runs with other seeds of what validation chose.", style="dim")


def _training_text(job: Job) -> str:
    values = dict(job.spec.train)
    shown = ("lr", "weight_decay", "negatives", "epochs")
    return " ".join(f"{name}={values[name]:g}" for name in shown if values.get(name))


def show_summary(finished: Sequence[Finished], json: bool, convention: str) -> None:
    """Print what the runs reached: the test metrics of each, by its iid validation."""
    if json:
        print(writer.dumps([_as_json(event, convention) for event in finished], indent=2, ensure_ascii=False))
        return
    if not finished:
        return
    table = Table("loss", "backbone", "data", "seed", "test", box=None, pad_edge=False)
    varied = _varied([event.job for event in finished])
    for name in ("ndcg", "recall"):
        table.add_column(f"{MEANINGS[name].title}@20", justify="right")
    for event in finished:
        where = f"{event.job.spec.dataset}/{event.job.spec.protocol}"
        for test, values in _tests(event.run, convention).items() or [("-", {})]:
            cells = [f"{values[m]:.4f}" if m in values else "diverged" for m in ("ndcg@20", "recall@20")]
            loss, backbone = event.job.names
            table.add_row(" ".join([loss, *varied(event.job)]), backbone, where, str(event.job.spec.seed), test, *cells)
    console = results()
    console.print(table)
    console.print("`rankbench report` compares them; `rankbench report --ood` shows their robustness.", style="dim")


def _varied(jobs: Sequence[Job]) -> Callable[[Job], list[str]]:
    """Return what spells the training values of a job that runs of its loss differ in, tables apart."""
    values: dict[tuple[str, str], set[Value]] = {}
    for job in jobs:
        for name, value in job.spec.train:
            values.setdefault((job.spec.loss.name, name), set()).add(value)
    return lambda job: [
        f"{name}={show(value)}"
        for name, value in job.spec.train
        if len(values[job.spec.loss.name, name]) > 1 and name not in TRAIN_VALUES
    ]


def _tests(run: StoredRun, convention: str) -> dict[str, dict[str, float]]:
    """Return test -> metric@K -> value, for the epoch that the iid validation chose."""
    found: dict[str, dict[str, float]] = {}
    for row in run.table("metrics").to_pylist():
        if (row["selected_by"], row["convention"]) == ("iid", convention):
            found.setdefault(row["test"], {})[f"{row['metric']}@{row['k']}"] = row["value"]
    return found


def _as_json(event: Finished, convention: str) -> dict[str, Any]:
    return {
        "id": event.run.id,
        "path": str(Path(event.run.path)),
        "cached": event.cached,
        "spec": event.run.spec,
        "outcome": event.run.outcome,
        "tests": _tests(event.run, convention),
    }
