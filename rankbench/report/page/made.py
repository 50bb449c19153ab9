"""How the runs behind a leaderboard were made: for each the command that makes it again, and on what."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from rankbench.report.stored import facts_of_run
from rankbench.results.compare_runs import Run
from rankbench.results.leaderboard import Line
from rankbench.results.lookup import command_of


def runs_html(lines: Sequence[Line]) -> str:
    """Return the runs of the lines, folded up, each once."""
    seen: set[str] = set()
    parts = []
    for line in lines:
        runs = [run for run in line.choice.runs if run.stored.id not in seen]
        seen.update(run.stored.id for run in runs)
        if runs:
            parts.append(_line(line, runs))
    return f"<h3>How to make it again</h3>\n{''.join(parts)}"


def _line(line: Line, runs: Sequence[Run]) -> str:
    title = escape(f"{line.loss} · {line.backbone}")
    several = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    return (
        f'<details class="runs"><summary>{title} <span class="detail">{several}, {line.choice.tried} tried</span>'
        f"</summary>{''.join(map(_run, runs))}</details>\n"
    )


def _run(run: Run) -> str:
    shown = ("loss", "training", "ended", "made")
    facts = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>"
        for name, value in facts_of_run(run)
        if name in shown or name.startswith("file")
    )
    command = f"<pre><code>{escape(command_of(run))}</code></pre>"
    return (
        f"<h4>Run {escape(run.stored.id)}, seed {run.seed}</h4>"
        f'<div class="command">{command}<button type="button">Copy</button></div><dl>{facts}</dl>'
    )
