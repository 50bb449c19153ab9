"""CCL, the cosine contrastive loss of SimpleX."""

from torch import Tensor

from rankbench.losses import Loss, Scores, param


class CCL(Loss):
    r"""CCL (cosine contrastive): positives pulled to cosine 1, negatives pushed while above a margin.

    $\ell = (1 - s_i) + (w/N) \sum_j \max(s_j - m, 0)$, with cosines as scores.

    Gradient: $\partial \ell / \partial s_i = -1$ and $\partial \ell / \partial s_j = w/N$ where $s_j > m$, else 0: all
    negatives above the margin are pushed alike, and the margin takes the place of hardness. The weight w balances the
    few that are above it against the positive, hence its size.

    Published: Yelp2018 $m = .9$, $w = 150$ with N = 1000, learning rate 1e-4, batch 512, L2 1e-8; searched m in
    {-.5, ..., .9} and w in {1, ..., 1000}. Later work gives w = 50 and m of -.5 to 0 with N = 100; RecBole's default is
    m = .5, w = 10. The sum over negatives is taken as a mean in the paper and in all code that we know of; what differs
    is that some code cuts the violation off at 1, `capped=true`, which matters for negative margins only.

    Paper: Mao, Zhu, Wang, Dai, Dong, Xiao, He. SimpleX: A Simple and Strong Baseline for Collaborative Filtering.
    CIKM 2021, arXiv 2109.12613.
    """

    family = "margin"
    paper = "Mao et al., CIKM 2021, arXiv 2109.12613"
    divisible = True

    margin: float = param(
        0.5,
        "cosine up to which a negative is left alone, m",
        at_least=-1,
        below=1,
        grid=(-0.2, 0.0, 0.3, 0.5, 0.7, 0.9),
    )
    weight: float = param(150.0, "weight of the negatives, w", above=0, grid=(10.0, 50.0, 150.0, 500.0))
    capped: bool = param(False, "cut the violation of a negative off at 1")

    def forward(self, s: Scores) -> Tensor:
        """Return the distance (B,) of each positive from 1 and the weighed mean violation of its negatives."""
        violation = (s.neg - self.margin).relu()  # (B, N)
        if self.capped:
            violation = violation.clamp_max(1)  # (B, N)
        return (1 - s.pos) + self.weight * violation.mean(dim=1)  # (B,)
