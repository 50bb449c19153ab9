"""CML, the metric-learning loss, on the unit sphere."""

from typing import ClassVar, Literal

from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.losses import Loss, Scores, param


class CML(Loss):
    r"""CML (collaborative metric learning) on the sphere, our reading: a margin on distances, weighted by a rank.

    $\ell = w \max_j \max(m + |x_u - x_i|^2 - |x_u - x_j|^2, 0)$, and on unit vectors
    $|x_u - x_i|^2 - |x_u - x_j|^2 = 2 d_j$ with $d_j = s_j - s_i$ and cosines as scores, so
    $\ell = w \max(m + 2 \max_j d_j, 0)$. `violators=all` adds up the margins of all negatives in place of the largest.

    $w = \log(1 + \lfloor I V/N \rfloor)$, where V of the N negatives violate the margin ($m + 2 d_j > 0$), is the log
    of the positive's estimated rank and carries no gradient.

    Gradient of the largest: $\partial \ell / \partial s_j = 2w$ for the hardest negative while it violates, and
    $\partial \ell / \partial s_i = -2w$.

    What is ours: the published model keeps vectors within the unit ball, not on the sphere, and ranks by distance; on
    the sphere the order by distance is that by cosine, and a user's and item's closeness no longer trades against
    their lengths. Without the lengths the covariance penalty, which spreads the vectors in the ball, is left out.
    The released code does not round the rank and takes the hardest negative, which is `violators=hardest`; the paper
    writes the sum over all pairs. Published margins are .5 and 1, of squared distances that reach 4.

    Paper: Hsieh, Yang, Cui, Lin, Belongie, Estrin. Collaborative Metric Learning. WWW 2017.
    """

    provenance: ClassVar[Literal["paper", "reading"]] = "reading"
    family = "margin"
    paper = "our reading of Hsieh et al., WWW 2017"
    divisible = True

    margin: float = param(
        0.5, "lead of the squared distance to the positive, m", above=0, at_most=4, grid=(0.25, 0.5, 1.0, 2.0)
    )
    violators: str = param("hardest", "which negatives count", choices=("hardest", "all"))

    def bind(self, train: Interactions, seed: int) -> None:
        """Note how many items a positive is ranked among."""
        self.n_items = train.n_items

    def forward(self, s: Scores) -> Tensor:
        """Return the weighted violation (B,) of each positive's margin."""
        limit = s.pos - self.margin / 2  # (B,) the cosine up to which a negative keeps the margin
        count = (s.neg > limit[:, None]).sum(dim=1)  # (B,)
        rank = self.n_items * count // s.neg.shape[1]  # (B,)
        if self.violators == "hardest":
            excess = (s.neg.amax(dim=1) - limit).relu()  # (B,)
        else:
            excess = (s.neg - limit[:, None]).relu().sum(dim=1)  # (B,)
        return rank.to(excess).log1p() * 2 * excess  # (B,)
