"""NewLoss, a loss on the vectors of users and their positives."""

from torch import Tensor

from rankbench.losses import VectorLoss, Vectors, param
from rankbench.rowwise import log_sum_exp


class NewLoss(VectorLoss):
    r"""NewLoss (what it is, in few words): what it does, in one sentence.

    $\ell_a = \log \sum_b e^{x_{ab}} - x_{aa}$ with $x_{ab} = \cos(u_a, i_b)/\tau$: the other positives of the batch are
    the negatives, so the value depends on which examples share a batch. `rankbench show` draws formulas between dollars
    on the terminal.

    Gradient: $\partial \ell_a / \partial x_{ab} = p_{ab} - [a = b]$ with $p$ the softmax of row a.

    Paper: Authors. Title. VENUE YEAR, arXiv NNNN.NNNNN.
    """

    family = "softmax"  # a word for losses that are alike
    paper = "unpublished"  # or "First author et al., VENUE YEAR, arXiv NNNN.NNNNN"
    # score = "dot"  # vectors as they are; scaled to length 1 if left out
    # recipe = {"lr": 0.01, "batch_size": 2048}  # training values of its own: see `rankbench run --help`

    # Each parameter is typed as `new_loss.py:tau=0.1`; `rankbench run --grid` tries the values of its grid.
    tau: float = param(0.15, "temperature; smaller weighs hard negatives more", above=0, grid=(0.1, 0.15, 0.2))

    def forward(self, s: Vectors) -> Tensor:
        """Return the loss (B,) of each example; the training minimises their mean.

        `s` has the vectors s.user_vec (B, d) and s.item_vec (B, d) of users and positives, s.catalogue (I, d) of all
        items, and the numbers s.user (B,) and s.item (B,).
        """
        logit = s.user_vec @ s.item_vec.t() / self.tau  # (B, B)
        own = logit.diagonal()  # (B,)
        same = (s.item[:, None] == s.item).fill_diagonal_(False)  # (B, B) the positive in another row
        return log_sum_exp(logit.masked_fill(same, float("-inf"))) - own  # (B,)

    # A loss may have a state. Without one, delete all that follows.
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
