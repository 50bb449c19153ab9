"""The sentences under a table: what was measured how, what chose it, and what is uneven about its lines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from rankbench.evaluation.meanings import MEANINGS
from rankbench.params import Value, show
from rankbench.results.bootstrap import RESAMPLES
from rankbench.results.compare_shift import Robustness
from rankbench.results.compare_tests import Group, Metric
from rankbench.results.leaderboard import BASELINE, PLAIN, SHIFTED, Leaderboard, Line

_NOISE = (
    "≈: within noise, not significant (paired t over users, Holm over the lines) or less than the standard deviation "
    "over seeds."
)


def title_of(metric: Metric) -> str:
    """Return the metric as tables print it: NDCG@20."""
    title = MEANINGS[metric.name].title
    return f"{title}@{metric.K}" if metric.K else title


def of_leaderboard(board: Leaderboard) -> str:
    """Return the caption of a leaderboard."""
    sentences = [
        _selection(board),
        _spread(board.lines, board),
        _users(board),
        _masked(board),
        _training(board.lines),
    ]
    if len(board.tests) > 1:
        others = " and ".join(f"`{test}`" for test in board.tests if test != board.test)
        sentences.insert(0, f"Test `{board.test}` of split {board.protocol}; --ood shows it beside test {others}.")
    return " ".join(filter(None, sentences))


def of_shift(table: Robustness) -> str:
    """Return the caption of a table of robustness."""
    plain = table.plain
    first = title_of(plain.query.metrics[0])
    if table.one_model:
        what = (
            f"One model measured on two tests of split {plain.protocol}: `{PLAIN}` is drawn like the train set, "
            f"`{SHIFTED}` uniformly over items."
        )
    else:
        what = (
            f"Two trainings: each loss is trained and chosen once on split {PLAIN} and once on split {SHIFTED}. Their "
            "train sets differ, so the share kept has two causes, the shifted test and the other train set. Where they "
            f"chose different parameters, those of {PLAIN} | {SHIFTED}."
        )
    sentences = [
        what,
        f"Best under shift first, lines without a loss last. Kept: {first} on `{SHIFTED}` in percent of `{PLAIN}`.",
        _of_gains(table, first),
        _of_beats(table),
        _of_cost(table),
        of_size(table),
        _selection(plain),
        _spread([line for pair in table.pairs for line in (pair.plain, pair.shifted) if line], plain),
        _users_of_both(table),
        _masked(plain),
        _training([line for pair in table.pairs for line in (pair.plain, pair.shifted) if line]),
    ]
    return " ".join(filter(None, sentences))


def of_choices(board: Leaderboard) -> str:
    """Return the caption of a leaderboard as each validation set chooses it."""
    first = title_of(board.query.metrics[0])
    return " ".join(
        filter(
            None,
            (
                _both(board, first),
                _means(board.lines, board),
                _users(board),
                _masked(board),
                _training(board.lines),
            ),
        )
    )


def of_shift_choices(table: Robustness) -> str:
    """Return the caption of a table of robustness as each validation set chooses it."""
    lines, first = [pair.line for pair in table.pairs], title_of(table.plain.query.metrics[0])
    return " ".join(
        filter(
            None,
            (
                f"{first} on the tests `{PLAIN}` and `{SHIFTED}`.",
                _both(table.plain, first),
                _of_noise(table),
                _means(lines, table.plain),
                _users_of_both(table),
                _masked(table.plain),
                _training(lines),
            ),
        )
    )


def _both(board: Leaderboard, first: str) -> str:
    return (
        f"Each line is trained once. Two validation sets, both cut from train, choose its epoch and parameters by mean "
        f"NDCG@20: `{PLAIN}` is drawn like train, `{SHIFTED}` uniformly over items, so it knows the shift beforehand. "
        f"Change: {first} as `{SHIFTED}` chooses over that as `{PLAIN}` does, = if both chose the same. Epochs, and "
        f"parameters where they differ: {PLAIN} | {SHIFTED}."
    )


def _of_gains(table: Robustness, first: str) -> str:
    if table.evidence is None:
        return f"{first} of single users is not stored of these runs, so no gain has an interval."
    if not any(one.contrasts for one in table.evidence.by_test.values()):
        return ""
    return f"With a gain its 95 % interval ({RESAMPLES:,} bootstrap resamples of the users); {_NOISE}"


def _of_noise(table: Robustness) -> str:
    return _NOISE if table.evidence and any(e.contrasts for e in table.evidence.by_test.values()) else ""


def _of_beats(table: Robustness) -> str:
    if table.evidence is None or not any(one.contrasts for one in table.evidence.by_test.values()):
        return ""
    return "Beats: the lines that are significantly worse (the same test, Holm over all pairs)."


def _of_cost(table: Robustness) -> str:
    if not any(pair.on_front is not None for pair in table.pairs):
        return ""
    drawn = any(pair.front_share is not None for pair in table.pairs)
    return (
        f"On `{PLAIN}`, tail: NDCG of the items that are not among the 20 % most popular; ARP×: popularity of lists "
        "over that of the most popular ones possible; Gini: 0 if all items are recommended alike. Front: no other line "
        "is as good in all of NDCG on both tests, tail and Gini"
        f"{', and in how many draws of the seeds' if drawn else ''}."
    )


def of_size(table: Robustness) -> str:
    """Return how far the tests are from train."""
    sizes = [f"{tv:.3f} and {_nats(kl)} (`{test}`)" for test, (tv, kl) in table.sizes().items()]
    if not sizes:
        return ""
    return (
        "Size of the shift from train, total variation and KL divergence of the items' distribution: "
        f"{', '.join(sizes)}."
    )


def _nats(value: float) -> str:
    return "infinite" if math.isinf(value) else f"{value:.3f} nats"


def of_groups(groups: Sequence[Group]) -> str:
    """Return the caption of recall by popularity group."""
    *most, last = (f"{group.items:,}" for group in groups)
    return (
        "Items sorted by train interactions and cut so that each group holds about the same number of these: the head "
        f"is a few popular items, the tail many rare ones; here {', '.join(most)} and {last} items. Recall of a group: "
        "hits over test interactions with its items, summed over users and seeds."
    )


def varying(lines: Iterable[Line]) -> set[str]:
    """Return the training values that were asked for, in place of the losses' own, and in which the lines differ."""
    trains = [line.choice.asked for line in lines if line.has_loss]
    return {key for train in trains for key in train if any(train[key] != other.get(key) for other in trains)}


def spelled(train: dict[str, Value], keys: Iterable[str]) -> str:
    """Return some training values as key=value words."""
    return " ".join(f"{key}={show(train[key])}" for key in sorted(keys) if key in train)


def _selection(board: Leaderboard) -> str:
    return (
        f"Parameters and epoch chosen by mean NDCG@20 on the validation set `{board.query.select}`, cut from train; "
        "`tried`: configurations to choose from."
    )


def _spread(lines: Iterable[Line], board: Leaderboard) -> str:
    lines = list(lines)
    spread = "Mean ± sample standard deviation over seeds." if _several_seeds(lines) else ""
    return f"{spread} {_gain(lines, board)}".strip()


def _means(lines: Iterable[Line], board: Leaderboard) -> str:
    """Return what `_spread` does where only means are shown."""
    lines = list(lines)
    return f"{'Means over seeds.' if _several_seeds(lines) else ''} {_gain(lines, board)}".strip()


def _several_seeds(lines: Iterable[Line]) -> bool:
    return any(len(line.choice.seeds) > 1 for line in lines if line.scores)


def _gain(lines: Iterable[Line], board: Leaderboard) -> str:
    if all(score.gain is None for line in lines for score in line.scores.values()):
        return ""
    return f"Gain: {title_of(board.query.metrics[0])} over {BASELINE} with the same backbone."


def _users(board: Leaderboard) -> str:
    if not board.users:
        return ""
    if board.query.convention == "ir-benchmark":
        return f"Means over all {board.users:,} users, those without a test item counting 0."
    return f"Means over the {board.users:,} users with a test item."


def _users_of_both(table: Robustness) -> str:
    plain, shifted = table.plain.users, table.shifted.users
    if not plain or not shifted:
        return _users(table.plain) or _users(table.shifted)
    counts = f"{plain:,} users (`{PLAIN}`) and {shifted:,} (`{SHIFTED}`)"
    if table.plain.query.convention == "ir-benchmark":
        return f"Means over all users, {counts}, those without a test item counting 0."
    return f"Means over {counts} with a test item."


def _masked(board: Leaderboard) -> str:
    if board.query.convention == "ir-benchmark":
        return "Convention of IR-Benchmark: all items are ranked but those of train, so validation items take up ranks."
    sets = ("train", "validation", "the other test") if board.protocol == "shift" else ("train", "validation")
    ranked = "All items that a user was shown" if board.protocol.startswith("exposure") else "All items"
    return f"{ranked} are ranked but the user's own in {', '.join(sets[:-1])} and {sets[-1]}."


def _training(lines: Iterable[Line]) -> str:
    """Return the training values that were asked for alike in all lines, in place of the losses' own."""
    lines = [line for line in lines if line.has_loss]
    shared = dict(lines[0].choice.asked) if lines else {}
    for key in varying(lines):
        shared.pop(key, None)
    return f"Trained with {spelled(shared, shared)}." if shared else ""
