"""SCE, cross-entropy within buckets of users and items that lie in the same random direction."""

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

from rankbench.data.interactions import Interactions
from rankbench.losses import Epoch, VectorLoss, Vectors, param
from rankbench.randomness import key
from rankbench.rowwise import log_sum_exp

PLACES = 1.9
"""Places for each row of the batch, in all buckets together, of both published settings."""


class SCE(VectorLoss):
    r"""SCE (scalable cross-entropy): softmax over the items that lie in the same random direction as the user.

    $\ell_a = \frac{B}{|A|} \max_{b: a \in X_b} \log (1 + \sum_{k \in Y_b, k \ne i_a} e^{(s_{ak} - s_{aa})/\tau})$,
    with $s_{ak}$ the cosine of user a and item k and $s_{aa}$ that of user a and its positive $i_a$. Every step draws
    $n_b$ directions at random. Bucket b holds what has the largest inner products with its direction: $b_x$ rows of the
    batch, $X_b$, and $b_y$ items of the catalogue, $Y_b$. Its rows are ranked against its items, which are hard
    negatives for them, at the cost of a product of small matrices. A row in several buckets keeps the largest of its
    losses. A row in none has the value 0, and the rows A that are in one make up for it: the plain mean of the values
    is the mean over A. The value depends on which examples share a batch.

    With all rows and all items in a bucket it is `full-softmax`, exactly. With fewer it is biased: the sum is over a
    part of the items, the largest of several such sums, and rows far from all directions are left out. Only the row's
    own positive is no negative; the user's other train items are, as in the released code and in `full-softmax`.

    Gradient: with p the softmax of the positive and the items of the bucket that the value is from,
    $\partial \ell_a / \partial s_{ak} = \frac{B}{|A| \tau} p_k$ and
    $\partial \ell_a / \partial s_{aa} = -\frac{B}{|A| \tau} \sum_k p_k$. The choice of buckets carries none.

    Where they are not given, $n_b = b_x$ with $n_b b_x = 1.9 B$, as published for Gowalla: 882, 882 and $b_y$ = 256
    with batches of 409,600 rows, and 110, 110, 256 with 6,400. At B = 1024 it is 44, and five rows of six are in a
    bucket. `mix=true` takes random sums of the batch's user vectors for directions, so that they are where the users
    are; it keeps the buckets apart where users have drawn together. The published settings go without.

    Published with transformers on sequences, whose scores are inner products without a temperature; here they are
    cosines, as in the other losses on vectors, which need one. Its best is above that of softmax with uniform
    negatives, since a bucket's items are hard: in our first runs on Online Retail, .25 and .3 before .2 and .15. The
    released code leaves out rows whose loss is 0 as well, and scales the directions, which changes no order. It is not
    `scaledce`, which is called SCE too.

    The directions are a function of the seed, the epoch and the step in it.

    Paper: Mezentsev, Gusak, Oseledets, Frolov. Scalable Cross-Entropy Loss for Sequential Recommendations with Large
    Item Catalogs. RecSys 2024, arXiv 2409.18721.
    """

    family = "softmax"
    paper = "Mezentsev et al., RecSys 2024, arXiv 2409.18721"

    tau: float = param(0.25, "temperature; smaller weighs hard negatives more", above=0, grid=(0.15, 0.2, 0.25, 0.3))
    buckets: int = param(0, "directions a step, n_b; 0: such that a row has 1.9 places", at_least=0)
    bucket_rows: int = param(0, "most rows in a bucket, b_x; 0: such that a row has 1.9 places", at_least=0)
    bucket_items: int = param(256, "most items in a bucket, b_y", at_least=1)
    mix: bool = param(False, "take random sums of the batch's user vectors for directions")

    def bind(self, train: Interactions, seed: int) -> None:
        """Keep the seed of the directions."""
        self.seed, self.epoch, self.step = seed, 0, 0

    def refresh(self, epoch: Epoch) -> None:
        """Begin to count the steps of an epoch."""
        self.epoch, self.step = epoch.number, 0

    def forward(self, s: Vectors) -> Tensor:
        """Return the loss (B,) of each example; in training, count the step."""
        row, item = self.fill(s)  # (n_b, b_x), (n_b, b_y)
        each = self.cross_entropy(s, row, item)  # (n_b * b_x,)
        place = row.flatten()  # (n_b * b_x,)
        largest = each.new_zeros(len(s.user)).scatter_reduce(0, place, each, "amax")  # (B,) no loss is negative
        n_kept = torch.zeros_like(s.user).index_fill(0, place, 1).sum()  # ()
        if self.training and torch.is_grad_enabled():
            self.step += 1
        return largest * len(s.user) / n_kept  # (B,)

    @torch.no_grad()
    def fill(self, s: Vectors) -> tuple[Tensor, Tensor]:
        """Return the rows (n_b, b_x) and the items (n_b, b_y) of each bucket."""
        n_buckets, n_rows = self.sizes(len(s.user))
        direction = self.directions(s, n_buckets)  # (n_b, d)
        row = (direction @ s.user_vec.t()).topk(n_rows, dim=1).indices  # (n_b, b_x)
        n_items = min(self.bucket_items, len(s.catalogue))
        return row, (direction @ s.catalogue.t()).topk(n_items, dim=1).indices

    def sizes(self, B: int) -> tuple[int, int]:
        """Return the number of buckets and of the rows in each, for B rows."""
        places = PLACES * B
        buckets = self.buckets or max(1, int(places / (self.bucket_rows or math.sqrt(places))))
        return buckets, min(B, self.bucket_rows or max(1, int(places / buckets)))

    def directions(self, s: Vectors, n: int) -> Tensor:
        """Return n directions (n, d), drawn for this step."""
        stream = key(self.seed, "loss", self.epoch, self.step)
        generator = torch.Generator().manual_seed(stream >> 1)
        drawn = torch.randn(n, s.user_vec.shape[0 if self.mix else 1], generator=generator)  # (n, B) or (n, d)
        drawn = drawn.to(s.user_vec)
        return drawn @ s.user_vec if self.mix else drawn  # (n, d)

    def cross_entropy(self, s: Vectors, row: Tensor, item: Tensor) -> Tensor:
        """Return the cross-entropy (n_b * b_x,) of each bucket's rows, among their positive and the bucket's items."""
        d = s.user_vec.shape[1]
        place = row.flatten()  # (n_b * b_x,)
        own = (s.user_vec * s.item_vec).sum(dim=1).index_select(0, place)  # (n_b * b_x,)
        query = s.user_vec.index_select(0, place).view(*row.shape, d)  # (n_b, b_x, d)
        other = s.catalogue.index_select(0, item.flatten()).view(*item.shape, d)  # (n_b, b_y, d)
        positive = s.item[row][:, :, None] == item[:, None]  # (n_b, b_x, b_y)
        score = (query @ other.mT).masked_fill(positive, -torch.inf).flatten(0, 1)  # (n_b * b_x, b_y)
        return softplus(log_sum_exp((score - own[:, None]) / self.tau))  # (n_b * b_x,)
