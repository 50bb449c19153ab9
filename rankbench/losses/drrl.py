"""DrRL, the loss of the worst reweighting of the negatives within a Renyi divergence."""

import torch
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.losses import Loss, Scores, param
from rankbench.rowwise import fall_of_power_mean, power_mean_of_excess


class DrRL(Loss):
    r"""DrRL (Renyi divergence): a margin for each user that is learned, and a power mean of what exceeds it.

    $\ell = \max(1 - s_i, 0) + [\mathrm{mean}_j (\epsilon + w \max(s_j - m_u, 0))^p]^{1/p} + m_u$, with cosines as
    scores; $m_u$, the margin of the user, carries no gradient to the model.

    It is the dual of the expected negative score under the worst distribution within a Cressie-Read divergence of the
    uniform one, of which w and p are the radius and the order (as we remember the theory; the formula is the released
    code's). With p = 1 and fixed margins it is CCL, up to a constant; p = 2 weighs negatives in proportion to how far
    they exceed the margin. With $x_j = \epsilon + w \max(s_j - m_u, 0)$ and $A = \mathrm{mean}_j x_j^p$,
    $\partial \ell / \partial s_j = w A^{1/p-1} x_j^{p-1} / N$ above the margin and 0 below it, and
    $\partial \ell / \partial s_i = -1$.

    The margins descend on the same expression, summed over a user's rows in the batch with the scores held constant:
    one step of plain gradient descent of size `margin_step`, before each step of the model, so that the value depends
    on which rows share a batch. A margin's slope is $1 - w A^{1/p-1} \mathrm{mean}_j (x_j^{p-1} 1[s_j > m_u])$.

    Published: p is written $\omega/(\omega-1)$, $\omega$ = 150 in the released code, which is p = 1.007; w of 1 to 50,
    margins that start at .1 to .9, steps of 1e-3 to 1e-1; $\epsilon$ = .1 keeps the power differentiable.

    Paper: Zhang, Chen, Li, Zhou, Shi, Feng, Chen, Wang. Advancing Loss Functions in Recommender Systems: A Comparative
    Study with a Renyi Divergence-Based Solution. AAAI 2025, arXiv 2506.15120.
    """

    family = "margin"
    paper = "Zhang et al., AAAI 2025, arXiv 2506.15120"
    divisible = True

    power: float = param(1.1, "order of the mean, p", at_least=1, grid=(1.01, 1.1, 1.5, 2.0, 3.0, 5.0))
    weight: float = param(10.0, "weight of what exceeds the margin, w", above=0, grid=(1.0, 5.0, 10.0, 50.0))
    margin: float = param(0.7, "every user's margin at first", grid=(0.1, 0.3, 0.5, 0.7, 0.9))
    margin_step: float = param(0.01, "step of the margins; 0 holds them", at_least=0, grid=(0.001, 0.01, 0.1))
    epsilon: float = param(0.1, "added before the power is taken", above=0)

    def bind(self, train: Interactions, seed: int) -> None:
        """Start with the same margin for every user: the buffer `user_margin` (U,) is stored with the model."""
        self.user_margin: Tensor
        self.register_buffer("user_margin", torch.full((train.n_users,), self.margin))  # (U,)

    def measure(self, s: Scores) -> Tensor:
        """Return the slope (B,) of each example for its user's margin."""
        return 1 - fall_of_power_mean(s.neg, self.user_margin[s.user], self.weight, self.epsilon, self.power)  # (B,)

    def settle(self, user: Tensor, pos_item: Tensor, measured: Tensor) -> Tensor:
        """Return the margins (B,) after their step; in training, keep them."""
        slope = measured.new_zeros(len(self.user_margin)).index_add(0, user, measured)  # (U,)
        margin = self.user_margin - self.margin_step * slope  # (U,)
        if self.training and torch.is_grad_enabled():
            self.user_margin.copy_(margin)
        return margin[user]  # (B,)

    def forward(self, s: Scores) -> Tensor:
        """Return the loss (B,) of each example at the margins after their step."""
        margin = self.settled(s)  # (B,)
        norm = power_mean_of_excess(s.neg, margin, self.weight, self.epsilon, self.power)  # (B,)
        return (1 - s.pos).relu() + norm + margin  # (B,)
