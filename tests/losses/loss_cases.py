"""What the tests of the losses share: batches, losses from the text that one types, and the variants tested."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import naive
from rankbench import registry
from rankbench.contract.batches import leaf, scores_of
from rankbench.data.interactions import Interactions
from rankbench.losses import Loss, Scores

VARIANTS = {
    "bpr": ["bpr"],
    "softmax": [
        "softmax",
        "softmax:tau=0.05,incl=true",
        "softmax:rho=0.7",
        "softmax:logq=standard",
        "softmax:logq=refined",
    ],
    "bsl": [
        "bsl",
        "bsl:tau1=0.3,tau2=0.15",
        "bsl:mode=ratio,ratio=1.22,tau2=0.08",
        "bsl:mode=user",
        "bsl:mode=user,tau1=0.2,tau2=0.05",
    ],
    "psl": [
        "psl",
        "psl:activation=atan,tau=0.05",
        "psl:activation=tanh,tau=0.05",
        "psl:activation=softplus",
        "psl:activation=exp",
    ],
    "slatk": ["slatk", "slatk:tau=0.2,tau_weight=0.5", "slatk:detach_weight=true,tau_weight=0.3"],
    "dsl": [
        "dsl",
        "dsl:slate=2,gamma=-0.5",
        "dsl:gamma=0,lambda_similarity=-0.25",
        "dsl:gamma=0,lambda_hardness=1,lambda_similarity=0.5,clip_kappa=2,incl=true",
        "dsl:slate=3,gamma=0.5,lambda_hardness=0.25,lambda_similarity=0.25,clip_temperature=1.2",
        "dsl:slate=3,lambda_hardness=1,hardness=violation,weight=dro",
        "dsl:competition=radius,lambda_similarity=0.5,weight=dro,incl=true",
        "dsl:competition=radius,gamma=1",
    ],
}
"""The variants of every built-in loss that the contract is checked on."""

FAMILIES = [import_module(path.stem) for path in sorted(Path(__file__).parent.glob("family_*.py"))]
"""Modules of losses that belong together: VARIANTS and NAIVE as here and in `naive`, and EXEMPT.

EXEMPT[test][text] is the reason why losses whose text begins so are exempt from a test of the contract.
"""

for family in FAMILIES:
    VARIANTS.update(family.VARIANTS)
    naive.LOSS.update(family.NAIVE)

ALL = [text for texts in VARIANTS.values() for text in texts]

N_USERS, N_ITEMS = 5, 9


def build(text: str) -> Loss:
    """The loss that one types as `text`, bound to a train set of `N_USERS` users."""
    part = registry.part("loss", text)
    loss = registry.find("loss", part.name)(**dict(part.params))
    assert isinstance(loss, Loss)
    loss.bind(Interactions.from_pairs(np.arange(N_USERS), np.arange(N_USERS), N_USERS, N_ITEMS), 0)
    if "threshold" in dict(loss.named_buffers()):
        loss.load_state_dict({"threshold": torch.linspace(-0.3, 0.6, N_USERS)}, strict=False)
    return loss.eval()  # so that a call changes no state and can be repeated


def exempt(test: str, text: str) -> bool:
    """Whether a loss is exempt from a test of the contract, for a reason that its family states."""
    return any(text.startswith(start) for family in FAMILIES for start in family.EXEMPT.get(test, {}))


def crosses_examples(loss: Loss) -> bool:
    """Whether an example's value depends on the other examples of its batch, as the docstrings state."""
    values = loss.values()
    return values.get("mode") == "user" or bool(values.get("gamma"))


def batch(seed: int = 0, B: int = 6, N: int = 7, *, dtype: torch.dtype = torch.float64, scale: float = 1.0) -> Scores:
    """A random batch of scores in [-scale, scale], with gradients and with users that occur more than once."""
    rng = np.random.default_rng(seed)

    def scores(*shape: int) -> Tensor:
        return torch.tensor(rng.uniform(-1, 1, shape), dtype=dtype)

    pos, neg, similarity = scores(B) * scale, scores(B, N) * scale, scores(B, N)
    item = torch.from_numpy(rng.integers(0, N_ITEMS, (B, N)))
    user = torch.from_numpy(rng.integers(0, N_USERS, B))
    positive = torch.from_numpy(rng.integers(0, N_ITEMS, B))
    return of(pos, neg, user=user, similarity=similarity, pos_item=positive, neg_item=item)


def of(
    pos: Tensor,
    neg: Tensor,
    *,
    user: Tensor | None = None,
    similarity: Tensor | None = None,
    pos_item: Tensor | None = None,
    neg_item: Tensor | None = None,
) -> Scores:
    """The batch of the given scores; they become leaves that gather gradients."""
    return scores_of(
        leaf(pos),
        leaf(neg),
        user=torch.arange(len(pos)) % N_USERS if user is None else user,
        pos_item=torch.zeros(len(pos), dtype=torch.long) if pos_item is None else pos_item,
        neg_item=torch.zeros(neg.shape, dtype=torch.long) if neg_item is None else neg_item,
        similarity=torch.zeros_like(neg) if similarity is None else similarity,
        n_items=N_ITEMS,
    )


def rows(s: Scores, which: slice | Tensor) -> Scores:
    """The batch that has only the given rows."""
    return moved(s, s.pos[which], s.neg[which], which)


def moved(s: Scores, pos: Tensor, neg: Tensor, which: slice | Tensor = slice(None)) -> Scores:
    """The batch of other scores for the users and items of the given rows."""
    items = {"pos_item": s.pos_item[which], "neg_item": s.neg_item[which]}
    return of(pos, neg, user=s.user[which], similarity=s.similarity[which].to(pos), **items)


def case(s: Scores, loss: Loss) -> naive.Case:
    """The batch as plain lists."""
    threshold = dict(loss.named_buffers()).get("threshold", torch.zeros(N_USERS))
    return naive.Case(
        s.pos.tolist(),
        s.neg.tolist(),
        s.user.tolist(),
        s.similarity.tolist(),
        dict(enumerate(threshold.tolist())),
        s.pos_item.tolist(),
        s.neg_item.tolist(),
        s.log_q(s.neg_item).tolist(),
        s.log_q(s.pos_item).tolist(),
        {name: value.tolist() for name, value in loss.state_dict().items()},
    )


def gradients(loss: Loss, s: Scores) -> tuple[Tensor, Tensor]:
    """Gradient of the summed loss by the positives (B,) and the negatives (B, N)."""
    pos, neg = torch.autograd.grad(loss(s).sum(), (s.pos, s.neg))
    return pos, neg


def dcg_bounds(score: Tensor, positive: Tensor) -> tuple[Tensor, Tensor]:
    """(-log DCG + log |P|, mean log rank) of one user's scores (I,) and positive items (P,)."""
    rank = (score[:, None] >= score[positive]).sum(dim=0).double()
    dcg = (1 / torch.log2(1 + rank)).sum()
    return -dcg.log() + torch.tensor(len(positive)).double().log(), rank.log().mean()


def over_all_items(score: Tensor, positive: Tensor) -> Scores:
    """The batch of one user's positives with every item as a negative."""
    return of(score[positive], score.expand(len(positive), -1))
