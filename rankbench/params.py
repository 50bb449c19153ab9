"""Declared parameters: a class's fields are its configuration.

A field `tau: float = param(0.1, "temperature", above=0, grid=(0.1, 0.2))` gives the command line its parameter, its
type and range check, the help text, the run id and the search grid. Losses, backbones and `TrainSpec` all declare
theirs so."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, dataclass_transform, get_type_hints

from rankbench.errors import UserError, unknown

Value = bool | int | float | str


@dataclass(frozen=True)
class Param:
    """One declared parameter: its type, default, meaning, allowed range and search grid."""

    default: Value
    help: str
    grid: tuple[Value, ...] = ()
    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None
    choices: tuple[str, ...] = ()
    spelling: Callable[[str, str], str] | None = None
    implied: bool = False
    name: str = ""
    kind: type = field(default=float)

    def check(self, value: Value, owner: str) -> Value:
        """Return `value` in the parameter's own type; raise UserError if its type or range is wrong."""
        where = f"{owner}: {self.name}" if owner else self.name
        typed = self._typed(value)
        if typed is None:
            raise UserError(f"{where} must be {_NOUN[self.kind]}, got {value!r}.", self.describe())
        if not self._in_range(typed):
            raise UserError(f"{where} = {value} is out of range: expected {self.range()}.", self.describe())
        return self.spelling(str(typed), where) if self.spelling else typed

    def parse(self, text: str, owner: str) -> Value:
        """Return the checked value that `text` from the command line stands for."""
        return self.check(_from_text(text, self.kind), owner)

    def range(self) -> str:
        """Return the allowed values in words, empty when anything of the type goes."""
        if self.choices:
            return " or ".join(self.choices)
        bounds = [("> ", self.above), (">= ", self.at_least), ("< ", self.below), ("<= ", self.at_most)]
        return " and ".join(f"{sign}{bound:g}" for sign, bound in bounds if bound is not None)

    def describe(self) -> str:
        """Return the parameter's meaning, range and default in a sentence."""
        allowed = f" ({self.range()})" if self.range() else ""
        return f"{self.name}: {self.help}{allowed}, default {show(self.default)}."

    def _typed(self, value: Value) -> Value | None:
        if self.kind is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        return value if type(value) is self.kind else None

    def _in_range(self, value: Value) -> bool:
        if self.choices:
            return value in self.choices
        if isinstance(value, str):
            return True
        return (
            math.isfinite(value)
            and (self.above is None or value > self.above)
            and (self.at_least is None or value >= self.at_least)
            and (self.below is None or value < self.below)
            and (self.at_most is None or value <= self.at_most)
        )


_NOUN: Mapping[type, str] = {float: "a number", int: "a whole number", bool: "true or false", str: "a word"}


def _from_text(text: str, kind: type) -> Value:
    """Return `text` read as `kind` if it can be, else `text` itself, for `check` to refuse."""
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    if kind is int or kind is float:
        try:
            return kind(text)
        except ValueError:
            return text
    return text


def show(value: Value) -> str:
    """Return a parameter value as it is typed on the command line."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def param(
    default: Value,
    help: str,
    *,
    grid: tuple[Value, ...] = (),
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
    choices: tuple[str, ...] = (),
    spelling: Callable[[str, str], str] | None = None,
    implied: bool = False,
) -> Any:
    """Declare a parameter as the value of an annotated class field.

    Args:
        default: its default; the annotation of the field (float, int, bool or str) is its type.
        help: what it is, in a few words.
        grid: values that `--grid` tries.
        above, at_least, below, at_most: bounds, exclusive and inclusive.
        choices: the allowed words of a str parameter.
        spelling: of a str parameter with a syntax of its own: given a word and where it stands, it returns the one
            spelling of what is meant or raises UserError.
        implied: whether the default means what was done before there was the parameter: it is then left out of the
            identifiers of runs, so that those of stored runs stay as they are.
    """
    return Param(default, help, grid, above, at_least, below, at_most, choices, spelling, implied)


@dataclass_transform(kw_only_default=True, field_specifiers=(param,))
class Configurable:
    """A class whose `param` fields are its constructor's keyword arguments, checked on construction."""

    params: ClassVar[dict[str, Param]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Param)}
        hints = get_type_hints(cls) if own else {}
        declared = {name: replace(value, name=name, kind=hints[name]) for name, value in own.items()}
        cls.params = {**cls.params, **declared}

    def __init__(self, **values: Any) -> None:
        for name, value in resolve(type(self), values).items():
            setattr(self, name, value)

    def values(self) -> dict[str, Value]:
        """Return the value of every declared parameter."""
        return {name: getattr(self, name) for name in self.params}


def resolve(owner: type[Configurable], values: Mapping[str, Value], label: str = "") -> dict[str, Value]:
    """Return the checked values of all parameters of `owner`, defaults filled in, in the order declared.

    Raises:
        UserError: a name that `owner` does not declare, a wrong type, a value out of range.
    """
    label = label or owner.__name__.lower()
    for name in values:
        if name not in owner.params:
            raise unknown(f"parameter of {label}", name, owner.params)
    return {name: p.check(values[name], label) if name in values else p.default for name, p in owner.params.items()}
