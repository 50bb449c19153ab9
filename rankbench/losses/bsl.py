"""BSL, the bilateral softmax loss, in the three forms that circulate."""

from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.errors import UserError
from rankbench.losses import Loss, Scores, param
from rankbench.params import Value
from rankbench.rowwise import log_mean_by_group, log_sum_exp_of_gaps


class BSL(Loss):
    r"""BSL (bilateral softmax): softmax with one temperature for the positives and another for the negatives.

    Three formulas go by this name, with $d_j = s_j - s_i$ and cosines as scores:

    `mode=pair`: $\ell = -s_i/\tau_1 + (\tau_2/\tau_1) \log \sum_j e^{s_j/\tau_2}$. This is exactly
    $\tau_2/\tau_1$ times softmax at $\tau_2$: with Adam, without weight decay or contrastive terms, it *is*
    softmax, and $\tau_1$ only scales the loss. The BSL rows in the tables of PSL and SL@K come from this form.

    `mode=ratio`: $\ell = -s_i/\tau_2 + r \log \sum_j e^{s_j/\tau_2}$, the form of the authors' released code and
    settings. Negatives are pushed $r$ times as hard as the positive is pulled; adding a constant to all scores
    changes it unless $r = 1$, where it is softmax. It reads `tau2` and `ratio`. Published $(r, \tau_2)$: (1.06, .17)
    MovieLens-1M, (1.10, .11) Yelp2018, (1.22, .08) Gowalla, (1.32, .14) Amazon.

    `mode=user`: $\ell = -\tau_1 \log (\mathrm{mean}_{k \in R} e^{s_k/\tau_1}) + \tau_2 \log \sum_j e^{s_j/\tau_2}$,
    the paper's form: $s_k$ are the positives' scores in R, the rows of the batch with the same user; the negatives are
    the row's own. All rows of a user share the first term, so the batch mean is the mean over the users of (first term
    + mean second term), each user weighted by its rows: every interaction weighs the same, as in the other losses. With
    $\tau_1 \to \infty$, the batch mean is $\tau_2$ times softmax's; with one row a user each value is $\tau_1$ times
    `pair`'s. It depends on which rows share a batch. It reads `tau1` and `tau2`.

    Published optimum $(\tau_1, \tau_2)$ of `pair`: (.2, .2) Health, (.5, .2) Electronic, (.2, .1) Gowalla, (.5, .05)
    Book. `tau1` has no grid, since in `pair` there is nothing to search.

    Paper: Wu, Chen, Wu, Shi, Zhang, Wang. BSL: Understanding and Improving Softmax Loss for Recommendation.
    ICDE 2024, arXiv 2312.12882.

    Raises:
        UserError: a parameter that the mode does not read is given.
    """

    family = "softmax"
    paper = "Wu et al., ICDE 2024, arXiv 2312.12882"

    mode: str = param("pair", "which of the three forms", choices=("pair", "ratio", "user"))
    tau1: float = param(0.15, "temperature of the positives; not read by mode=ratio", above=0)
    tau2: float = param(0.15, "temperature of the negatives", above=0, grid=(0.05, 0.1, 0.15, 0.2, 0.25))
    ratio: float = param(1.1, "weight of the negatives, r; read by mode=ratio only", above=0)

    def __init__(self, **values: Value) -> None:
        super().__init__(**values)
        unread = "tau1" if self.mode == "ratio" else "ratio"
        if getattr(self, unread) != self.params[unread].default:
            raise UserError(f"bsl: {unread} has no effect with mode={self.mode}.", self.params[unread].describe())

    def bind(self, train: Interactions, seed: int) -> None:
        """Note how many users there are."""
        self.n_users = train.n_users

    def forward(self, s: Scores) -> Tensor:
        """Return the loss (B,) of each row in the chosen form."""
        softmax = log_sum_exp_of_gaps(s.neg, s.pos, 1 / self.tau2)  # (B,)
        if self.mode == "pair":
            return softmax * (self.tau2 / self.tau1)  # (B,)
        if self.mode == "ratio":
            return self.ratio * softmax + (self.ratio - 1) * s.pos / self.tau2  # (B,)
        return self.tau2 * softmax - self.lead_of_user(s)  # (B,)

    @property
    def divisible(self) -> bool:
        """Whether examples are independent: not in user mode, which compares the rows of a user."""
        return self.mode != "user"

    def lead_of_user(self, s: Scores) -> Tensor:
        r"""Return $\tau_1 \log (\mathrm{mean}_{k \in R} e^{s_k/\tau_1}) - s_i$ (B,), the user's lead on each row."""
        mean = log_mean_by_group(s.pos / self.tau1, s.user, self.n_users)  # (U,)
        return self.tau1 * mean[s.user] - s.pos  # (B,)
