"""NewLoss, a loss on the scores of all items."""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import softplus

from rankbench.losses import ListLoss, Lists, param
from rankbench.params import Value
from rankbench.rowwise import log_sum_exp


class NewLoss(ListLoss):
    r"""NewLoss (what it is, in few words): what it does, in one sentence.

    $\ell_u = \frac{1}{|P_u|} \sum_{i \in P_u} \log(1 + \sum_{k \notin P_u} e^{(s_k - s_i)/\tau})$, where $P_u$ are the
    train items of user u and k runs over all others, with cosines as scores. `rankbench show` draws formulas between
    dollars on the terminal.

    Gradient: a train item is pulled by $\frac{1}{|P_u| \tau} \sum_k p_{ik}$ and pushes the others by as much, with
    $p_{ik} = e^{s_k/\tau} / (e^{s_i/\tau} + \sum_{j \notin P_u} e^{s_j/\tau})$.

    Paper: Authors. Title. VENUE YEAR, arXiv NNNN.NNNNN.
    """

    family = "softmax"  # a word for losses that are alike
    paper = "unpublished"  # or "First author et al., VENUE YEAR, arXiv NNNN.NNNNN"
    divisible = True  # a user depends on its own row only: a batch may be computed in pieces, which is faster
    # score = "dot"  # inner products; cosines if left out
    recipe: ClassVar[Mapping[str, Value]] = {"batch_size": 64}  # a batch is so many users; see `rankbench run --help`

    # Each parameter is typed as `new_loss.py:tau=0.1`; `rankbench run --grid` tries the values of its grid.
    tau: float = param(0.15, "temperature; smaller weighs strong items more", above=0, grid=(0.1, 0.15, 0.2))

    def forward(self, s: Lists) -> Tensor:
        """Return the loss (B,) of each user; the training minimises their mean.

        `s` has the scores s.score (B, I) of all items, s.relevant (B, I), which of them are train items of the user,
        one or more, and the numbers s.user (B,).
        """
        logit = s.score / self.tau  # (B, I)
        others = log_sum_exp(logit.masked_fill(s.relevant, float("-inf")))  # (B,)
        each = softplus(others[:, None] - logit)  # (B, I) softplus(x) is log(1 + exp(x)), without its overflow
        return each.where(s.relevant, 0).sum(dim=1) / s.relevant.sum(dim=1)  # (B,)

    # A loss may have a state. Without one, delete all that follows; if forward moves it, leave out `divisible`.
    #
    # def bind(self, train: Interactions, seed: int) -> None:
    #     """Create the state, once, before the training; `seed` is for a torch.Generator of your own."""
    #     popularity = torch.from_numpy(train.item_counts).float()  # (I,)
    #     self.register_buffer("log_popularity", popularity.clamp_min(1).log())  # (I,) stored with the model
    #     self.margin = torch.nn.Parameter(torch.zeros(train.n_users))  # (U,) trained and stored with the model
    #
    # def refresh(self, epoch: Epoch) -> None:
    #     """Look at the model before each epoch, without gradients: epoch.score(user, item) gives scores (b, M)."""
    #
    # In forward, store a new state only `if self.training and torch.is_grad_enabled():`.
    # Imports: torch; Epoch from rankbench.losses; Interactions from rankbench.data.interactions.
