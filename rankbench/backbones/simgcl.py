"""SimGCL: LightGCN without layer 0, and a contrast between two noisy propagations."""

from torch import Tensor

from rankbench.backbones import Batch, param
from rankbench.backbones._noisy_graph import NoisyGraph
from rankbench.sampling.hashing import Key, derived


class SimGCL(NoisyGraph):
    r"""Graph convolution whose embeddings should survive noise: two perturbed views of a batch are contrasted.

    $$E = \frac{1}{L} \sum_{l=1}^{L} A^l E^{(0)}, \quad
      V^{(l)} = A V^{(l-1)} + \Delta^{(l)}, \quad V^{(0)} = E^{(0)}, \quad V = \frac{1}{L} \sum_{l=1}^{L} V^{(l)}$$

    with $A_{ui} = 1 / \sqrt{|P_u| |P_i|}$ and noise of length $\epsilon$ in each node's own orthant, $\Delta =
    \epsilon\, \mathrm{sign}(A V) \odot r / |r|$, r uniform on (0, 1). The loss sees E, as evaluation does; with two
    views V' and V'' the step adds $\lambda (\mathrm{InfoNCE}_\tau(V'_B, V''_B) + \mathrm{InfoNCE}_\tau(V'_{P},
    V''_{P}))$ over the distinct users B and positives P of the batch.

    As in the authors' code (Coder-Yu/SELFRec). The code of the published tables (IR-Benchmark), `form=ir-benchmark`,
    draws r from the normal distribution, so that the noise has any signs, and contrasts users and positives as often as
    they occur. Both start from Xavier embeddings (`--set init=xavier`), beside whose length of about .25 the noise is
    large; beside that of N(0, 1) embeddings it is small.

    Yu, Yin, Xia, Chen, Cui, Nguyen: Are graph augmentations necessary? Simple graph contrastive learning for
    recommendation. SIGIR 2022, arXiv 2112.08679.
    """

    paper = "Yu et al., SIGIR 2022, arXiv 2112.08679"

    tau: float = param(0.2, "temperature of the contrast", above=0)
    weight: float = param(0.5, "weight of the contrast, lambda", at_least=0, grid=(0.1, 0.2, 0.5))

    def step(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the vectors and the contrast of two noisy views."""
        one, other = (self.view(batch, derived(batch.key, which)) for which in range(2))  # (U + I, d) each
        return *self.propagated(batch.user), self.contrast(one, other, batch)

    def view(self, batch: Batch, key: Key) -> Tensor:
        """Return the vectors (U + I, d) of a noisy propagation, right for the users and positives of a batch."""
        first, *others = self.noisy_layers(key, batch.user, batch.pos)  # (U + I, d) each
        return sum(others, first) / self.layers
