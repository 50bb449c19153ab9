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
    \log \sigma_u^2)$, a mean over the users of a step. Its weight grows with the steps, $\beta_t = \min(\beta, t / T)$.
    Evaluation takes $z_u = \mu_u$. Published: 600 hidden units, d = 200, beta = .2 and T = 200,000 on MovieLens-20M
    (234 steps an epoch); the rule there is to anneal to 1 once and to keep the weight of the best validation. The
    likelihood is the loss: `multinomial`, `logistic`, or `wrmf`, which is the Gaussian one.

    Liang, Krishnan, Hoffman, Jebara: Variational autoencoders for collaborative filtering. WWW 2018, arXiv 1802.05814.
    """

    paper = "Liang et al., WWW 2018, arXiv 1802.05814"

    hidden: int = param(600, "units of the layers around the code, h", at_least=1)
    beta: float = param(0.2, "largest weight of the Kullback-Leibler term", at_least=0, grid=(0.0, 0.2, 0.5, 1.0))
    anneal: int = param(20_000, "steps in which that weight would grow to 1, T", at_least=1)

    def bind(self, train: Interactions, dim: int, init: str, generator: torch.Generator) -> None:
        """Create the four layers."""
        self.make_outer_layers(train.n_items, self.hidden, self.hidden, init, generator)
        self.code, self.code_bias = layer(self.hidden, 2 * dim, init, generator)  # (h, 2d), (2d,)
        self.back, self.back_bias = layer(dim, self.hidden, init, generator)  # (d, h), (h,)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))  # ()
        self.steps: Tensor

    def encode(self, first: Tensor, noise: torch.Generator | None) -> tuple[Tensor, Tensor | None]:
        """Return the layer behind the code (B, h), and in training the weighted Kullback-Leibler term ()."""
        mean, log_variance = (first @ self.code + self.code_bias).chunk(2, dim=1)  # (B, d), (B, d)
        if noise is None:
            return self._behind(mean), None
        sample = torch.randn(mean.shape, generator=noise).to(mean)  # (B, d)
        weight = self.weight()
        self.steps += 1
        code = mean + sample * (log_variance / 2).exp()  # (B, d)
        return self._behind(code), weight * divergence(mean, log_variance).mean()

    def weight(self) -> float:
        """Return the weight of the Kullback-Leibler term in the step to come."""
        return min(self.beta, int(self.steps) / self.anneal)

    def _behind(self, code: Tensor) -> Tensor:
        return torch.tanh(code @ self.back + self.back_bias)  # (B, h)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence (B,) of Gaussians, mean and log variance (B, d), from N(0, 1)."""
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1) / 2  # (B,)
