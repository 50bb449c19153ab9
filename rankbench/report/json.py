"""Leaderboards as JSON. The schema only grows: a program that reads it keeps working.

Without `--ood` a list of leaderboards:

    dataset, protocol, test    strings
    digest, numbers            the split's sha256, the version of the numerics
    selected_by, convention    the validation set that chose; "standard" or "ir-benchmark"
    metrics                    list of METRIC@K; the first one ranks
    users                      how many users the means are over
    left_out                   list of {numbers, digest, runs}: runs that may not stand in the same table
    lines                      list of lines, best first

With `--select both` each is there once for every validation set that chose, see selected_by.

With a view (--by group, --curve, --pareto, --matched) see `rankbench.report.records`.

With `--ood` a list of tables of robustness:

    dataset                    string
    one_model                  true if both tests measure the same models, false if they are two trainings
    plain, shifted             the leaderboards of the tests iid and popularity, as above, without `lines`
    shift                      {TEST: {total_variation, kl_nats}}: how far each test is from train; kl null if infinite
    lines                      list, best under shift first and lines without a loss last, of {letter, kept_percent,
                               on_front, front_share, gain_change, control, plain, shifted}: on_front null where not
                               measured, front_share in how many of the draws of the seeds, null with one seed;
                               gain_change null or {value, low, high}, the gain under shift less that in distribution,
                               in points of percent; control null where softmax was not re-ranked, else softmax with a
                               penalty on popularity at the ARP of the line (`rankbench.results.control`): {seeds,
                               arp_ratio, arp_ratio_low, arp_ratio_high, lambdas, share, by_test}, the range of what was
                               tried, the two λ that it lies between (none where out of range) and the share of the
                               second, and by test {mean, gain_percent, contrast}, of the first metric, contrast as
                               against_softmax but over the control; plain and shifted null or a line each, with
                               groups: list from head to tail of {items, relevant, hits, recall}, at the K of the first
                               metric, summed over the seeds
                               against_softmax: null or {difference, low_percent, high_percent, effect_size, p, p_holm,
                               p_wilcoxon, p_bootstrap, p_seeds, users, noise_percent, within_noise}, of the first
                               metric, see `rankbench.results.evidence`
                               beats: null, or the letters of the lines that are significantly worse
                               and in scores also tail_ndcg, arp, arp_ratio and gini at that K, shift_tv and shift_kl

A line:

    loss, backbone             {label, name, params, source}: label as typed; source the sha256 of an outside file or ""
                               (loss of a backbone that needs none: label "-", name "none")
    train                      the training values
    tables                     {user, item} of the first run: {table, ids, rows, bytes, collision_rate,
                               traffic_collision_rate} of each embedding table, as `rankbench.tables.usage` defines it
    status                     "done" or "diverged"
    reason                     why it diverged; "" if it did not
    rerank                     what the models are re-ranked by, as pop:0.02; "" if they are not
    seeds, runs                list of seeds, and of the identifiers of their runs
    tried                      configurations to choose from
    shared_seeds               the seeds that the choice was made on; empty: each configuration was judged by its own
    valid_ndcg@20              mean over the seeds, or null
    scores                     {METRIC@K: {mean, sd, gain_percent, by_seed}}: mean is null where undefined, sd with one
                               seed, the gain over softmax with the same backbone for softmax itself and without it;
                               by_seed the values, in the order of seeds; empty if diverged
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from rankbench.results.compare_shift import Pair, Robustness
from rankbench.results.compare_tests import Group
from rankbench.results.contrast import Contrast
from rankbench.results.control import Control
from rankbench.results.leaderboard import Key, Leaderboard, Line
from rankbench.results.paired import letters
from rankbench.spec import Part


def json_of(boards: Iterable[Leaderboard]) -> str:
    """Return leaderboards as JSON."""
    return written([{**board_json(board), "lines": [_line(line) for line in board.lines]} for board in boards])


def json_of_shift(tables: Iterable[Robustness]) -> str:
    """Return tables of robustness as JSON."""
    return written([_robustness(table) for table in tables])


def _robustness(table: Robustness) -> dict[str, Any]:
    letter = {pair.line.key: letters(i) for i, pair in enumerate(table.pairs)}
    lines = [
        {
            "letter": letter[pair.line.key],
            "kept_percent": pair.kept,
            "on_front": pair.on_front,
            "front_share": pair.front_share,
            "gain_change": _change(table, pair),
            "control": _control(table.controls[pair.line.key]) if pair.line.key in table.controls else None,
            "plain": pair.plain and _side(table, pair.plain, table.plain, pair.plain_groups, letter),
            "shifted": pair.shifted and _side(table, pair.shifted, table.shifted, pair.shifted_groups, letter),
        }
        for pair in table.pairs
    ]
    return {
        "dataset": table.plain.dataset,
        "one_model": table.one_model,
        "plain": board_json(table.plain),
        "shifted": board_json(table.shifted),
        "shift": {test: {"total_variation": tv, "kl_nats": finite(kl)} for test, (tv, kl) in table.sizes().items()},
        "lines": lines,
    }


def _change(table: Robustness, pair: Pair) -> dict[str, Any] | None:
    found = table.evidence.change.get(pair.line.key) if table.evidence else None
    return {name: finite(value) for name, value in vars(found).items()} if found else None


def _control(found: Control) -> dict[str, Any]:
    return {
        "seeds": found.seeds,
        "arp_ratio": found.arp_ratio,
        "arp_ratio_low": found.low,
        "arp_ratio_high": found.high,
        "lambdas": found.between,
        "share": found.share,
        "by_test": {
            test: {
                "mean": finite(one.mean),
                "gain_percent": one.gain,
                "contrast": _contrast(one.contrast) if one.contrast else None,
            }
            for test, one in (found.by_test or {}).items()
        },
    }


def _side(
    table: Robustness, line: Line, board: Leaderboard, groups: Iterable[Group], letter: Mapping[Key, str]
) -> dict[str, Any]:
    evidence = table.evidence.by_test.get(board.test) if table.evidence else None
    contrast = evidence.contrasts.get(line.key) if evidence else None
    beaten = evidence.beats.get(line.key, ()) if evidence else ()
    return {
        **_line(line),
        "groups": [_group(group) for group in groups],
        "against_softmax": _contrast(contrast) if contrast else None,
        "beats": sorted(letter[key] for key in beaten) if evidence else None,
    }


def _contrast(found: Contrast) -> dict[str, Any]:
    named = {"low": "low_percent", "high": "high_percent", "effect": "effect_size", "noise": "noise_percent"}
    return {named.get(name, name): finite(value) for name, value in vars(found).items()}


def board_json(board: Leaderboard) -> dict[str, Any]:
    """Return what the lines of a leaderboard have in common."""
    return {
        "dataset": board.dataset,
        "protocol": board.protocol,
        "test": board.test,
        "digest": board.digest,
        "numbers": board.numbers,
        "selected_by": board.query.select,
        "convention": board.query.convention,
        "metrics": [str(metric) for metric in board.query.metrics],
        "users": board.users,
        "left_out": [vars(left) for left in board.left_out],
    }


def _line(line: Line) -> dict[str, Any]:
    choice = line.choice
    return {
        "loss": _part(line.loss, choice.loss),
        "backbone": _part(line.backbone, choice.backbone),
        "train": choice.train,
        "tables": choice.runs[0].tables,
        "rerank": choice.runs[0].configuration.rerank,
        "status": "done" if line.scores else "diverged",
        "reason": choice.failure,
        "seeds": choice.seeds,
        "runs": [run.stored.id for run in choice.runs],
        "tried": choice.tried,
        "shared_seeds": choice.shared_seeds,
        "valid_ndcg@20": choice.valid,
        "scores": {
            str(metric): {
                "mean": finite(score.mean),
                "sd": finite(score.sd),
                "gain_percent": score.gain,
                "by_seed": [finite(value) for value in score.by_seed.values()],
            }
            for metric, score in line.scores.items()
        },
    }


def finite(value: float | None) -> float | None:
    """Return a value, None in place of what JSON has no number for."""
    return value if value is not None and math.isfinite(value) else None


def _part(label: str, part: Part) -> dict[str, Any]:
    return {"label": label, **part.to_json()}


def _group(group: Group) -> dict[str, Any]:
    return {"items": group.items, "relevant": group.relevant, "hits": group.hits, "recall": group.recall}


def written(content: list[dict[str, Any]]) -> str:
    """Return plain data as JSON."""
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
