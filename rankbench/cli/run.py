"""`rankbench run`: train losses on backbones and store what they reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rankbench.cli.places import DataFolder, Deterministic, Device, Jobs, Mirror, RunsFolder, Threads, Where

if TYPE_CHECKING:
    from rankbench.data.interactions import Split
    from rankbench.params import Value
    from rankbench.plan import Request
    from rankbench.results.store import Store
    from rankbench.runner import Job


class Compat(StrEnum):
    """Conventions of measuring other than the standard one."""

    ir_benchmark = "ir-benchmark"


TRAINING = "Training (the default is the loss's own: `rankbench show LOSS`)"


def run(
    loss: Annotated[
        str,
        typer.Option("--loss", "-l", help="Losses with parameters, as in dsl,softmax:tau=0.1 or ./my_loss.py, or all."),
    ] = "dsl,softmax",
    backbone: Annotated[str, typer.Option("--backbone", "-b", help="Backbones, as in mf,lightgcn:layers=3.")] = "mf",
    dataset: Annotated[
        str, typer.Option("--dataset", "-d", help="Data sets; see `rankbench fetch`.")
    ] = "online-retail",
    split: Annotated[str, typer.Option("--split", "-s", help="Split protocols.")] = "shift",
    seed: Annotated[str, typer.Option(help="Seeds: 3, 0,1,2 or 0-4.")] = "0",
    grid: Annotated[
        bool,
        typer.Option("--grid", help="Try each loss, or backbone without one, with its own grid of parameters."),
    ] = False,
    trials: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Try as many settings of each, with the first seed; what validation chooses is run with the others.",
            show_default=False,
        ),
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=V1,V2", help="Try all these values of a training value.", show_default=False
        ),
    ] = None,
    rerank: Annotated[
        str | None,
        typer.Option(
            metavar="pop:L1,L2",
            help="Measure each model also with its scores less L log(train interactions of the item).",
            show_default=False,
        ),
    ] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate.", rich_help_panel=TRAINING)] = None,
    weight_decay: Annotated[float | None, typer.Option(help="L2 term of Adam.", rich_help_panel=TRAINING)] = None,
    batch_size: Annotated[int | None, typer.Option(help="Interactions a step, B.", rich_help_panel=TRAINING)] = None,
    epochs: Annotated[int | None, typer.Option(help="Most epochs.", rich_help_panel=TRAINING)] = None,
    patience: Annotated[
        int | None,
        typer.Option(help="Validations without a better one before stopping; 0: never.", rich_help_panel=TRAINING),
    ] = None,
    eval_every: Annotated[
        int | None, typer.Option(help="Epochs between validations.", rich_help_panel=TRAINING)
    ] = None,
    negatives: Annotated[
        int | None, typer.Option(help="Negatives an interaction, N.", rich_help_panel=TRAINING)
    ] = None,
    sampler: Annotated[
        str | None, typer.Option(help="uniform, popularity or in-batch.", rich_help_panel=TRAINING)
    ] = None,
    sampler_exponent: Annotated[
        float | None, typer.Option(help="Exponent of popularity, for --sampler popularity.", rich_help_panel=TRAINING)
    ] = None,
    dim: Annotated[int | None, typer.Option(help="Dimensions of the embeddings, d.", rich_help_panel=TRAINING)] = None,
    precision: Annotated[
        str | None, typer.Option(help="fp32 or bf16, of the products with negatives.", rich_help_panel=TRAINING)
    ] = None,
    init: Annotated[str | None, typer.Option(help="normal or xavier.", rich_help_panel=TRAINING)] = None,
    user_table: Annotated[
        str | None,
        typer.Option(help="Rows of user embeddings; see `rankbench list tables`.", rich_help_panel=TRAINING),
    ] = None,
    item_table: Annotated[
        str | None, typer.Option(help="Rows of item embeddings, as in hash:50%.", rich_help_panel=TRAINING)
    ] = None,
    device: Where = Device.auto,
    deterministic: Deterministic = False,
    threads: Threads = None,
    jobs: Jobs = 1,
    data: DataFolder = None,
    runs: RunsFolder = Path("runs"),
    mirror: Mirror = None,
    compat: Annotated[
        Compat | None,
        typer.Option(help="Show the summary in the convention of the published tables.", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Make stored runs again.")] = False,
    save_model: Annotated[bool, typer.Option("--save-model", help="Keep trained parameters with each run.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the runs and their ids, make none.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train every loss on every backbone, data set, split and seed; what is stored already is skipped.

    Backbones that train without a loss, such as ease and popularity, are run once each.
    """
    given: dict[str, Value | None] = {
        "lr": lr, "weight_decay": weight_decay, "batch_size": batch_size, "epochs": epochs, "patience": patience,
        "eval_every": eval_every, "negatives": negatives, "sampler": sampler, "sampler_exponent": sampler_exponent,
        "dim": dim, "precision": precision, "init": init, "user_table": user_table, "item_table": item_table,
    }  # fmt: skip
    from rankbench.cli import running
    from rankbench.cli.side_by_side import Asked, check_jobs
    from rankbench.device import device_of
    from rankbench.finalists import finalists
    from rankbench.plan import plan
    from rankbench.results.store import Store
    from rankbench.runner import check_split

    where = device_of(device.value)
    check_jobs(jobs, where.type)
    store = Store(runs)
    asked_for = {k: v for k, v in given.items() if v is not None}
    request = _request(loss, backbone, seed, asked_for, vary or [], grid, trials, rerank)
    plan(request, [])  # names and parameters are checked before any data are touched
    splits = splits_of(data, dataset, split, mirror)
    for prepared in splits:
        check_split(prepared)
    planned = plan(request, splits)
    if dry_run:
        running.show_plan(planned, store, json, then=request.seeds[1:] if trials else ())
        return
    made = partial(_planned, request, data, dataset, split)
    asked = Asked(made, runs, where.type, deterministic, threads, force, save_model)
    finished = running.make(asked, planned, store, jobs)
    if trials and (chosen := finalists(planned, store, request.seeds[1:])):
        running.tell_finalists(chosen)
        asked = replace(asked, plan=partial(_chosen, made, store, request.seeds[1:]))
        finished, planned = finished + running.make(asked, chosen, store, jobs), planned + chosen
    running.show_summary(finished, json, compat.value if compat else "standard")
    if len(finished) < len(planned):
        raise typer.Exit(1)


def _request(
    loss: str,
    backbone: str,
    seed: str,
    train: dict[str, Value],
    vary: list[str],
    grid: bool,
    trials: int | None,
    rerank: str | None,
) -> Request:
    from rankbench.errors import UserError
    from rankbench.params import resolve
    from rankbench.plan import Request, read_seeds, read_vary
    from rankbench.rerank import read_rerank
    from rankbench.spec import TrainSpec

    if grid and trials:
        raise UserError(
            "--grid and --trials: one tries all settings, the other some.",
            f"Leave --grid out; --trials {trials} tries as many of each loss's grid.",
        )
    resolve(TrainSpec, train, "training")
    reranked = read_rerank(rerank) if rerank is not None else ()
    return Request(loss, backbone, read_seeds(seed), train, read_vary(vary), grid, trials or 0, reranked)


def _planned(request: Request, data: Path | None, datasets: str, protocols: str) -> list[Job]:
    """Return the runs of a request, whose data are there already."""
    from rankbench.plan import plan

    return plan(request, splits_of(data, datasets, protocols, None))


def _chosen(trials: Callable[[], list[Job]], store: Store, seeds: Sequence[int]) -> list[Job]:
    """Return the runs with other seeds of what validation chose among the trials, which are stored already."""
    from rankbench.finalists import finalists

    return finalists(trials(), store, seeds)


def splits_of(data: Path | None, datasets: str, protocols: str, mirror: str | None) -> list[Split]:
    """Return the splits asked for, prepared now if they are missing; all names are checked first."""
    from rankbench.cli.reporter import Reporter
    from rankbench.data.catalog import catalog_of, find_dataset
    from rankbench.data.folder import default_data_folder
    from rankbench.data.prepare import Access, ensure_split
    from rankbench.data.protocol import read_protocol

    folder = data.expanduser() if data else default_data_folder()
    catalog = catalog_of(folder)
    wanted = [(d.strip(), str(read_protocol(p))) for d in datasets.split(",") for p in protocols.split(",")]
    for name, protocol in wanted:
        find_dataset(name, catalog).source_of(protocol)
    with Reporter() as reporter:
        return [ensure_split(folder, d, p, Access(mirror), reporter.show) for d, p in wanted]
