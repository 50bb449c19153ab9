"""What a report is asked for, checked: metrics, and names that occur in the store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rankbench.errors import UserError, unknown
from rankbench.evaluation.meanings import MEANINGS
from rankbench.evaluation.metrics import KS
from rankbench.results.compare_runs import Run
from rankbench.results.compare_tests import Metric
from rankbench.results.leaderboard import Query


def names_in(text: str | None) -> tuple[str, ...]:
    """Return the names in a comma-separated list; none for None."""
    return tuple(filter(None, (name.strip() for name in (text or "").split(","))))


def metrics_in(text: str) -> tuple[Metric, ...]:
    """Return the metrics in a comma-separated list such as `ndcg@20,recall@20`, each once.

    Raises:
        UserError: one that is not measured, or nothing.
    """
    found = tuple(dict.fromkeys(_metric(word) for word in names_in(text)))
    if not found:
        raise UserError("--metric names no metric.", "Give some, as in --metric ndcg@20,recall@20.")
    return found


def check_names(query: Query, runs: Sequence[Run], selects: Iterable[str] = ()) -> None:
    """Check that every name that is asked for occurs in the store.

    Args:
        query: what is asked for.
        runs: the store.
        selects: what else could have been asked for in the place of a validation set.

    Raises:
        UserError: one that does not, with the closest that do.
    """
    check_parts(query, runs)
    validated = {name for run in runs for name in run.valid}
    _check("validation set", (query.select,), validated | set(selects) if validated else validated)


def check_parts(query: Query, runs: Sequence[Run]) -> None:
    """Check the names of data sets, splits, backbones and losses that are asked for, as `check_names` does."""
    for kind, asked, known in (
        ("data set", query.datasets, {run.dataset for run in runs}),
        ("split", query.protocols, {run.protocol for run in runs}),
        ("backbone", query.backbones, {run.configuration.backbone.name for run in runs}),
        ("loss", query.losses, {run.configuration.loss.name for run in runs}),
    ):
        _check(kind, asked, known)


def asked_for(runs: Iterable[Run], query: Query) -> list[Run]:
    """Return the runs with the data sets, splits, backbones and losses that are asked for."""
    return [
        run
        for run in runs
        if run.dataset in (query.datasets or (run.dataset,))
        and run.protocol in (query.protocols or (run.protocol,))
        and run.configuration.backbone.name in (query.backbones or (run.configuration.backbone.name,))
        and run.configuration.loss.name in (query.losses or (run.configuration.loss.name,))
    ]


def _check(kind: str, asked: Iterable[str], known: set[str]) -> None:
    for name in asked:
        if ":" in name and name.partition(":")[0] in known:
            raise UserError(
                f"The report takes the name of a {kind} without parameters, got {name!r}.",
                f"Use {name.partition(':')[0]!r}; validation chooses its parameters.",
            )
        if name not in known and not (kind == "validation set" and not known):
            raise unknown(kind, name, known, "The report knows the names in the stored runs.")


def _metric(word: str) -> Metric:
    name, at, cut = word.partition("@")
    by_plain_name = {_plain(known): known for known in MEANINGS}
    if _plain(name) not in by_plain_name:
        raise unknown("metric", name, MEANINGS, "A metric is given with its cut-off, as in ndcg@20.")
    found = by_plain_name[_plain(name)]
    if not MEANINGS[found].has_cut_off:
        if at:
            raise UserError(f"{word!r}: {found} has no cut-off.", f"Use {found}.")
        return Metric(found, 0)
    if not at or cut not in map(str, KS):
        raise UserError(
            f"{word!r}: a metric is given with one of the cut-offs {', '.join(map(str, KS))}.",
            f"For example {found}@20.",
        )
    known = MEANINGS[found].only_at
    if known and int(cut) != known:
        raise UserError(f"{word!r}: {found} is known at {known} alone.", f"Use {found}@{known}.")
    return Metric(found, int(cut))


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
