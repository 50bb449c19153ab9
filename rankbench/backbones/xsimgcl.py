"""XSimGCL: one noisy propagation, trained on and contrasted with one of its own layers."""

from torch import Tensor

from rankbench.backbones import Batch, param
from rankbench.backbones._noisy_graph import NoisyGraph
from rankbench.errors import UserError
from rankbench.params import Value


class XSimGCL(NoisyGraph):
    r"""Graph convolution with noise in training; the result is contrasted with one of its own layers.

    $$V^{(l)} = A V^{(l-1)} + \Delta^{(l)}, \quad V^{(0)} = E^{(0)}, \quad V = \frac{1}{L} \sum_{l=1}^{L} V^{(l)}$$

    with $A_{ui} = 1 / \sqrt{|P_u| |P_i|}$ and noise of length $\epsilon$ in each node's own orthant, $\Delta =
    \epsilon\, \mathrm{sign}(A V) \odot r / |r|$, r uniform on (0, 1). The loss sees V, evaluation the same without
    noise; the step adds $\lambda (\mathrm{InfoNCE}_\tau(V_B, V^{(l^*)}_B) + \mathrm{InfoNCE}_\tau(V_P, V^{(l^*)}_P))$
    over the distinct users B and positives P of the batch.

    As in the authors' code (Coder-Yu/SELFRec), whose settings for Yelp2018 are layers=2, noise=0.2, tau=0.15; the
    defaults are those of the published tables (IR-Benchmark). Its code, `form=ir-benchmark`, draws r from the normal
    distribution, so that the noise has any signs, and contrasts users and positives as often as they occur. Both start
    from Xavier embeddings (`--set init=xavier`), beside whose length of about .25 the noise is large; beside that of
    N(0, 1) embeddings it is small.

    Yu, Xia, Chen, Cui, Hung, Yin: XSimGCL: Towards extremely simple graph contrastive learning for recommendation. TKDE
    2023, arXiv 2209.02544.
    """

    paper = "Yu et al., TKDE 2023, arXiv 2209.02544"

    contrast_layer: int = param(1, "layer to contrast with, l*", at_least=1)
    tau: float = param(0.1, "temperature of the contrast", above=0)
    weight: float = param(0.2, "weight of the contrast, lambda", at_least=0, grid=(0.05, 0.1, 0.2))

    def __init__(self, **values: Value) -> None:
        super().__init__(**values)  # type: ignore[arg-type]  # the values are checked, not typed
        if self.contrast_layer > self.layers:
            raise UserError(
                f"xsimgcl: contrast_layer = {self.contrast_layer}, but there are {self.layers} layers.",
                "Give a layer from 1 to that number.",
            )

    def step(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the vectors after propagation with noise, and the contrast with one of its layers."""
        every = self.noisy_layers(batch.key, batch.user, items=None)  # L times (U + I, d)
        mean = sum(every[1:], every[0]) / self.layers  # (U + I, d)
        return *self.graph.parts(mean), self.contrast(mean, every[self.contrast_layer - 1], batch)
