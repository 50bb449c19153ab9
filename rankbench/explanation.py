"""Why a model with personas recommends what it does: which persona speaks for an item, and whether that is true.

A persona is named for an item by the attention that it has. The check of that name is to leave the persona out: the
score must fall with it, and more so than without another one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rankbench.backbones.ampcf import AMPCF
from rankbench.data.interactions import Split
from rankbench.errors import UserError
from rankbench.results.models import Model
from rankbench.spec import TrainSpec
from rankbench.tables.placing import place_tables


@dataclass(frozen=True)
class Recommended:
    """An item of a user's list.

    Args:
        item: the item.
        score: its score.
        persona: the persona with the most attention for it, from 0.
        attention: how much that is, 0 to 1.
        without: the score where that persona is left out, NaN if it is the only one.
        rank_without: the rank then, from 1; 0 if it is the only one.
        without_others: the mean of the scores where one of the other personas is left out.
    """

    item: int
    score: float
    persona: int
    attention: float
    without: float
    rank_without: int
    without_others: float


@dataclass(frozen=True)
class Persona:
    """A persona of a user.

    Args:
        number: which one, from 0.
        share: of the user's train items, how many it has the most attention for, 0 to 1.
        history: the train items with the highest affinity among those.
        items: the items with the highest affinity that the user does not have.
        nearest: the cosine with the most similar other persona; NaN if there is none.
    """

    number: int
    share: float
    history: tuple[int, ...]
    items: tuple[int, ...]
    nearest: float


@dataclass(frozen=True)
class Explanation:
    """The list of a user, and the personas behind it."""

    user: int
    recommended: tuple[Recommended, ...]
    personas: tuple[Persona, ...]

    @property
    def faithful(self) -> float:
        """Share of the items whose score falls more without their persona than without another, on average."""
        return float(np.mean([r.without < r.without_others for r in self.recommended])) if self.recommended else 0.0


def load(backbone: AMPCF, split: Split, spec: TrainSpec, seed: int, model: Model) -> AMPCF:
    """Return a backbone with trained parameters.

    Args:
        backbone: fresh, not yet bound.
        split: the data that it was trained on.
        spec, seed: how it was trained.
        model: what was kept of it.
    """
    backbone.cosine = model.score == "cosine"
    backbone.bind(split.train, spec.dim, spec.init, torch.Generator())
    place_tables(backbone, spec, split.train, seed)
    backbone.load_state_dict(model.state)
    return backbone


@torch.no_grad()
def explain(backbone: AMPCF, split: Split, user: int, top: int = 10, each: int = 5) -> Explanation:
    """Return a user's list with the persona behind every item, and what each persona is about.

    Args:
        backbone: the trained model.
        split: its data; the items that the user has in train are not recommended.
        user: the user.
        top: length of the list.
        each: how many items tell what a persona is about.

    Raises:
        UserError: there is no such user.
    """
    if not 0 <= user < split.n_users:
        raise UserError(f"There is no user {user}: expected a number from 0 to {split.n_users - 1}.")
    own = split.train.row(user)  # (n,)
    affinity = backbone.affinities(torch.tensor([user]))[:, 0]  # (P, I)
    shown = _top(_without(own, backbone.combine(affinity)[0]), top)  # (top,)
    attention = backbone.attend(affinity)  # (P, I)
    named = attention.argmax(dim=0)  # (I,)
    left_out = _left_out(backbone, affinity, own)  # (P, I)
    recommended = tuple(_recommended(int(i), backbone, affinity, attention, left_out) for i in shown)
    return Explanation(user, recommended, _personas(backbone, user, affinity, named, own, each))


def _recommended(item: int, backbone: AMPCF, affinity: Tensor, attention: Tensor, left_out: Tensor) -> Recommended:
    score = float(backbone.combine(affinity[:, item])[0])
    persona = int(attention[:, item].argmax())
    others = [float(left_out[p, item]) for p in range(len(affinity)) if p != persona]
    if not others:
        return Recommended(item, score, persona, 1.0, np.nan, 0, np.nan)
    row = left_out[persona]  # (I,)
    rank = 1 + int((row > row[item]).sum()) + int((row[:item] == row[item]).sum())
    share = float(attention[persona, item])
    return Recommended(item, score, persona, share, float(row[item]), rank, float(np.mean(others)))


def _left_out(backbone: AMPCF, affinity: Tensor, own: NDArray[np.int32]) -> Tensor:
    """Return the scores (P, I) where each persona in turn is left out, -inf for the user's own items."""
    n = len(affinity)
    rest = [torch.cat([affinity[:p], affinity[p + 1 :]]) for p in range(n)] if n > 1 else []
    rows = [_without(own, backbone.combine(others)[0]) for others in rest]  # (I,) each
    return torch.stack(rows) if rows else affinity.new_empty(0)


def _personas(
    backbone: AMPCF, user: int, affinity: Tensor, named: Tensor, own: NDArray[np.int32], each: int
) -> tuple[Persona, ...]:
    P = len(affinity)
    vectors = torch.nn.functional.normalize(backbone.persona[user * P : (user + 1) * P], dim=1)  # (P, d)
    cosine = (vectors @ vectors.t()).fill_diagonal_(-torch.inf)  # (P, P)
    history = torch.from_numpy(own.astype(np.int64))  # (n,)
    found = []
    for p in range(P):
        of = history[named[history] == p]  # (m,)
        best = of[affinity[p, of].argsort(descending=True, stable=True)][:each]  # (each,)
        nearest = float(cosine[p].max()) if P > 1 else float("nan")
        share = len(of) / max(len(own), 1)
        found.append(
            Persona(p, share, tuple(best.tolist()), tuple(_top(_without(own, affinity[p]), each).tolist()), nearest)
        )
    return tuple(found)


def _without(own: NDArray[np.int32], score: Tensor) -> Tensor:
    score = score.clone()  # (I,)
    score[torch.from_numpy(own.astype(np.int64))] = -torch.inf
    return score


def _top(score: Tensor, n: int) -> Tensor:
    """Return the n best items, equal ones by item, without those at -inf."""
    order = score.argsort(descending=True, stable=True)[:n]  # (n,)
    return order[score[order] > -torch.inf]
