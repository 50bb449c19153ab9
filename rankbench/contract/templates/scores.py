"""NewLoss, a loss on the scores of positives and sampled negatives."""

from torch import Tensor
from torch.nn.functional import softplus

from rankbench.losses import Loss, Scores, param
from rankbench.rowwise import log_sum_exp


class NewLoss(Loss):
    r"""NewLoss (what it is, in few words): what it does, in one sentence.

    $\ell = \log(1 + \sum_j e^{d_j / \tau})$, with $d_j = s_j - s_i$, the score of negative j less that of the positive,
    and cosines as scores. `rankbench show` draws formulas between dollars on the terminal.

    Gradient: $\partial \ell / \partial s_j = p_j / \tau$ with $p_j = e^{d_j/\tau} / (1 + \sum_k e^{d_k/\tau})$ and
    $\partial \ell / \partial s_i = -\sum_j p_j / \tau$.

    Paper: Authors. Title. VENUE YEAR, arXiv NNNN.NNNNN.
    """

    family = "softmax"  # a word for losses that are alike
    paper = "unpublished"  # or "First author et al., VENUE YEAR, arXiv NNNN.NNNNN"
    divisible = True  # an example depends on its own row only: a batch may be computed in pieces, which is faster
    # score = "dot"  # inner products; cosines if left out
    # recipe = {"lr": 0.01, "negatives": 256}  # training values of its own: see `rankbench run --help`

    # Each parameter is typed as `new_loss.py:tau=0.1`; `rankbench run --grid` tries the values of its grid.
    tau: float = param(0.15, "temperature; smaller weighs hard negatives more", above=0, grid=(0.1, 0.15, 0.2))

    def forward(self, s: Scores) -> Tensor:
        """Return the loss (B,) of each example; the training minimises their mean.

        `s` has the scores s.pos (B,) and s.neg (B, N), the numbers s.user (B,), s.pos_item (B,), s.neg_item (B, N),
        s.similarity (B, N), the cosines of positive and negatives, and s.log_q(items), how probable a draw was.
        """
        gap = (s.neg - s.pos[:, None]) / self.tau  # (B, N)
        return softplus(log_sum_exp(gap))  # (B,) softplus(x) is log(1 + exp(x)), without its overflow

    # A loss may have a state. Without one, delete all that follows; if forward moves it, leave out `divisible`, or move
    # it once a batch in `settle`, by what `measure` finds in the pieces: their docstrings in rankbench.losses.
    #
    # def bind(self, train: Interactions, seed: int) -> None:
    #     """Create the state, once, before the training; `seed` is for a torch.Generator of your own."""
    #     self.register_buffer("threshold", torch.zeros(train.n_users))  # (U,) stored with the model
    #     self.margin = torch.nn.Parameter(torch.zeros(train.n_users))  # (U,) trained and stored with the model
    #
    # def refresh(self, epoch: Epoch) -> None:
    #     """Look at the model before each epoch, without gradients."""
    #     user = torch.arange(epoch.train.n_users, device=self.threshold.device)  # (U,)
    #     self.threshold.copy_(epoch.score(user, epoch.draw(user)).amax(dim=1))  # (U,)
    #
    # In forward, store a new state only `if self.training and torch.is_grad_enabled():`.
    # Imports: torch; Epoch from rankbench.losses; Interactions from rankbench.data.interactions.
