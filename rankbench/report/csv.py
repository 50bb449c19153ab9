"""Leaderboards as CSV: a row for every line and test set, numbers in full, columns that do not move.

    dataset, protocol, test        where the line stands
    backbone, loss                 as typed, with the parameters chosen; a dash for no loss
    train                          the training values chosen, key=value
    selected_by, convention        the validation set that chose, and how the test was measured; with `--select both`
                                   every line is there for both
    status                         done or diverged
    seeds, tried                   seeds of the line, configurations to choose from
    valid_ndcg@20                  mean over its seeds
    METRIC_mean, METRIC_sd, METRIC_gain_percent    for each metric asked for; gain over softmax with the same backbone
    users                          how many users the means are over

With `--ood` more follow, and every line is there for the test `iid` and for the test `popularity`: `kept_percent`
(shifted over plain, first metric), `gain_low_percent`, `gain_high_percent`, `p_holm` and `within_noise` of the gain in
the first metric, `on_front`, the means of what is read beside the metrics (tail_ndcg@K and so on), `recall@K_groupN`
(N = 1 the head), and of softmax with a penalty on popularity at the ARP of the line `control_lambda`, `control_mean`
and the gain over it as `control_gain_percent`, `control_gain_low_percent`, `control_gain_high_percent`,
`control_p_holm` and `control_within_noise`. What there is not is left empty.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from rankbench.evaluation.groups import GROUPS
from rankbench.evaluation.metrics import AT
from rankbench.params import show
from rankbench.results.compare_shift import Robustness, beside
from rankbench.results.compare_tests import Group
from rankbench.results.control import Control
from rankbench.results.leaderboard import Leaderboard, Line, Query


def csv_of(boards: Iterable[Leaderboard], query: Query) -> str:
    """Return leaderboards as CSV with a header, which is there without any line too."""
    return written(_columns(query), [_fields(line, board) for board in boards for line in board.lines])


def csv_of_shift(tables: Iterable[Robustness], query: Query) -> str:
    """Return tables of robustness as CSV with a header."""
    K = query.metrics[0].K
    more = beside(K or AT)
    columns = [*_columns(query), "kept_percent", *_EVIDENCE, "on_front", *(f"{metric}_mean" for metric in more)]
    columns = list(dict.fromkeys([*columns, *(f"recall@{K}_group{i}" for i in range(1, GROUPS + 1)), *_CONTROL]))
    rows = []
    for table in tables:
        for pair in table.pairs:
            for line, board, groups in (
                (pair.plain, table.plain, pair.plain_groups),
                (pair.shifted, table.shifted, pair.shifted_groups),
            ):
                if line:
                    of_pair = {"kept_percent": pair.kept, "on_front": pair.on_front}
                    means = {f"{m}_mean": line.scores[m].mean for m in more if m in line.scores}
                    contrast = _contrast(table, line, board)
                    control = _control(table.controls.get(line.key), board.test)
                    rows.append(
                        {**_fields(line, board), **of_pair, **contrast, **means, **_recalls(groups, K), **control}
                    )
    return written(columns, rows)


def _columns(query: Query) -> list[str]:
    where = ["dataset", "protocol", "test", "backbone", "loss", "train", "selected_by", "convention"]
    metrics = [f"{metric}_{what}" for metric in query.metrics for what in ("mean", "sd", "gain_percent")]
    return [*where, "status", "seeds", "tried", "valid_ndcg@20", *metrics, "users"]


def _fields(line: Line, board: Leaderboard) -> dict[str, Any]:
    scores = {
        f"{metric}_{what}": value
        for metric, score in ((m, line.scores[m]) for m in board.query.metrics if line.scores)
        for what, value in (("mean", score.mean), ("sd", score.sd), ("gain_percent", score.gain))
    }
    return {
        "dataset": board.dataset,
        "protocol": board.protocol,
        "test": board.test,
        "backbone": line.backbone,
        "loss": line.loss,
        "train": " ".join(f"{key}={show(value)}" for key, value in line.choice.train.items()),
        "selected_by": board.query.select,
        "convention": board.query.convention,
        "status": "done" if line.scores else "diverged",
        "seeds": " ".join(map(str, line.choice.seeds)),
        "tried": line.choice.tried,
        "valid_ndcg@20": line.choice.valid,
        "users": board.users if line.scores else None,
        **scores,
    }


_EVIDENCE = ("gain_low_percent", "gain_high_percent", "p_holm", "within_noise")


def _contrast(table: Robustness, line: Line, board: Leaderboard) -> dict[str, Any]:
    evidence = table.evidence.by_test.get(board.test) if table.evidence else None
    found = evidence.contrasts.get(line.key) if evidence else None
    values = (found.low, found.high, found.p_holm, found.within_noise) if found else (None,) * len(_EVIDENCE)
    return dict(zip(_EVIDENCE, values, strict=True))


_CONTROL = tuple(
    f"control_{what}"
    for what in ("lambda", "mean", "gain_percent", "gain_low_percent", "gain_high_percent", "p_holm", "within_noise")
)


def _control(found: Control | None, test: str) -> dict[str, Any]:
    versus = (found.by_test or {}).get(test) if found else None
    if found is None or versus is None:
        return {}
    one = versus.contrast
    of_contrast = (one.low, one.high, one.p_holm, one.within_noise) if one else (None,) * 4
    return dict(zip(_CONTROL, (found.strength, versus.mean, versus.gain, *of_contrast), strict=True))


def _recalls(groups: tuple[Group, ...], K: int) -> dict[str, float | None]:
    return {f"recall@{K}_group{i}": group.recall for i, group in enumerate(groups, start=1)}


def written(columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> str:
    """Return rows as CSV with a header, numbers in full, what is None left empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
