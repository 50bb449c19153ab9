"""Every line against softmax with a penalty on popularity at its ARP: is a gain more than a discount on popularity?"""

from __future__ import annotations

from dataclasses import replace

from rankbench.report import captions
from rankbench.report.leaderboard import label_of
from rankbench.report.shift_table import NOISE, interval_of, name_of, sides_of
from rankbench.report.table import NOTHING, Cell, Column, Table, decimals, mark_best, number, percent
from rankbench.results.compare_shift import Pair, Robustness
from rankbench.results.control import NEAR, Control, Versus
from rankbench.results.leaderboard import PLAIN, SHIFTED, Line
from rankbench.results.lookup import command_of

_PENALTIES = "pop:-0.05,-0.02,0.01,0.02,0.05"
"""What to try first where nothing was: for scores that are cosines."""


def control_table(table: Robustness) -> Table | None:
    """Return the table of controls; None where softmax was not re-ranked."""
    pairs = [pair for pair in table.pairs if pair.line.key in table.controls]
    if not pairs:
        return None
    differing = captions.varying(line for pair in table.pairs for line in sides_of(pair))
    first = captions.title_of(table.plain.query.metrics[0])
    of_tests = [
        Column(title, above=test, spare=spare)
        for test, spares in ((PLAIN, (3, 2, 0)), (SHIFTED, (1, 1, 0)))
        for title, spare in zip((first, "control", "gain"), spares, strict=True)
    ]
    return Table(
        title=f"{name_of(table)}: each line against softmax with a penalty on popularity, at the same ARP",
        columns=(
            Column("loss", number=False),
            Column("backbone", number=False),
            Column("ARP×", spare=1),
            Column("λ"),
            *of_tests,
            Column("beats", number=False),
        ),
        rows=mark_best([_row(pair, table, differing) for pair in pairs]),
        caption=_caption(table, first),
        notes=tuple(filter(None, (_out_of_range(pairs, table),))),
    )


def advice(table: Robustness) -> str:
    """Return what to run for a control where a loss is compared with softmax and there is none; else nothing."""
    compared = [pair.line for pair in table.pairs if pair.line.has_loss and pair.line.key != pair.line.baseline_key]
    bases = {line.key: line for line in table.plain.baselines}
    base = next((bases[line.baseline_key] for line in compared if line.baseline_key in bases), None)
    if table.controls or base is None or not base.scores or not table.one_model:
        return ""
    seeds = ",".join(map(str, base.choice.seeds))
    command = command_of(base.choice.runs[0]).replace(f"--seed {base.choice.seeds[0]}", f"--seed {seeds}")
    return (
        "No control: a penalty on popularity may gain as much under shift as a loss does. "
        f"`{command} --rerank {_PENALTIES}` measures it."
    )


def _row(pair: Pair, table: Robustness, differing: set[str]) -> tuple[Cell, ...]:
    control = table.controls[pair.line.key]
    versus = control.by_test or {}
    sides = ((pair.plain, versus.get(PLAIN)), (pair.shifted, versus.get(SHIFTED)))
    return (
        label_of(sides_of(pair), differing),
        Cell(pair.line.backbone),
        Cell(decimals(control.arp_ratio)),
        Cell(f"{control.strength:.3f}" if control.between else NOTHING),
        *(cell for line, found in sides for cell in _side(line, found, table)),
        Cell(_beats(control)),
    )


def _side(line: Line | None, versus: Versus | None, table: Robustness) -> tuple[Cell, Cell, Cell]:
    """Return what the line reaches, its control, and its gain over it."""
    metric = table.plain.query.metrics[0]
    own = number(line.scores[metric].mean) if line and line.scores else Cell()
    if versus is None:
        return own, Cell(), Cell()
    gain = replace(percent(versus.gain, signed=True), value=None)
    if versus.contrast:
        gain = replace(gain, detail=interval_of(versus.contrast))
        if versus.contrast.within_noise:
            gain = replace(gain, text=f"{gain.text} {NOISE}", faint=True)
    return own, replace(number(versus.mean), value=None), gain


def _beats(control: Control) -> str:
    """Return the tests on which the line is better by more than noise."""
    if not control.by_test or any(one.contrast is None for one in control.by_test.values()):
        return NOTHING
    better = [
        test
        for test, one in control.by_test.items()
        if one.contrast and not one.contrast.within_noise and one.contrast.difference > 0
    ]
    return "both" if len(better) > 1 else better[0] if better else "neither"


def _out_of_range(pairs: list[Pair], table: Robustness) -> str:
    beyond = [pair.line for pair in pairs if not table.controls[pair.line.key].between]
    if not beyond:
        return ""
    found = [table.controls[line.key] for line in beyond]
    low, high = min(one.low for one in found), max(one.high for one in found)
    more = [
        f"{word} λ for {', '.join(line.title for line in lines)}"
        for word, lines in (
            ("greater", [line for line, one in zip(beyond, found, strict=True) if one.arp_ratio < one.low]),
            (
                "smaller or negative",
                [line for line, one in zip(beyond, found, strict=True) if one.arp_ratio > one.high],
            ),
        )
        if lines
    ]
    return f"The penalties tried reach ARP× {decimals(low)} to {decimals(high)}; it takes a {' and a '.join(more)}."


def _seeds(table: Robustness) -> str:
    """Return which seeds the controls are means over, where they are not those of every line."""
    of_controls = {one.seeds for one in table.controls.values()}
    of_lines = {
        pair.line.choice.seeds for pair in table.pairs if pair.line.key in table.controls and pair.line.has_loss
    }
    if len(of_controls) > 1 or of_lines <= of_controls:
        return ""
    (seeds,) = of_controls
    return (
        f"Controls are of seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}, which all penalties share."
    )


def _caption(table: Robustness, first: str) -> str:
    used = ", ".join(
        f"{strength:g}" for strength in sorted({s for one in table.controls.values() for s in one.between})
    )
    without_loss = any(not pair.line.has_loss for pair in table.pairs if pair.line.key in table.controls)
    sentences = [
        "Control: the softmax that validation chose, its scores less λ log popularity, nothing trained again, at the λ "
        f"where its lists on `{PLAIN}` are as popular (ARP×) as those of the line. That reads the lists, and not what "
        "users took of them.",
        f"Between two λ that were run (here {used}) it is a mixture of both; up to {100 * NEAR:.0f} % beyond them, the "
        "nearest."
        if used
        else "",
        _seeds(table),
        f"Gain: {first} over the control. A line that beats it is more than a discount on popularity.",
        "Lines without a loss stand against the only softmax that was re-ranked." if without_loss else "",
    ]
    return " ".join(filter(None, sentences))
