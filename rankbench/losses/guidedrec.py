"""GuidedRec, a pointwise loss guided by a network that learns to predict DCG."""

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad, softplus

from rankbench.data.interactions import Interactions
from rankbench.losses import Loss, Scores, param
from rankbench.params import Value
from rankbench.rowwise import sum_of_softplus


class GuidedRec(Loss):
    r"""GuidedRec (learned surrogate): a pointwise logistic loss and the DCG that a network predicts from a short list.

    $\ell = N \log(1 + e^{-s_i}) + \sum_j \log(1 + e^{s_j}) - w E(x) + (E(\bar x) - \mathrm{DCG})^2$, with cosines as
    scores. x is the list of n items, the positive and the first n - 1 negatives, each with $\sigma(s)$ and its label;
    places that the draws do not fill are zeros. E is the surrogate, a network trained beside the model, and
    $\mathrm{DCG} = 1/\log_2(1 + r)$ with r the rank of the positive in the list. In $-w E(x)$ the network is held
    constant and in the last term the list is, so the model climbs on the predicted DCG while the network learns to
    predict it, and neither disturbs the other.

    The surrogate: two layers of 2n on the flattened list; a layer of 2n on each item, giving Z, the mean of
    $Z Z^\top$ over one axis and a layer of 2n on it; their product, a layer of 8 and one of 1, all with tanh.

    Published with n = 10, nine negatives (the recipe) and inner products as scores; the benchmark of PSL and SL@K takes
    cosines, and learning rates of .1 to .001. The released code takes three steps a batch: the model's on the pointwise
    loss, the network's, the model's on $-E$. Here they are one step on the sum, and w says how much $-E$ counts in it.

    The network starts uniformly within $1/\sqrt{\mathrm{inputs}}$ of 0. It is no function of the set of negatives:
    their order matters to it.

    Paper: Rashed, Grabocka, Schmidt-Thieme. A Guided Learning Approach for Item Recommendation via Surrogate Loss
    Learning. SIGIR 2021.
    """

    family = "listwise"
    paper = "Rashed et al., SIGIR 2021"
    divisible = True
    recipe: ClassVar[Mapping[str, Value]] = {"negatives": 9}

    list_size: int = param(10, "items in the list of the surrogate, n", at_least=2)
    guidance: float = param(1.0, "weight of the predicted DCG, w", at_least=0, grid=(0.1, 1.0, 10.0))

    def bind(self, train: Interactions, seed: int) -> None:
        """Create the surrogate, trained and stored with the model."""
        self.surrogate = Surrogate(self.list_size, torch.Generator().manual_seed(seed))

    def forward(self, s: Scores) -> Tensor:
        """Return the loss (B,) of each example."""
        pointwise = s.neg.shape[1] * softplus(-s.pos) + sum_of_softplus(s.neg)  # (B,)
        x = self.listed(s)  # (B, n, 2)
        predicted: Tensor = self.surrogate(x, frozen=True)  # (B,)
        error: Tensor = self.surrogate(x.detach()) - self.dcg(s)  # (B,)
        return pointwise - self.guidance * predicted + error.square()  # (B,)

    def listed(self, s: Scores) -> Tensor:
        """Return the list of each example (B, n, 2): items with their probability and label."""
        some = s.neg[:, : self.list_size - 1]  # (B, n - 1) or fewer
        probability = torch.sigmoid(torch.cat([s.pos[:, None], some], dim=1))  # (B, n) or fewer
        probability = pad(probability, (0, self.list_size - probability.shape[1]))  # (B, n)
        label = torch.zeros_like(probability)  # (B, n)
        label[:, 0].fill_(1)
        return torch.stack([probability, label], dim=2)  # (B, n, 2)

    @torch.no_grad()
    def dcg(self, s: Scores) -> Tensor:
        """Return the DCG (B,) of each list."""
        rank = 1 + (s.neg[:, : self.list_size - 1] > s.pos[:, None]).sum(dim=1)  # (B,)
        return torch.log2(1 + rank.to(s.pos)).reciprocal()  # (B,)


class Surrogate(nn.Module):
    """The network that predicts the DCG of lists of n items with probability and label.

    Args:
        n: items in a list.
        generator: what its weights are drawn with.
    """

    def __init__(self, n: int, generator: torch.Generator) -> None:
        super().__init__()
        self.first, self.second = layer(2 * n, 2 * n, generator), layer(2 * n, 2 * n, generator)
        self.item, self.match = layer(2, 2 * n, generator), layer(n, 2 * n, generator)
        self.joint, self.last = layer(2 * n, 8, generator), layer(8, 1, generator)

    def forward(self, x: Tensor, frozen: bool = False) -> Tensor:
        """Return the predicted DCG (B,) of lists (B, n, 2); frozen, without gradients to the network."""

        def through(part: nn.Linear, x: Tensor) -> Tensor:
            weight, bias = part.weight.to(x.dtype), part.bias.to(x.dtype)
            return torch.tanh(linear(x, weight.detach(), bias.detach()) if frozen else linear(x, weight, bias))

        whole = through(self.second, through(self.first, x.flatten(1)))  # (B, 2n)
        z = through(self.item, x)  # (B, n, 2n)
        match = (z * z.mean(dim=1, keepdim=True)).sum(dim=2)  # (B, n)
        joint = through(self.joint, whole * through(self.match, match))  # (B, 8)
        return through(self.last, joint)[:, 0]  # (B,)


def layer(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    """Return a linear layer whose weights are uniform within 1 / sqrt(inputs) of 0."""
    made = nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")
    for weight in made.parameters():
        nn.init.uniform_(weight, -1 / math.sqrt(inputs), 1 / math.sqrt(inputs), generator=generator)
    return made
