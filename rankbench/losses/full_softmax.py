"""Full softmax: the cross-entropy over the whole catalogue."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.losses import ListLoss, Lists, param
from rankbench.params import Value
from rankbench.rowwise import log_sum_exp


class FullSoftmax(ListLoss):
    r"""Full softmax (cross-entropy): the softmax over all items, without sampling.

    $\ell_u = \frac{U}{|D|} \sum_{i \in P_u} [\log \sum_{k} e^{s_k/\tau} - s_i/\tau]$ with cosines as scores, U users
    and |D| train interactions: the mean over the users is the mean over the interactions, so every interaction weighs
    the same, as in the sampled losses. `mask=true` leaves the user's other positives out of the denominator.

    Gradient: $\partial \ell_u / \partial s_k = \frac{U}{|D| \tau} (|P_u| p_k - [k \in P_u])$. It is what softmax with
    the positive in the denominator comes to when its negatives are all other items, once each. Costs grow with the
    catalogue; the optimum temperature is that of sampled softmax or a little less.

    Paper: as a loss of recommenders beside its samplings, Wu et al. On the Effectiveness of Sampled Softmax Loss for
    Item Recommendation. TOIS 2024, arXiv 2201.02327.
    """

    family = "softmax"
    paper = "Wu et al., TOIS 2024, arXiv 2201.02327"
    divisible = True
    recipe: ClassVar[Mapping[str, Value]] = {"batch_size": 64}

    tau: float = param(0.15, "temperature; smaller weighs hard negatives more", above=0, grid=(0.05, 0.1, 0.15, 0.2))
    mask: bool = param(False, "leave the user's other positives out of the denominator")

    def bind(self, train: Interactions, seed: int) -> None:
        """Keep the number of train items of the average user with any."""
        self.mean_positives = len(train) / max(int((train.user_counts > 0).sum()), 1)

    def forward(self, s: Lists) -> Tensor:
        """Return the summed cross-entropy (B,) of each user's positives, less in proportion to the average number."""
        logit = s.score / self.tau  # (B, I)
        if logit.device.type != "cpu":
            return self._summed(logit, s.relevant) / self.mean_positives  # (B,)
        row, item = s.relevant.nonzero(as_tuple=True)  # (pairs,), (pairs,)
        own = logit[row, item]  # (pairs,)
        if self.mask:
            others = log_sum_exp(logit.masked_fill(s.relevant, -torch.inf))  # (B,)
            each = torch.logaddexp(others[row], own) - own  # (pairs,)
        else:
            each = log_sum_exp(logit)[row] - own  # (pairs,)
        total = logit.new_zeros(len(logit)).index_add(0, row, each)  # (B,)
        return total / self.mean_positives  # (B,)

    def _summed(self, logit: Tensor, relevant: Tensor) -> Tensor:
        """Return the sums (B,) of `forward` without counting the positives, which a GPU would have to tell the host."""
        if self.mask:
            others = log_sum_exp(logit.masked_fill(relevant, -torch.inf))  # (B,)
            normaliser = torch.logaddexp(others[:, None], logit)  # (B, I)
        else:
            normaliser = log_sum_exp(logit)[:, None]  # (B, 1)
        return torch.where(relevant, normaliser - logit, 0).sum(dim=1)  # (B,)
