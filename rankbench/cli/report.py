"""`rankbench report`: the leaderboards of what is stored."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rankbench.cli.faults import say_faults
from rankbench.cli.report_files import check_places, write_files
from rankbench.cli.report_options import BOTH, Along, By, Compat, Match, form_of, view_of
from rankbench.cli.report_printing import print_both, print_leaderboards, print_shift, say

if TYPE_CHECKING:
    from rankbench.results.sound import Reading

KEEP = "What to show"
FORM = "Form of the output"


def report(
    ood: Annotated[
        bool, typer.Option("--ood", help="Tests iid and popularity side by side: what is real and what it costs.")
    ] = False,
    by: Annotated[
        By | None, typer.Option(help="With --ood, by groups of items and users, or at every K.", rich_help_panel=KEEP)
    ] = None,
    curve: Annotated[
        Along | None, typer.Option(help="With --ood, NDCG under a graded popularity shift.", rich_help_panel=KEEP)
    ] = None,
    pareto: Annotated[
        bool, typer.Option("--pareto", help="With --ood, all configurations that none beats.", rich_help_panel=KEEP)
    ] = False,
    match: Annotated[
        Match | None,
        typer.Option("--matched", help="With --ood, losses at the ARP or NDCG of softmax.", rich_help_panel=KEEP),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", "-d", help="Data sets; all if left out.", rich_help_panel=KEEP)
    ] = None,
    split: Annotated[
        str | None, typer.Option("--split", "-s", help="Split protocols; all if left out.", rich_help_panel=KEEP)
    ] = None,
    backbone: Annotated[
        str | None, typer.Option("--backbone", "-b", help="Backbones; all if left out.", rich_help_panel=KEEP)
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option("--loss", "-l", help="Losses; all if left out. Lines without one stay.", rich_help_panel=KEEP),
    ] = None,
    metric: Annotated[
        str, typer.Option("--metric", "-m", help="Metrics; the first one ranks.", rich_help_panel=KEEP)
    ] = "ndcg@20,recall@20",
    reranked: Annotated[
        bool,
        typer.Option(
            "--reranked", help="Keep the re-ranked lines of all losses, not of softmax alone.", rich_help_panel=KEEP
        ),
    ] = False,
    select: Annotated[
        str,
        typer.Option(
            help="Validation set that chooses parameters and epoch: iid, popularity, or both side by side.",
            rich_help_panel=KEEP,
        ),
    ] = "iid",
    compat: Annotated[
        Compat | None, typer.Option(help="Measure as the published tables do.", rich_help_panel=KEEP)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel=FORM)] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV, numbers in full.", rich_help_panel=FORM)] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.", rich_help_panel=FORM)] = False,
    latex: Annotated[
        bool, typer.Option("--latex", help="Print LaTeX, with the rules of booktabs.", rich_help_panel=FORM)
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write one page with tables and figures.", rich_help_panel=FORM),
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option("--plots", metavar="DIR", help="Write the figures as SVG, PDF and PNG.", rich_help_panel=FORM),
    ] = None,
    runs: Annotated[Path, typer.Option(envvar="RANKBENCH_RUNS", help="Folder of the results.")] = Path("runs"),
) -> None:
    """Print the leaderboard of every data set and split: parameters chosen on validation, measured on test."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: products here are too small to be shared out
    form = form_of(json=json, csv=csv, markdown=markdown, latex=latex)
    view = view_of(
        {"--by": by and by.value, "--curve": curve and curve.value, "--matched": match and match.value},
        pareto,
        ood,
        select,
    )
    from rankbench.report.request import check_names, metrics_in, names_in
    from rankbench.results.leaderboard import PLAIN, Query

    both = select == BOTH
    query = Query(
        metrics=metrics_in(metric),
        select=PLAIN if both else select,
        convention=compat.value if compat else "standard",
        datasets=names_in(dataset),
        protocols=names_in(split),
        backbones=names_in(backbone),
        losses=names_in(loss),
        all_reranked=reranked,
    )
    if html or plots:
        check_places(html, plots, form.value)
    reading = _stored(runs)
    if reading.runs:
        check_names(query, reading.runs, selects=(BOTH,))
    if html or plots:
        shown, omitted, damaged = write_files(reading, query, html, plots, both)
    elif both:
        shown, omitted, damaged = print_both(reading.runs, query, form, ood)
    elif ood:
        shown, omitted, damaged = print_shift(reading.runs, query, form, view)
    else:
        shown, omitted, damaged = print_leaderboards(reading.runs, query, form)
    faults = (*reading.faults, *damaged)
    say(shown, omitted, len(reading.runs) - len(damaged), bool(faults), ood, runs)
    say_faults(faults)


def _stored(folder: Path) -> Reading:
    from rankbench.results.sound import read_sound
    from rankbench.results.store import Store

    return read_sound(Store(folder))
