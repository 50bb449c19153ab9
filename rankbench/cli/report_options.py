"""The options of `rankbench report` that are one of a few words, and which of them go together."""

from __future__ import annotations

from enum import StrEnum


class Compat(StrEnum):
    """Conventions of published tables."""

    ir_benchmark = "ir-benchmark"


class Form(StrEnum):
    """What is printed."""

    terminal = "terminal"
    json = "json"
    csv = "csv"
    markdown = "markdown"
    latex = "latex"


class By(StrEnum):
    """What a report of robustness is broken down by."""

    group = "group"
    k = "k"


class Match(StrEnum):
    """Where losses are compared along their sweeps."""

    arp = "arp"
    ndcg = "ndcg"


BOTH = "both"
"""What `--select` takes beside the name of a validation set."""


class Along(StrEnum):
    """What a curve runs along."""

    gamma = "gamma"


def form_of(**asked: bool) -> Form:
    """Return the form of the output, of which at most one is asked for.

    Raises:
        UserError: several are.
    """
    from rankbench.errors import UserError

    chosen = [name for name, wanted in asked.items() if wanted]
    if len(chosen) > 1:
        raise UserError(f"--{' and --'.join(chosen)} exclude each other.", "Ask for one form of output.")
    return Form(chosen[0]) if chosen else Form.terminal


def view_of(options: dict[str, str | None], pareto: bool, ood: bool, select: str) -> str:
    """Return which view of a report of robustness is asked for, "" for none.

    Raises:
        UserError: several are, or one without --ood.
    """
    from rankbench.errors import UserError

    asked = {f"{option} {value}": value for option, value in options.items() if value}
    if pareto:
        asked["--pareto"] = "pareto"
    if len(asked) > 1:
        raise UserError(f"{' and '.join(asked)} exclude each other.", "Ask for one of them at a time.")
    option, view = next(iter(asked.items()), ("", ""))
    if view and not ood:
        raise UserError(f"{option} goes with --ood.", f"rankbench report --ood {option}")
    if view and select == BOTH:
        raise UserError(f"{option} shows one choice at a time.", "Use --select iid, then --select popularity.")
    return view
