"""Mult-VAE, the variational autoencoder."""

import torch
from torch import Tensor

from rankbench.backbones import param
from rankbench.backbones._autoencoder import Autoencoder, layer
from rankbench.data.interactions import Interactions


class MultVAE(Autoencoder):
    r"""Variational autoencoder (Mult-VAE with the loss `multinomial`): a user is a Gaussian in d dimensions.

    $$\mu_u, \log \sigma_u^2 = W_\mu h_u + b, \quad z_u = \mu_u + \sigma_u \epsilon, \quad
      s_u = W_2 \tanh(W_z^T z_u + b_z) + b_2, \quad h_u = \tanh(W_1^T \tilde{x}_u + b_1)$$

    The penalty is $\beta_t\, KL(N(\mu_u, \sigma_u^2) \| N(0, 1)) = \frac{\beta_t}{2} \sum (\mu_u^2 + \sigma_u^2 - 1 -
    \log \sigma_u^2)$, a mean over the users of a step; where a step has pairs of users and items, each has $1 / |P_u|$
    of its user's, so that a pass over the data counts every user once, as with lists. The weight grows with the passes
    over the data, $\beta_t = \min(\beta, t / T)$. Evaluation takes $z_u = \mu_u$. The likelihood is the loss:
    `multinomial`, `logistic`, or `wrmf`, which is the Gaussian one.

    Published: 600 hidden units, d = 200, beta = .2 and T = 855 passes (200,000 steps) on MovieLens-20M; the rule there
    is to anneal to 1 once and to keep the weight of the best validation. beta and T here are those of the best
    validation of Online Retail, `iid`, with `multinomial`.

    Liang, Krishnan, Hoffman, Jebara: Variational autoencoders for collaborative filtering. WWW 2018, arXiv 1802.05814.
    """

    paper = "Liang et al., WWW 2018, arXiv 1802.05814"

    hidden: int = param(600, "units of the layers around the code, h", at_least=1)
    beta: float = param(0.5, "largest weight of the Kullback-Leibler term", at_least=0, grid=(0.0, 0.2, 0.5, 1.0))
    anneal_epochs: float = param(60.0, "passes over the data in which that weight would grow to 1, T", above=0)

    def bind(self, train: Interactions, dim: int, init: str, generator: torch.Generator) -> None:
        """Create the four layers."""
        self.make_outer_layers(train.n_items, self.hidden, self.hidden, init, generator)
        self.code, self.code_bias = layer(self.hidden, 2 * dim, init, generator)  # (h, 2d), (2d,)
        self.back, self.back_bias = layer(dim, self.hidden, init, generator)  # (d, h), (h,)
        self.register_buffer("passes", torch.zeros((), dtype=torch.float64))  # ()
        self.passes: Tensor

    def encode(self, first: Tensor, noise: torch.Generator | None) -> tuple[Tensor, Tensor | None]:
        """Return the layer behind the code (B, h), and in training the weighted Kullback-Leibler terms (B,)."""
        mean, log_variance = (first @ self.code + self.code_bias).chunk(2, dim=1)  # (B, d), (B, d)
        if noise is None:
            return self._behind(mean), None
        sample = torch.randn(mean.shape, generator=noise).to(mean)  # (B, d)
        code = mean + sample * (log_variance / 2).exp()  # (B, d)
        return self._behind(code), self.weight() * divergence(mean, log_variance)

    def passed(self, share: float) -> None:
        """Count the passes over the data."""
        self.passes += share

    def weight(self) -> float:
        """Return the weight of the Kullback-Leibler term in the step to come."""
        return min(self.beta, float(self.passes) / self.anneal_epochs)

    def _behind(self, code: Tensor) -> Tensor:
        return torch.tanh(code @ self.back + self.back_bias)  # (B, h)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence (B,) of Gaussians, mean and log variance (B, d), from N(0, 1)."""
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1) / 2  # (B,)
