"""From what was asked for to the runs: the product of data, losses, backbones, training values and seeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

from rankbench.backbones import LossFree
from rankbench.data.interactions import Split
from rankbench.errors import UserError, unknown
from rankbench.params import Configurable, Value, resolve
from rankbench.registry import Kind, names, part_of, read
from rankbench.runner import Job, job_of, recipe_of
from rankbench.search import Axes, Setting, widened
from rankbench.spec import NO_LOSS, Part, RunSpec, TrainSpec, split_parts


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
        trials: in place of a grid, with how many settings each is tried, and that with the first seed only; 0: no.
        rerank: re-rankings by popularity (`rankbench.rerank`) to measure beside each model as it is.
    """

    losses: str
    backbones: str
    seeds: Sequence[int]
    train: Mapping[str, Value] = field(default_factory=dict)
    vary: Mapping[str, Sequence[Value]] = field(default_factory=dict)
    grid: bool = False
    trials: int = 0
    rerank: Sequence[str] = ()


def plan(request: Request, splits: Sequence[Split]) -> list[Job]:
    """Return the runs of a request on some splits, each run once, seeds innermost but for re-rankings.

    Raises:
        UserError: an unknown loss, backbone or parameter, a wrong type, a value out of range or without any effect.
    """
    losses, backbones = _all_typed("loss", request.losses), _all_typed("backbone", request.backbones)
    _check_effect(request, [backbone.owner for backbone in backbones])
    jobs: dict[str, Job] = {}
    for split, typed in product(splits, backbones):
        for loss, loss_class, backbone, train, seed in _trainings(typed, losses, request):
            plain = RunSpec(split.dataset, split.protocol, split.digest, loss, backbone, train, seed)
            for rerank in ("", *request.rerank):
                spec = replace(plain, rerank=rerank)
                jobs.setdefault(spec.id, job_of(spec, loss_class, typed.owner, split))
    return list(jobs.values())


@dataclass(frozen=True)
class Typed:
    """A loss or a backbone as typed: its class, its name or path, and the parameters given."""

    owner: type[Configurable]
    name: str
    given: Mapping[str, Value]

    def at(self, values: Mapping[str, Value]) -> Part:
        """Return the part with some values of the parameters that were not given."""
        return part_of(self.owner, self.name, {**self.given, **values})

    def grids(self) -> dict[str, Sequence[Value]]:
        """Return the grids of the parameters that were not given."""
        return {key: p.grid for key, p in self.owner.params.items() if p.grid and key not in self.given}

    def defaults(self) -> dict[str, Value]:
        """Return the defaults of all parameters."""
        return {key: p.default for key, p in self.owner.params.items()}


def _all_typed(kind: Kind, text: str) -> list[Typed]:
    return [Typed(*read(kind, word)) for word in (names(kind) if text == "all" else split_parts(text))]


Training = tuple[Part, type[Configurable] | None, Part, tuple[tuple[str, Value], ...], int]
"""(loss, its class, backbone, training values, seed)."""


def _trainings(backbone: Typed, losses: Sequence[Typed], request: Request) -> Iterator[Training]:
    """Yield how a backbone is trained: with every loss, or once without any, and once if it does not use the seed."""
    seeds = request.seeds[:1] if request.trials else request.seeds
    if issubclass(backbone.owner, LossFree):
        for (own, _), seed in product(_settings(backbone, {}, request), seeds if backbone.owner.uses_seed else [0]):
            yield NO_LOSS, None, backbone.at(own), (), seed
        return
    for loss in losses:
        recipe = recipe_of(loss.owner, backbone.owner)
        for (own, varied), seed in product(_settings(loss, recipe, request), seeds):
            yield loss.at(own), loss.owner, backbone.at({}), _training(recipe, varied, request), seed


def _settings(typed: Typed, recipe: Mapping[str, Value], request: Request) -> Iterable[Setting]:
    """Return the settings of a loss, or of a backbone without one and so without a recipe, that are tried."""
    axes = Axes(typed.grids() if request.grid or request.trials else {}, request.vary if recipe else {})
    if not request.trials:
        return axes.grid()
    usual = {**typed.defaults(), **recipe, **request.train}
    wide = widened(axes, request.trials, request.train, usual) if recipe else axes
    return wide.trials(request.trials, typed.owner.__name__, usual)


def _check_effect(request: Request, backbones: Sequence[type[Configurable]]) -> None:
    """Refuse training values where nothing is trained with them."""
    asked = [*request.train, *request.vary]
    if asked and all(issubclass(backbone, LossFree) for backbone in backbones):
        raise UserError(
            f"{request.backbones}: trained without a loss, so {', '.join(asked)} has no effect.",
            "Leave it out; what these backbones have is typed behind their names, as in ease:reg=500.",
        )


def _training(
    recipe: Mapping[str, Value], varied: Mapping[str, Value], request: Request
) -> tuple[tuple[str, Value], ...]:
    """Return the training values: what was asked for, else what the recipe says, else the default."""
    typed = {**request.train, **varied}
    resolved = resolve(TrainSpec, {**recipe, **typed}, "training")
    if "sampler_exponent" in typed and resolved["sampler"] != "popularity" and "sampler" not in request.vary:
        raise UserError(
            f"training: sampler_exponent has no effect with sampler = {resolved['sampler']}.",
            "Add --sampler popularity, or leave the exponent out.",
        )
    return tuple(sorted(resolved.items()))


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
