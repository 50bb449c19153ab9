"""From what was asked for to the runs: the product of data, losses, backbones, training values and seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

from rankbench.backbones import Backbone, LossFree
from rankbench.data.interactions import Split
from rankbench.errors import UserError, unknown
from rankbench.params import Configurable, Value, resolve
from rankbench.registry import Kind, find, names, part, part_of
from rankbench.runner import Job, job_of, recipe_of
from rankbench.spec import NO_LOSS, Part, RunSpec, TrainSpec, read_part, split_parts


@dataclass(frozen=True)
class Request:
    """What was asked for, as typed.

    Args:
        losses, backbones: parts, separated by commas, as in `dsl,softmax:tau=0.1`. A backbone that trains without a
            loss is run by itself, whatever the losses.
        seeds: the seeds.
        train: training values that replace the loss's own.
        vary: training values to try all of.
        grid: whether each loss, and each backbone that trains without one, is tried with its own grid of the parameters
            that were not typed.
        rerank: re-rankings by popularity (`rankbench.rerank`) to measure beside each model as it is.
    """

    losses: str
    backbones: str
    seeds: Sequence[int]
    train: Mapping[str, Value] = field(default_factory=dict)
    vary: Mapping[str, Sequence[Value]] = field(default_factory=dict)
    grid: bool = False
    rerank: Sequence[str] = ()


def plan(request: Request, splits: Sequence[Split]) -> list[Job]:
    """Return the runs of a request on some splits, each run once, seeds innermost but for re-rankings.

    Raises:
        UserError: an unknown loss, backbone or parameter, a wrong type, a value out of range or without any effect.
    """
    losses = list(_parts("loss", request.losses, request.grid))
    backbones = list(_parts("backbone", request.backbones, request.grid))
    _check_effect(request, [owner for _, owner in backbones])
    jobs: dict[str, Job] = {}
    for split, (backbone, backbone_class) in product(splits, backbones):
        for loss, loss_class, train, seed in _trainings(backbone_class, losses, request):
            plain = RunSpec(split.dataset, split.protocol, split.digest, loss, backbone, train, seed)
            for rerank in ("", *request.rerank):
                spec = replace(plain, rerank=rerank)
                jobs.setdefault(spec.id, job_of(spec, loss_class, backbone_class, split))
    return list(jobs.values())


Training = tuple[Part, type[Configurable] | None, tuple[tuple[str, Value], ...], int]
"""(loss, its class, training values, seed)."""


def _trainings(
    backbone: type[Configurable], losses: Sequence[tuple[Part, type[Configurable]]], request: Request
) -> Iterator[Training]:
    """Yield how a backbone is trained: with every loss, or once without any, and once if it does not use the seed."""
    if issubclass(backbone, LossFree):
        for seed in request.seeds if backbone.uses_seed else [0]:
            yield NO_LOSS, None, (), seed
        return
    for loss, owner in losses:
        for train, seed in product(_training(recipe_of(owner, backbone), request), request.seeds):
            yield loss, owner, train, seed


def _check_effect(request: Request, backbones: Sequence[type[Configurable]]) -> None:
    """Refuse training values where nothing is trained with them."""
    asked = [*request.train, *request.vary]
    if asked and all(issubclass(backbone, LossFree) for backbone in backbones):
        raise UserError(
            f"{request.backbones}: trained without a loss, so {', '.join(asked)} has no effect.",
            "Leave it out; what these backbones have is typed behind their names, as in ease:reg=500.",
        )


def _parts(kind: Kind, text: str, grid: bool) -> Iterator[tuple[Part, type[Configurable]]]:
    for typed in names(kind) if text == "all" else split_parts(text):
        name, given = read_part(typed)
        owner = find(kind, name)
        chosen = part(kind, typed)
        if not grid or (issubclass(owner, Backbone) and owner.trains_with_loss):
            yield chosen, owner
            continue
        open_grids = {key: p.grid for key, p in owner.params.items() if p.grid and key not in given}
        for values in product(*open_grids.values()):
            yield part_of(owner, name, {**dict(chosen.params), **dict(zip(open_grids, values, strict=True))}), owner


def _training(recipe: Mapping[str, Value], request: Request) -> Iterator[tuple[tuple[str, Value], ...]]:
    """Yield the training values: what was asked for, else what the recipe says, else the default."""
    for values in product(*request.vary.values()):
        varied = dict(zip(request.vary, values, strict=True))
        resolved = resolve(TrainSpec, {**recipe, **request.train, **varied}, "training")
        typed = {**request.train, **varied}
        if "sampler_exponent" in typed and resolved["sampler"] != "popularity" and "sampler" not in request.vary:
            raise UserError(
                f"training: sampler_exponent has no effect with sampler = {resolved['sampler']}.",
                "Add --sampler popularity, or leave the exponent out.",
            )
        yield tuple(sorted(resolved.items()))


def read_vary(settings: Sequence[str]) -> dict[str, list[Value]]:
    """Return the training values of `lr=0.01,0.1` settings, each value checked."""
    vary: dict[str, list[Value]] = {}
    for setting in settings:
        key, equals, typed = setting.partition("=")
        if not equals or not typed:
            raise UserError(f"--set {setting!r}: expected key=value[,value...].", "For example --set lr=0.01,0.1.")
        if key not in TrainSpec.params:
            raise unknown("training value", key, TrainSpec.params, "Parameters of a loss are typed behind its name.")
        vary[key] = [TrainSpec.params[key].parse(value, "training") for value in _values(typed)]
    return vary


def _values(typed: str) -> list[str]:
    """Split values at commas; a number behind a word with a colon continues it, as in `hash:50%,freqdouble:10%,40%`."""
    values: list[str] = []
    for word in typed.split(","):
        if values and ":" in values[-1] and word[:1].isdigit():
            values[-1] += f",{word}"
        else:
            values.append(word)
    return values


def read_seeds(text: str) -> list[int]:
    """Return the seeds of `3`, `0,1,2` or `0-4`."""
    seeds: list[int] = []
    for word in text.split(","):
        first, dash, last = word.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or (dash and int(last) < int(first)):
            raise UserError(
                f"--seed {text!r}: expected whole numbers from 0, got {word!r}.", "For example 3, 0,1,2 or 0-4."
            )
        seeds += range(int(first), int(last or first) + 1)
    return list(dict.fromkeys(seeds))
