"""What a run is: pure data, and the identifier that follows from it.

`Part` is a loss or a backbone with its parameters, `TrainSpec` how it is trained, `RunSpec` the whole run. The
identifier of a run is the hash of its canonical JSON: what changes a result is in it (also the source of a file of
yours), what only changes the speed (device, threads, paths) is not. Nor are training values that came later and mean
what was done before (`param(..., implied=True)`): a new one leaves the identifiers of all stored runs alone.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rankbench.errors import UserError
from rankbench.params import Configurable, Value, param, show
from rankbench.tables.form import FULL, canonical

NUMBERS = 6


@dataclass(frozen=True)
class Part:
    """A loss or a backbone with all its parameters; `str(part)` is what one types.

    Args:
        name: the name of a built-in one, or of the file it comes from.
        params: name and value of every parameter, defaults filled in, sorted by name.
        source: sha256 of an outside file's text, empty for a built-in part.
    """

    name: str
    params: tuple[tuple[str, Value], ...] = ()
    source: str = ""

    def __str__(self) -> str:
        return spell(self.name, dict(self.params))

    def to_json(self) -> dict[str, Any]:
        """Return the part as plain data."""
        return {"name": self.name, "params": dict(self.params), "source": self.source}


NO_LOSS = Part("none")
"""The loss of a backbone that trains without one; tables show it as a dash."""


def spell(name: str, params: Mapping[str, Value]) -> str:
    """Return `name:key=value,...` as it is typed on the command line."""
    typed = ",".join(f"{key}={show(value)}" for key, value in params.items())
    return f"{name}:{typed}" if typed else name


def split_parts(text: str) -> list[str]:
    """Split `dsl,softmax:tau=0.1,incl=true,bpr` into parts: a word with `=` but no `:` continues the one before."""
    parts: list[str] = []
    for word in (w.strip() for w in text.split(",")):
        key = word.split("=", 1)[0]
        if "=" in word and ":" not in key and parts:
            parts[-1] += ("," if ":" in parts[-1] else ":") + word
        elif word:
            parts.append(word)
    if not parts:
        raise UserError(f"Nothing is named in {text!r}.", "Give names separated by commas, as in dsl,softmax:tau=0.1.")
    return parts


def read_part(text: str) -> tuple[str, dict[str, str]]:
    """Split `softmax:tau=0.1,incl=true` into the name and its parameters as typed."""
    name, _, typed = text.partition(":")
    params: dict[str, str] = {}
    for word in filter(None, typed.split(",")):
        key, equals, value = word.partition("=")
        if not equals or not key or not value:
            raise UserError(
                f"{text!r}: expected parameters as key=value, got {word!r}.", f"For example {name}:tau=0.1."
            )
        if key in params:
            raise UserError(f"{text!r} gives {key} twice.", "Name the part twice to run it with both values.")
        params[key] = value
    return name, params


class TrainSpec(Configurable):
    """How a model is trained: everything that changes the result but is no part of loss or backbone."""

    lr: float = param(0.1, "learning rate of Adam", above=0, grid=(0.1, 0.01, 0.001))
    weight_decay: float = param(0.0, "L2 term of Adam, on all tables", at_least=0, grid=(0.0, 1e-6, 1e-5, 1e-4))
    batch_size: int = param(1024, "interactions a step, B", at_least=1)
    epochs: int = param(50, "most epochs", at_least=1)
    patience: int = param(3, "validations without a better one after which training stops; 0: never", at_least=0)
    eval_every: int = param(5, "epochs between two validations", at_least=1)
    negatives: int = param(1000, "negatives an interaction, N", at_least=1)
    sampler: str = param(
        "uniform",
        "where negatives are drawn: all items alike, by popularity, or the batch's positives",
        choices=("uniform", "popularity", "in-batch"),
    )
    sampler_exponent: float = param(0.75, "exponent of the popularity, for sampler=popularity", at_least=0)
    dim: int = param(64, "dimensions of the embeddings, d", at_least=1)
    precision: str = param(
        "fp32", "what vectors are rounded to before the products with negatives", choices=("fp32", "bf16")
    )
    init: str = param(
        "normal", "initial embeddings: N(0, 1) or Xavier's N(0, 2/(rows+d))", choices=("normal", "xavier")
    )
    user_table: str = param(
        FULL, "rows of user embeddings: full, hash:M, ... (`rankbench list tables`)", spelling=canonical, implied=True
    )
    item_table: str = param(FULL, "rows of item embeddings, as user_table", spelling=canonical, implied=True)


def _implied(name: str, value: Value) -> bool:
    """Return whether a training value means what was done before there was such a value."""
    known = TrainSpec.params.get(name)
    return known is not None and known.implied and value == known.default


@dataclass(frozen=True)
class RunSpec:
    """One run: data, loss, backbone, training and seed; `id` names its folder.

    Args:
        dataset: name of the data set.
        protocol: name of the split protocol.
        digest: sha256 of the split's content.
        loss, backbone: the parts; the loss is `NO_LOSS` for a backbone that trains without one.
        train: values of the `TrainSpec`; none without a loss, and the seed is 0 for a backbone that does not use it.
        seed: the seed that every random number of the run is a function of.
        numbers: version of the numerics.
        rerank: what the trained model is re-ranked by (`rankbench.rerank`); empty, and no part of the identifier, where
            it is not.
    """

    dataset: str
    protocol: str
    digest: str
    loss: Part
    backbone: Part
    train: tuple[tuple[str, Value], ...]
    seed: int
    numbers: int = NUMBERS
    rerank: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the run as plain data, in the order that is hashed; training values that are implied are left out."""
        return {
            "dataset": self.dataset,
            "protocol": self.protocol,
            "digest": self.digest,
            "loss": self.loss.to_json(),
            "backbone": self.backbone.to_json(),
            "train": {key: value for key, value in self.train if not _implied(key, value)},
            "seed": self.seed,
            "numbers": self.numbers,
            **({"rerank": self.rerank} if self.rerank else {}),
        }

    @cached_property
    def id(self) -> str:
        """The first 12 hexadecimal digits of the sha256 of the canonical JSON."""
        return id_of(self.to_json())

    def train_spec(self) -> TrainSpec:
        """Return the training values as a `TrainSpec`."""
        values: dict[str, Any] = dict(self.train)
        return TrainSpec(**values)


def id_of(content: Mapping[str, Any]) -> str:
    """Return the identifier of a run from its specification as plain data."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
