"""Tables in the place of a backbone's own: what every id-based backbone gets without a line of its own.

Such a backbone calls its tables `user` (U, d) and `item` (I, d). A table of another form is put in as a module of the
name `user_table` or `item_table`; `Backbone` then gives its vectors to whoever asks for `user` or `item`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from rankbench.backbones import Backbone
from rankbench.data.interactions import Interactions
from rankbench.errors import UserError
from rankbench.randomness import key
from rankbench.spec import TrainSpec
from rankbench.tables.admit import Admit
from rankbench.tables.double import Double
from rankbench.tables.form import FULL, read_form
from rankbench.tables.freqdouble import FreqDouble
from rankbench.tables.hash import Hash
from rankbench.tables.qr import QR
from rankbench.tables.table import Ids, Table

CLASSES: Mapping[str, type[Table]] = {
    "hash": Hash,
    "qr": QR,
    "double": Double,
    "freqdouble": FreqDouble,
    "admit": Admit,
}
"""The class of each kind of table but `full`."""

SIDES = ("user", "item")
"""What an id-based backbone calls its tables."""


def place_tables(backbone: Backbone, spec: TrainSpec, train: Interactions, seed: int) -> None:
    """Put the tables that are asked for in the place of a backbone's own, which is bound already.

    Args:
        backbone: the backbone; nothing of it changes where both tables are `full`.
        spec: how to train: the forms of the tables, dimensions and initial values.
        train: the interactions.
        seed: the seed of the run.

    Raises:
        UserError: the backbone has no such table.
    """
    forms = {"user": read_form(spec.user_table), "item": read_form(spec.item_table)}
    counts = {"user": train.user_counts, "item": train.item_counts}
    for number, side in enumerate(SIDES):
        form, own = forms[side], dict(backbone.named_parameters(recurse=False)).get(side)
        if form.kind == FULL:
            continue
        if own is None or own.shape != (len(counts[side]), spec.dim):
            raise UserError(
                f"{type(backbone).__name__.lower()} has no table of {side}s for {form} to take the place of.",
                f"Choose an id-based backbone such as mf, or leave out --{side}-table.",
            )
        generator = torch.Generator().manual_seed(key(seed, "tables", number) >> 1)
        table = CLASSES[form.kind](form, Ids(counts[side], seed, number), spec.dim, spec.init, generator)
        delattr(backbone, side)
        backbone.add_module(f"{side}_table", table)


def check_tables(backbone: Backbone, spec: TrainSpec) -> None:
    """Raise UserError if a fresh backbone has no place for the tables that are asked for: tried on three users."""
    some = Interactions.from_pairs(np.arange(3), np.arange(3) + 1, 3, 4)
    backbone.bind(some, spec.dim, spec.init, torch.Generator())
    place_tables(backbone, spec, some, seed=0)


def tables_of(backbone: nn.Module) -> dict[str, Table | nn.Parameter]:
    """Return the tables of a backbone by side: a `Table`, or the parameter (n, d) of a full one."""
    own = dict(backbone.named_parameters(recurse=False))
    placed = {side: m for side in SIDES for name, m in backbone.named_children() if name == f"{side}_table"}
    found = {side: placed.get(side, own.get(side)) for side in SIDES}
    return {side: table for side, table in found.items() if isinstance(table, Table | nn.Parameter)}
