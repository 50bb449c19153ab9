"""What autoencoders of users share: a user's items go in, the scores of all items come out."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag

from rankbench.backbones import Batch, RowBackbone, param
from rankbench.data.interactions import Interactions
from rankbench.params import Value
from rankbench.scoring import products
from rankbench.scoring.unit import unit


class Autoencoder(RowBackbone):
    r"""An encoder of a user's row and a last layer that scores the items.

    The row goes in as $\tilde{x} = x / \lVert x \rVert$, its entries dropped at random in training and the others made
    larger in turn; only the items that a user has are touched. A user is nothing but these items, so users that were
    not in train are scored like any other. Losses on cosines get those of the last hidden layer and the items' output
    vectors, without bias.
    """

    folds_in = True
    recipe: ClassVar[Mapping[str, Value]] = {
        "lr": 0.001,
        "init": "xavier",
        "batch_size": 500,
        "epochs": 200,
        "dim": 200,
        "weight_decay": 0.0,
    }

    dropout: float = param(0.5, "share of a user's items that is dropped in a training step", at_least=0, below=1)

    def step_scores(self, batch: Batch, item: Tensor | None, inputs: Interactions) -> tuple[Tensor, Tensor | None]:
        """Return the scores of a training step, with dropout, and the penalty."""
        noise = torch.Generator().manual_seed(batch.key >> 1)
        hidden, penalties = self.encode(self.first(batch.user, inputs, noise), noise)  # (B, h), (B,)
        self.passed(len(batch.user) / (np.count_nonzero(inputs.user_counts) if item is None else len(inputs)))
        return self.decode(hidden, item), None if penalties is None else self._mean(penalties, batch, item, inputs)

    def passed(self, share: float) -> None:
        """Take notice of a step over a share of the data."""

    def _mean(self, penalties: Tensor, batch: Batch, item: Tensor | None, inputs: Interactions) -> Tensor:
        """Return the mean () of the users' penalties (B,), of which pairs have a share each."""
        if item is None:
            return penalties.mean()
        shares = torch.from_numpy(inputs.user_counts[batch.user.cpu().numpy()])  # (B,)
        return (penalties / shares.to(penalties)).mean()

    def forward(self, user: Tensor, inputs: Interactions) -> Tensor:
        """Return the scores of all items (b, I), without noise."""
        return self.decode(self.encode(self.first(user, inputs, None), None)[0], None)

    def score(self, user: Tensor, item: Tensor, inputs: Interactions) -> Tensor:
        """Return the scores (B, M) of each user (B,) with its own items (B, M) int64, without noise."""
        return self.decode(self.encode(self.first(user, inputs, None), None)[0], item)

    @abstractmethod
    def encode(self, first: Tensor, noise: torch.Generator | None) -> tuple[Tensor, Tensor | None]:
        """Return the last hidden layer (B, h) for the first one (B, h), and the users' penalties (B,) if any.

        Without `noise`, which training passes, nothing is random.
        """

    def make_outer_layers(self, n_items: int, first: int, last: int, init: str, generator: torch.Generator) -> None:
        """Create the layer from the items to the first hidden one and that from the last hidden one to the items."""
        self.into, self.into_bias = layer(n_items, first, init, generator)  # (I, h), (h,)
        self.out, _ = layer(n_items, last, init, generator)  # (I, h)
        self.out_bias = nn.Parameter(torch.zeros(n_items))  # (I,)

    def first(self, user: Tensor, inputs: Interactions, noise: torch.Generator | None) -> Tensor:
        """Return the first hidden layer (B, h): the sum over a user's items."""
        rows = user.cpu().numpy()  # (B,)
        count = inputs.user_counts[rows]  # (B,)
        start = np.cumsum(count) - count  # (B,)
        place = np.arange(int(count.sum())) + np.repeat(inputs.indptr[rows] - start, count)  # (pairs,)
        item = torch.from_numpy(inputs.items[place].astype(np.int64))  # (pairs,)
        size = torch.from_numpy(np.repeat(1 / np.sqrt(np.maximum(count, 1)), count))  # (pairs,)
        weight = size.to(self.into.dtype)  # (pairs,)
        if noise is not None and self.dropout > 0:
            kept = torch.rand(len(item), generator=noise) >= self.dropout  # (pairs,)
            weight = weight * kept / (1 - self.dropout)  # (pairs,)
        device = self.into.device
        total: Tensor = embedding_bag(
            item.to(device),
            self.into,
            torch.from_numpy(start).to(device),
            mode="sum",
            per_sample_weights=weight.to(device),
        )  # (B, h)
        return torch.tanh(total + self.into_bias)  # (B, h)

    def decode(self, hidden: Tensor, item: Tensor | None) -> Tensor:
        """Return the scores of a hidden layer (B, h) with its own items (B, M), or with all (B, I)."""
        query, target = (unit(hidden), unit(self.out)) if self.cosine else (hidden, self.out)  # (B, h), (I, h)
        bias = torch.zeros_like(self.out_bias) if self.cosine else self.out_bias  # (I,)
        if item is None:
            return torch.addmm(bias, query, target.t())  # (B, I)
        return products(query, target, item.to(torch.int32)) + bias[item]  # (B, M)


def layer(rows: int, columns: int, init: str, generator: torch.Generator) -> tuple[nn.Parameter, nn.Parameter]:
    """Return the weights (rows, columns) and the biases (columns,) of a layer.

    Weights are N(0, 2 / (rows + columns)) for "xavier" and N(0, 1) for "normal"; biases N(0, .001^2).
    """
    scale = 1.0 if init == "normal" else (2 / (rows + columns)) ** 0.5
    weight = torch.randn(rows, columns, generator=generator) * scale  # (rows, columns)
    return nn.Parameter(weight), nn.Parameter(torch.randn(columns, generator=generator) * 1e-3)  # (columns,)
