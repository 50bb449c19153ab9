"""AMP-CF: a user is several personas, weighted anew for every item."""

import torch
from torch import Tensor

from rankbench.backbones import Batch, RowBackbone, initial, param
from rankbench.data.interactions import Interactions
from rankbench.scoring import products
from rankbench.scoring.unit import unit


class AMPCF(RowBackbone):
    r"""Attentive multi-persona factorisation: the personas of a user attend to the item that is scored.

    $$r_p = \langle u_p, v_i \rangle, \quad a = \mathrm{softmax}(r / T), \quad
      s(u, i) = \langle \textstyle\sum_p a_p u_p, v_i \rangle = \sum_p a_p r_p$$

    So $\mathrm{mean}_p r_p \le s \le \max_p r_p$, and at T = 1 the score is $\log \sum_p e^{r_p}$ less the entropy of
    the attention. One persona is `mf`. Losses on cosines get $r_p$ between -1 and 1, for which the published T = 1 is
    nearly even attention, and the personas become one; ours was chosen for them, on validation. A term
    $\lambda_+ H(a)$ of the positives makes their persona definite, a term $-\lambda_- H(a)$ of the negatives theirs
    vague; losses on lists count a user's train items as positives.

    The formulas are those of a later manuscript's public code (its setting: 3 personas, both weights .005); the text of
    the paper could not be read by us.

    Barkan, Fuchs, Caciularu, Koenigstein: Explainable recommendations via attentive multi-persona collaborative
    filtering. RecSys 2020, arXiv 2010.07042.
    """

    paper = "our reading of Barkan et al., RecSys 2020, arXiv 2010.07042"

    personas: int = param(3, "personas of a user, P", at_least=1, grid=(2, 3, 4))
    attention: float = param(0.3, "temperature of the attention, T", above=0, grid=(0.1, 0.3, 1.0))
    positive_entropy: float = param(0.0, "weight of the attention's entropy for positives", at_least=0)
    negative_entropy: float = param(0.0, "weight of its negative for negatives", at_least=0)

    def bind(self, train: Interactions, dim: int, init: str, generator: torch.Generator) -> None:
        """Create the personas of all users and the items."""
        self.persona = initial(train.n_users * self.personas, dim, init, generator)  # (U P, d)
        self.item = initial(train.n_items, dim, init, generator)  # (I, d)

    def forward(self, user: Tensor, inputs: Interactions) -> Tensor:
        """Return the scores of all items (b, I)."""
        return self.combine(self.affinities(user))[0]

    def score(self, user: Tensor, item: Tensor, inputs: Interactions) -> Tensor:
        """Return the scores (B, M) of each user (B,) with its own items (B, M) int64."""
        return self.combine(self._sampled(user, item))[0]

    def step_scores(self, batch: Batch, item: Tensor | None, inputs: Interactions) -> tuple[Tensor, Tensor | None]:
        """Return the scores of a training step, and the weighted entropies of the attention."""
        affinity = self.affinities(batch.user) if item is None else self._sampled(batch.user, item)  # (P, B, M)
        score, attention = self.combine(affinity)  # (B, M), (P, B, M)
        if self.positive_entropy == self.negative_entropy == 0:
            return score, None
        each = entropy(attention)  # (B, M)
        if item is None:
            relevant = torch.from_numpy(inputs.relevant(batch.user.cpu().numpy())).to(each.device)  # (B, I)
            pos, neg = each[relevant].mean(), each[~relevant].mean()  # (), ()
        else:
            pos, neg = each[:, 0].mean(), each[:, 1:].mean()  # (), ()
        return score, self.positive_entropy * pos - self.negative_entropy * neg

    def affinities(self, user: Tensor) -> Tensor:
        """Return r (P, b, I): the inner product of each persona of some users (b,) with every item."""
        persona, item = self._vectors()  # (U P, d), (I, d)
        own = persona.view(-1, self.personas, persona.shape[1]).index_select(0, user)  # (b, P, d)
        return own.transpose(0, 1) @ item.t()  # (P, b, I)

    def attend(self, affinity: Tensor) -> Tensor:
        """Return the attention a (P, ...) for affinities r (P, ...)."""
        return torch.softmax(affinity / self.attention, dim=0)  # (P, ...)

    def _sampled(self, user: Tensor, item: Tensor) -> Tensor:
        persona, target = self._vectors()  # (U P, d), (I, d)
        own = user * self.personas  # (B,)
        queries = [persona.index_select(0, own + p) for p in range(self.personas)]  # P times (B, d)
        return torch.stack([products(query, target, item.to(torch.int32)) for query in queries])  # (P, B, M)

    def combine(self, affinity: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scores (...) and the attention (P, ...) for affinities r (P, ...)."""
        attention = self.attend(affinity)  # (P, B, M)
        return (attention * affinity).sum(dim=0), attention  # (B, M), (P, B, M)

    def _vectors(self) -> tuple[Tensor, Tensor]:
        return (unit(self.persona), unit(self.item)) if self.cosine else (self.persona, self.item)


def entropy(attention: Tensor) -> Tensor:
    """Return the entropy (...), in nats, of attentions (P, ...)."""
    each: Tensor = torch.special.entr(attention)  # (P, ...)
    return each.sum(dim=0)  # (...)
