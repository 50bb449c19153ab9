"""Popularity: the most bought items, the same for everybody."""

import torch
from torch import Tensor

from rankbench.backbones import LossFree
from rankbench.data.interactions import Interactions


class Popularity(LossFree):
    r"""Popularity: the number of train interactions of an item, whoever asks.

    $$s(u, i) = |P_i|$$

    Cremonesi, Koren, Turrin: Performance of recommender algorithms on top-N recommendation tasks. RecSys 2010.
    """

    paper = "Cremonesi, Koren, Turrin, RecSys 2010"
    folds_in = True

    def fit(self, train: Interactions, seed: int) -> None:
        """Count."""
        self.n_users = train.n_users
        self.count = torch.from_numpy(train.item_counts).float()  # (I,)

    def forward(self) -> tuple[Tensor, Tensor]:
        """Return vectors of one dimension: 1 for every user, its count for every item."""
        return torch.ones(self.n_users, 1), self.count[:, None]  # (U, 1), (I, 1)
