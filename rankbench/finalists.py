"""The second half of a search: what validation chose among the trials is run with the other seeds, too.

So the search costs one seed, and every figure of a report is a mean over several. Nothing here reads a test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rankbench.backbones import LossFree
from rankbench.results.compare_choice import choose
from rankbench.results.compare_runs import Run, run_of
from rankbench.results.leaderboard import Key, key_of
from rankbench.results.store import Store
from rankbench.runner import Job


def finalists(trials: Sequence[Job], store: Store, seeds: Sequence[int]) -> list[Job]:
    """Return the runs with other seeds of what each validation set chose for each loss on each backbone.

    All re-rankings of what was chosen are among them, as they train nothing: a sweep of penalties has all seeds, too.

    Args:
        trials: the runs of one seed to choose from; those that failed are not stored and cannot be chosen.
        store: where they are.
        seeds: the other seeds.

    Raises:
        UserError: a stored run cannot be read.
    """
    fields: dict[tuple[str, str, Key], dict[str, tuple[Job, Run]]] = {}
    for job in trials:
        if store.has(job.spec) and _depends_on_seed(job):
            run = run_of(store.get(job.spec))
            fields.setdefault((run.dataset, run.protocol, key_of(run)), {})[job.spec.id] = job, run
    chosen: dict[str, Job] = {}
    for field in fields.values():
        runs = [run for _, run in field.values()]
        for select in sorted({name for run in runs for name in run.valid}):
            choice = choose(runs, select)
            if not choice.failed:
                job, _ = field[choice.runs[0].stored.id]
                chosen[job.spec.id] = job
    trained = {replace(job.spec, rerank="") for job in chosen.values()}
    whole = [job for job in trials if replace(job.spec, rerank="") in trained]
    return [replace(job, spec=replace(job.spec, seed=seed)) for job in whole for seed in seeds]


def _depends_on_seed(job: Job) -> bool:
    return not issubclass(job.backbone, LossFree) or job.backbone.uses_seed
